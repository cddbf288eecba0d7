"""Seeds are folded, configurations are told apart."""

import math
from dataclasses import replace

import pytest

from topkbench import report, runs
from topkbench.report import folding, gather, tables
from topkbench.report.folding import repeated


def fold(*records):
    return report.rows(report.numbered(report.frame(records)))


def test_three_seeds_fold_to_mean_and_sample_deviation(run):
    # (.60 + .62 + .64) / 3 = .62; ((.02² + 0 + .02²) / 2)^½ = .02
    row = fold(run(0.60, seed=0), run(0.62, seed=1), run(0.64, seed=2)).iloc[0]
    assert row["n_seeds"] == 3
    assert row["top1_mean"] == pytest.approx(0.62)
    assert row["top1_std"] == pytest.approx(0.02)
    assert row["top5_mean"] == pytest.approx(0.82)
    assert row["settings"] == ""


def test_one_seed_has_no_deviation(run):
    row = fold(run(0.6)).iloc[0]
    assert row["n_seeds"] == 1
    assert math.isnan(row["top1_std"])


def test_only_runs_that_are_done_count(run):
    row = fold(run(0.6), run(seed=1, status="failed"), run(seed=2, status="interrupted")).iloc[0]
    assert (row["n_seeds"], row["top1_mean"]) == (1, 0.6)


def test_two_configurations_of_one_method_are_told_apart_by_what_differs(run):
    rows = fold(run(0.5, nloglr=2.0), run(0.6, nloglr=4.5, m=50), run(0.7, nloglr=4.5, m=50, seed=1))
    assert rows["settings"].tolist() == ["nloglr=2 m=16", "nloglr=4.5 m=50"]
    assert rows["n_seeds"].tolist() == [1, 2]
    assert rows["top1_mean"].tolist() == pytest.approx([0.5, 0.65])


def test_an_option_that_one_run_lacks_tells_it_apart(run):
    rows = fold(run(hidden_dims=[64, 32]), run())
    assert rows["settings"].tolist() == ["hidden_dims=64,32", "hidden_dims=none"]


def test_methods_p_k_and_data_sets_are_rows_of_their_own_without_settings(run):
    rows = fold(run(m=50), run(p_k=[1]), run(method="neuralsort"), run(dataset="another"))
    assert rows["settings"].tolist() == [""] * 4
    assert rows["dataset"].tolist() == ["another", *["wordnet826"] * 3]


@pytest.mark.parametrize("where", [{"device": "cuda"}, {"residency": "mmap"}, {"eval_test": "picked"}])
def test_where_a_run_ran_is_no_setting(run, where):
    here = dict.fromkeys(where, "auto")
    assert fold(run(**here), run(seed=1, **where))["n_seeds"].tolist() == [2]


def test_equal_numbers_are_equal_settings(run):
    assert fold(run(nloglr=2, p_k=[1]), run(nloglr=2.0, p_k=[1.0], seed=1))["n_seeds"].tolist() == [2]


def test_other_data_of_the_same_name_are_not_pooled(run):
    rows = fold(run(checksum="ab" * 32), run(checksum="cd" * 32, seed=1))
    assert rows["n_seeds"].tolist() == [1, 1]
    assert rows["checksum"].tolist() == ["ab" * 32, "cd" * 32]
    assert rows["settings"].tolist() == ["", ""]  # titles tell data apart


def test_costs_of_different_hierarchies_are_not_folded(run):
    """Two seeds of one hierarchy fold, 1 and 2 to 1.5; one of another, or of none, leaves no costs but accuracies."""
    one, two = (run(0.6, seed=s, costs={"average_cost": c}, hierarchy="a") for s, c in ((0, 1.0), (1, 2.0)))
    other = run(0.9, seed=2, costs={"average_cost": 9.0}, hierarchy="b")
    row = fold(one, two).iloc[0]
    assert (row["average_cost_mean"], row["hierarchy"]) == (1.5, "a")
    for third in (other, run(0.9, seed=2)):
        row = fold(one, two, third).iloc[0]
        assert (row["n_seeds"], row["top1_mean"]) == (3, pytest.approx(0.7))
        assert math.isnan(row["average_cost_mean"])
        assert row["hierarchy"] is None
    older = [run(0.6, seed=s, costs={"average_cost": 3.0}) for s in (0, 1)]  # that do not name theirs
    assert fold(*older)["average_cost_mean"].item() == 3.0


