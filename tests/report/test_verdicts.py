"""What is bold, against statistics written down plainly."""

import math
import shutil
from itertools import combinations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from tests.report import known, plain
from topkbench import runs
from topkbench.report import gather, tables, verdicts
from topkbench.report.verdicts import MARK, Basis, Verdict

CONFIGURATIONS = [(method, p_k) for method in known.METHODS for p_k in known.P_KS]


def judged(evidence, dataset, k):
    rows = evidence.rows[evidence.rows["dataset"] == dataset]
    return verdicts.of_accuracies(evidence, rows, k, rows[f"top{k}_mean"].to_numpy())


def without_none(p):
    return [math.nan if each is None else each for each in p]


@pytest.mark.parametrize("select", runs.RULES)
@pytest.mark.parametrize("k", [1, 5])
def test_five_seeds_are_compared_as_methods(results, select, k):
    name = f"per_metric_top{k}" if select == "per_metric" else select
    hits = [[known.hits(*which, seed, k, name) for seed in known.SEEDS] for which in CONFIGURATIONS]
    expected = plain.against_best(hits)
    found = judged(gather(results, select), "birds", k)
    np.testing.assert_allclose(found.p, without_none(expected), rtol=1e-9)
    assert found.bold.tolist() == [p is None or p > 0.05 for p in expected]
    assert list(found.claims) == ["" if p is None else "methods" for p in expected]
    assert (found.pairs, "untested" in found.claims) == (66, False)


def test_the_known_records_hold_every_kind_of_pair():
    """Clearly different, barely so, not to be told apart, and the same rows right."""
    hits = [[known.hits(*which, seed, 5, "per_metric_top5") for seed in known.SEEDS] for which in CONFIGURATIONS]
    p = [each for each in plain.against_best(hits) if each is not None]
    assert min(p) < 1e-6
    assert any(0.01 < each < 0.05 for each in p)
    assert any(0.05 < each < 0.2 for each in p)
    assert max(p) == 1
    same = [known.hits("splitter_selection", p_k, 3, 1, "last") for p_k in known.P_KS[1:]]
    assert same[0] == same[1]


def test_one_seed_is_compared_by_mcnemar(evidence):
    hits = []
    for method in known.PONDS:
        ranks = known.ranks(known.at(known.ponds(method), "per_metric_top1"), 50, 0)
        hits.append([rank <= 1 for rank in ranks])
    p = {}
    for a, b in combinations(range(3), 2):
        only_a = sum(x and not y for x, y in zip(hits[a], hits[b], strict=True))
        only_b = sum(y and not x for x, y in zip(hits[a], hits[b], strict=True))
        p[a, b] = mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue
    adjusted = plain.holm(p)
    found = judged(evidence, "ponds", 1)
    np.testing.assert_allclose(found.p, [adjusted[0, 2], adjusted[1, 2], math.nan], rtol=1e-9)
    assert found.bold.tolist() == [False, False, True]
    assert list(found.claims) == ["heads", "heads", ""]
    assert found.pairs == 3


def test_three_seeds_are_compared_as_heads(noisy):
    evidence = gather(noisy, where=["label_noise=.2"])
    hits = []
    for method in ("bitonic", "softsort"):
        lost = known.NOISY[method, 0.2]
        within = [tuple(count - lost for count in known.birds(method, known.UNIFORM, seed)) for seed in (0, 1, 2)]
        ranks = [known.ranks(known.at(each, "per_metric_top5"), 200, seed) for seed, each in enumerate(within)]
        hits.append([[rank <= 5 for rank in of_seed] for of_seed in ranks])
    found = judged(evidence, "birds", 5)
    assert found.p[0] == pytest.approx(plain.of_heads(*hits), rel=1e-9)
    assert (found.bold.tolist(), list(found.claims)) == ([False, True], ["heads", ""])


def test_costs_are_compared_by_a_paired_t_over_seeds(evidence):
    rows = evidence.rows[evidence.rows["dataset"] == "birds"]

    def average(method, p_k, seed):
        return known.costs(known.at(known.birds(method, p_k, seed), "best_top1"), 200, method)["average_cost"]

    costs = [[average(*which, seed) for seed in known.SEEDS] for which in CONFIGURATIONS]
    adjusted = plain.holm({(a, b): plain.paired_t(costs[a], costs[b]) for a, b in combinations(range(12), 2)})
    best = int(np.argmin([sum(each) for each in costs]))
    expected = [math.nan if at == best else adjusted[min(at, best), max(at, best)] for at in range(12)]
    found = verdicts.of_costs(evidence, rows, "average_cost")
    np.testing.assert_allclose(found.p, expected, rtol=1e-6, atol=1e-20)
    assert found.bold.tolist() == [at == best or expected[at] > 0.05 for at in range(12)]
    assert set(found.claims) == {"methods_here", ""}
    assert found.pairs == 66


