"""Two configurations in full, against statistics written down plainly."""

import shutil
from dataclasses import replace

import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from tests.report import known, plain
from topkbench.errors import DataError, UsageError
from topkbench.report import compare, gather

METHODS = "these methods (seeds and images vary)"
HERE = "these methods on these images (seeds alone vary)"
HEADS = "these trained heads (images alone vary)"
UNIFORM = ["p_k=.2 .2 .2 .2 .2"]


@pytest.fixture(scope="module")
def uniform(results):
    """Birds and ponds, trained with one P_K: a method's name is a configuration's."""
    return gather(results, where=UNIFORM)


def lines(table, metric):
    return [row for row in table.figures.to_dict("records") if row["metric"] == metric]


def hits(method, k, seeds=known.SEEDS):
    return [known.hits(method, known.UNIFORM, seed, k, f"per_metric_top{k}") for seed in seeds]


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_five_seeds(uniform, k):
    birds, _ = compare.build(uniform, "bitonic", "softsort")
    a, b = hits("bitonic", k), hits("softsort", k)
    methods, here, heads, *by_seed = lines(birds, f"top{k}")
    differences = [(sum(y) - sum(x)) / 200 for x, y in zip(a, b, strict=True)]
    assert (methods["about"], here["about"], heads["about"]) == (METHODS, HERE, HEADS)
    for line in (methods, here, heads):
        assert line["difference"] == pytest.approx(sum(differences) / 5)
        assert line["low"] < line["difference"] < line["high"]
    assert methods["p"] == pytest.approx(plain.crossed(a, b), rel=1e-9)
    student = stats.ttest_1samp(differences, 0)
    assert here["p"] == pytest.approx(student.pvalue, rel=1e-6)
    assert (here["low"], here["high"]) == pytest.approx(student.confidence_interval(0.95), rel=1e-6)
    assert heads["p"] == pytest.approx(plain.of_heads(a, b), rel=1e-6)
    assert [line["about"] for line in by_seed] == [f"seed {seed}" for seed in known.SEEDS]
    for line, x, y in zip(by_seed, a, b, strict=True):
        only_a, only_b = (
            sum(p and not q for p, q in zip(x, y, strict=True)),
            sum(q and not p for p, q in zip(x, y, strict=True)),
        )
        assert (line["only_a"], line["only_b"]) == (only_a, only_b)
        assert line["p"] == pytest.approx(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue, rel=1e-9)
        assert (line["a"], line["b"]) == (sum(x) / 200, sum(y) / 200)


def test_what_stands_in_the_cells(uniform):
    """bitonic's 98 … 102 of 200 rows against softsort's 118, 121, 119, 122, 120: all of the difference is its own."""
    birds, ponds = compare.build(uniform, "bitonic", "softsort")
    assert birds.title == "birds: A = bitonic [.2 .2 .2 .2 .2], B = softsort [.2 .2 .2 .2 .2]"
    assert list(map(str, birds.columns)) == [
        "metric", "claim about", "A", "B", "B − A", "interval", "only A", "only B", "p",
    ]  # fmt: skip
    rows = [[str(cell) for cell in row] for row in birds.rows]
    assert len(rows) == 4 * (3 + 5)
    assert rows[0][:5] == ["top-1", METHODS, "50.00", "60.00", "+10.00"]
    assert rows[3][2:] == ["49.00", "59.00", "+10.00", "", "0", "20", "1.9e-06"]  # 2 / 2^20
    assert rows[4][2:] == ["49.50", "60.50", "+11.00", "", "0", "22", "4.8e-07"]
    assert rows[8][:5] == ["top-5", METHODS, "85.00", "84.00", "-1.00"]
    # Of the 50 rows of ponds 30 and 26 are right, the same but for four.
    assert [str(cell) for cell in ponds.rows[1]] == ["top-1", "seed 0", "60.00", "52.00", "-8.00", "", "4", "0", "0.12"]
    assert "each metric at the evaluation that is best in it on validation (per_metric)" in birds.caption


def test_the_order_turns_every_sign(uniform):
    there, back = (
        compare.build(uniform, *order)[0].figures for order in (("bitonic", "softsort"), ("softsort", "bitonic"))
    )
    assert back["difference"].tolist() == pytest.approx((-there["difference"]).tolist())
    assert back["p"].tolist() == pytest.approx(there["p"].tolist())
    ends = there["low"].notna()
    assert back.loc[ends, "low"].tolist() == pytest.approx((-there.loc[ends, "high"]).tolist())


def test_the_rule_decides_which_ranks_count(results):
    table, *_ = compare.build(gather(results, "last", where=UNIFORM), "bitonic", "softsort")
    *_, seed4 = lines(table, "top1")
    assert (seed4["a"], seed4["b"]) == ((102 - 10) / 200, (120 - 10) / 200)
    assert "at the last evaluation (last)" in table.caption


def test_the_same_rows_right_are_no_difference(results):
    """Splitter selection with two P_K."""
    (table,) = compare.build(gather(results), "method=spl*,p_k=.2*,dataset=birds", "method=spl*,p_k=.5*")
    assert {(line["difference"], line["p"]) for line in lines(table, "top1")} == {(0, 1)}