def test_what_differs_between_data_sets_alone_is_no_setting(run):
    """As nloglr, of which each data set has its own; what differs within one, as m, is told of all."""
    rows = fold(run(m=16), run(m=50), run(dataset="another", nloglr=4.0, m=50))
    assert rows[["dataset", "settings"]].to_numpy().tolist() == [
        ["another", "m=50"], ["wordnet826", "m=16"], ["wordnet826", "m=50"],
    ]  # fmt: skip


def test_configurations_are_numbered_and_runs_that_are_not_done_are_of_none(run):
    frame = report.numbered(report.frame([run(m=50), run(m=50, seed=1), run(), run(seed=2, status="failed")]))
    assert frame.sort_index()["configuration"].tolist() == [0, 0, 1, -1]


def test_the_best_on_validation_need_not_be_the_best_on_test(run):
    def judged(valid, top1, **options):
        record = run(top1, **options)
        return replace(
            record, selected={rule: {**at, "valid": {"top1": valid}} for rule, at in record.selected.items()}
        )

    rows = fold(judged(0.7, 0.5, m=16), judged(0.6, 0.9, m=50), judged(0.1, 0.1, method="bitonic"), run(dataset="b"))
    best = folding.best_on_validation(rows, ["method"])
    assert best[["dataset", "method", "m"]].to_numpy().tolist() == [
        ["b", "softsort", 16], ["wordnet826", "bitonic", 16], ["wordnet826", "softsort", 16],
    ]  # fmt: skip
    alike = fold(judged(0.6, 0.5, m=16), judged(0.6, 0.9, m=50))
    assert folding.best_on_validation(alike, ["method"])["m"].tolist() == [16]  # the first of equals
    unknown = fold(run(0.9, m=16), judged(0.6, 0.5, m=50))
    assert folding.best_on_validation(unknown, ["method"])["m"].tolist() == [50]


def test_the_run_with_the_lowest_seed_stands_for_its_configuration(run):
    records = [run(seed=3), run(seed=1), run(seed=0, status="failed"), run(seed=2, method="bitonic")]
    frame = report.numbered(report.frame(records))
    assert folding.representatives(frame)[["method", "seed"]].to_numpy().tolist() == [["bitonic", 2], ["softsort", 1]]


def test_runs_that_repeat_a_seed_are_found(run):
    frame = report.numbered(report.frame([run(), run(), run(seed=1), run(seed=1, status="failed")]))
    assert repeated(frame)["seed"].tolist() == [0, 0]


def test_columns_begin_with_what_and_how_much(run):
    assert " ".join(list(fold(run()).columns)[:15]) == (
        "configuration told dataset method p_k settings n_seeds hierarchy n_test n_classes dim select "
        "top1_mean top1_std top5_mean"
    )


def test_what_tells_runs_apart_is_never_read_back_from_words(run, tmp_path):
    for tag in ("a k=1", "b"):
        record = run(method="mine", tag=tag)
        runs.save(tmp_path, runs.Record(**{**vars(record), "run_id": f"mine-{tag[0]}"}))
    runs.save(tmp_path, run(dataset="other"))
    evidence = gather(tmp_path)
    assert evidence.rows["told"].tolist() == [(), ("tag",), ("tag",)]
    assert evidence.rows["settings"].tolist() == ["", "tag=a k=1", "tag=b"]
    assert tables.build("main", evidence)


def test_an_option_called_like_an_outcome_tells_runs_apart(run):
    rows = fold(run(0.5, heads=1), run(0.7, heads=2))
    assert rows["settings"].tolist() == ["heads_option=1", "heads_option=2"]
    assert rows["n_seeds"].tolist() == [1, 1]