def test_costs_of_fewer_seeds_are_not_tested(evidence):
    rows = evidence.rows[evidence.rows["dataset"] == "ponds"]
    found = verdicts.of_costs(evidence, rows, "error_rate")
    assert found.bold.tolist() == [False, False, True]  # 45 of 50 right: the fewest errors
    assert (np.isnan(found.p).all(), set(found.claims), found.pairs) == (True, {"", "untested"}, 0)


def test_costs_that_nobody_has_are_nobodys_best(evidence):
    rows = evidence.rows[evidence.rows["dataset"] == "ponds"].assign(best_cost20_mean=math.nan)
    assert not verdicts.of_costs(evidence, rows, "best_cost20").bold.any()


def test_one_alone_is_no_best(evidence):
    rows = evidence.rows[evidence.rows["dataset"] == "ponds"]
    for some in (rows.head(1), rows.assign(average_cost_mean=[1.0, math.nan, math.nan])):
        assert not verdicts.of_costs(evidence, some, "average_cost").bold.any()
    alone = rows.head(1)
    assert not verdicts.of_accuracies(evidence, alone, 1, alone["top1_mean"].to_numpy()).bold.any()


def torn(folder, configuration, content=b"PK\x03\x04torn"):
    """Damage the ranks of a configuration's runs."""
    for record in folder.glob(f"birds/{configuration}*/record.json"):
        if content is None:
            (record.parent / runs.RANKS).unlink()
        else:
            (record.parent / runs.RANKS).write_bytes(content)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04torn", "short"], ids=["missing", "empty", "torn", "short"])
def test_without_ranks_there_is_no_test_but_all_else(results, tmp_path, content):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    where = ["dataset=birds", "p_k=.2 .2 .2 .2 .2"]
    if content == "short":
        content = next(folder.glob("ponds/softsort*/ranks.npz")).read_bytes()  # of 50 rows in place of 200
    whole = judged(gather(folder, where=where), "birds", 1)
    assert whole.bold.tolist() == [False, False, True, True]
    torn(folder, "softsort", content)
    found = judged(gather(folder, where=where), "birds", 1)
    assert found.bold.tolist() == [False, False, False, True]
    assert np.isnan(found.p[2])
    assert (found.claims[2], found.pairs) == ("untested", 3)
    assert Basis([found]).caption().endswith("(seeds and images vary). ‡ could not be compared with the best.")
    assert [Basis([found]).mark(claim) for claim in found.claims] == ["", "", "‡", ""]
    torn(folder, "splitter", content)  # the best: nothing can be compared with it
    found = judged(gather(folder, where=where), "birds", 1)
    assert found.bold.tolist() == [False, False, False, True]
    assert np.isnan(found.p).all()
    assert list(found.claims) == ["untested", "untested", "untested", ""]
    assert Basis([found]).caption() == "Bold: the best; nothing was tested."


def test_other_data_of_the_same_name_are_not_compared(tmp_path):
    """Were they, the 20 rows that bitonic is short of softsort would make it worse."""
    for method, checksum in (("bitonic", "aa"), ("softsort", "bb")):
        for seed in known.SEEDS:
            within = known.birds(method, known.UNIFORM, seed)
            record = known.record("birds", method, known.UNIFORM, seed, within)
            known.save(tmp_path, runs.Record(**{**vars(record), "data": {**record.data, "checksum": checksum}}), within)
    (table,) = tables.build("main", gather(tmp_path))
    assert not any(cell.bold for row in table.rows for cell in row)
    assert "Bold" not in table.caption
    assert table.figures["top1_p"].isna().all()


# What a caption says of it


def verdict(claims, bold=(True, True), pairs=1):
    return Verdict(np.array(bold), claims, np.array([math.nan, 1.0]), pairs)


def test_a_caption_names_the_claim_the_level_and_the_family():
    assert Basis([verdict(["", "methods"])]).caption() == (
        "Bold: the best, and what is not distinguishable from it (α = 0.05, Holm's correction over 1 pair)"
        " by the claim about these methods (seeds and images vary)."
    )
    assert "over all 66 pairs" in Basis([verdict(["", "heads"], pairs=66)] * 2).caption()
    assert "over up to 66 pairs" in Basis([verdict(["", "heads"]), verdict(["", "heads"], pairs=66)]).caption()


def test_of_two_claims_the_narrower_one_is_marked():
    basis = Basis([verdict(["", "heads"]), verdict(["", "methods"])])
    assert (basis.mark("methods"), basis.mark("heads"), basis.mark("")) == ("", MARK, "")
    assert f"(seeds and images vary); {MARK} about these trained heads (images alone vary" in basis.caption()
    alone = Basis([verdict(["", "heads"])])
    assert alone.mark("heads") == ""


def test_nothing_is_said_where_nothing_is_bold():
    assert Basis([]).caption() == ""
    assert Basis([verdict(["", ""], bold=(False, False))]).caption() == ""
    assert Basis([verdict(["", ""], bold=(True, False))]).caption() == "Bold: the best; nothing was tested."