def test_fewer_than_five_seeds_make_no_claim_about_methods(results):
    evidence = gather(results, where=[*UNIFORM, "seed=0-2", "dataset=birds"])
    (table,) = compare.build(evidence, "bitonic", "softsort")
    heads, *by_seed = lines(table, "top1")
    assert heads["about"] == HEADS
    assert heads["p"] == pytest.approx(plain.of_heads(hits("bitonic", 1, range(3)), hits("softsort", 1, range(3))))
    assert [line["about"] for line in by_seed] == ["seed 0", "seed 1", "seed 2"]


def test_one_seed(uniform):
    _, ponds = compare.build(uniform, "bitonic", "softsort")
    assert [line["about"] for line in lines(ponds, "top1")] == [HEADS, "seed 0"]


def some(tmp_path, method, seeds, **options):
    for seed in seeds:
        within = known.birds(method, known.UNIFORM, seed)
        known.save(tmp_path, known.record("birds", method, known.UNIFORM, seed, within, **options), within)
    return tmp_path


def test_without_a_common_seed_the_lowest_ones_are_compared(tmp_path):
    some(tmp_path, "bitonic", [1, 2])
    some(tmp_path, "softsort", [3, 4])
    (table,) = compare.build(gather(tmp_path), "bitonic", "softsort")
    heads, seeds = lines(table, "top1")
    assert (heads["about"], seeds["about"]) == (HEADS, "seed 1 of A, 3 of B")
    x, y = known.hits("bitonic", known.UNIFORM, 1, 1, "last"), known.hits("softsort", known.UNIFORM, 3, 1, "last")
    assert seeds["difference"] == pytest.approx((sum(y) - sum(x)) / 200)


# Which two


def test_a_condition_or_the_beginning_of_a_run_id_names_a_configuration(results):
    evidence = gather(results, where=["dataset=birds"])
    by_condition = compare.build(evidence, "method=softsort,p_k=.2*", "method=bitonic,p_k=.2*")
    run = next(run for _, run in evidence.runs.iterrows() if (run["method"], run["p_k"]) == ("softsort", known.UNIFORM))
    by_id = compare.build(evidence, run["run_id"][:14], "method=bitonic,p_k=[.2 .2 .2 .2 .2]")
    assert by_id[0].rows == by_condition[0].rows


def test_a_name_of_several_is_refused_with_what_tells_them_apart(results, tmp_path):
    with pytest.raises(UsageError) as caught:
        compare.build(gather(results), "bitonic", "softsort")
    assert str(caught.value) == (
        "--compare: 3 configurations on birds are 'bitonic': bitonic [0 0 0 0 1]; bitonic [.2 .2 .2 .2 .2]; "
        "bitonic [.5 0 0 0 .5]; tell them apart by a condition, as in 'method=softsort,m=16', or by a RUN_ID"
    )
    some(tmp_path, "bitonic", [0])
    some(tmp_path, "bitonic", [0], nloglr=3.0)
    with pytest.raises(UsageError, match=r"bitonic \[.2 .2 .2 .2 .2\] nloglr=2; bitonic \[.2 .2 .2 .2 .2\] nloglr=3;"):
        compare.build(gather(tmp_path), "bitonic", "bitonic")


@pytest.mark.parametrize("name", ["emd", "bitonic-ffffffff", "method=emd", "seed=77"])
def test_a_name_of_none_is_refused_with_those_there_are(uniform, name):
    with pytest.raises(UsageError) as caught:
        compare.build(uniform, "bitonic", name)
    assert f"no configuration is {name!r}; give a method (bitonic, neuralsort, softsort, splitter_selection)" in str(
        caught.value
    )


def test_no_data_set_with_both(tmp_path):
    some(tmp_path, "bitonic", [0])
    within = known.ponds("softsort")
    known.save(tmp_path, known.record("ponds", "softsort", known.UNIFORM, 0, within), within)
    with pytest.raises(
        UsageError, match="--compare bitonic softsort: no data set has both; their test rows cannot be paired"
    ):
        compare.build(gather(tmp_path), "bitonic", "softsort")


def test_other_data_of_the_same_name_are_no_common_data(tmp_path):
    some(tmp_path, "bitonic", [0])
    within = known.birds("softsort", known.UNIFORM, 0)
    record = known.record("birds", "softsort", known.UNIFORM, 0, within)
    known.save(tmp_path, replace(record, data={**record.data, "checksum": "ff"}), within)
    with pytest.raises(UsageError, match="no data set has both"):
        compare.build(gather(tmp_path), "bitonic", "softsort")


def test_a_data_set_that_one_lacks_is_left_out(uniform):
    (table,) = compare.build(uniform, "neuralsort", "softsort")
    assert table.title.startswith("birds: ")


def test_without_ranks_there_is_nothing_to_compare(results, tmp_path):
    shutil.copytree(results, tmp_path / "results")
    for path in (tmp_path / "results").glob("birds/softsort*/ranks.npz"):
        path.unlink()
    with pytest.raises(
        DataError, match=r"softsort-\w+/ranks\.npz does not exist; run it again with 'topkbench train --force'"
    ):
        compare.build(gather(tmp_path / "results", where=UNIFORM), "bitonic", "softsort")
