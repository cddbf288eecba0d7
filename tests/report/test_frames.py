"""One flat row a run."""

from dataclasses import replace

import pytest

from tests.report.conftest import FAILURE
from topkbench import report
from topkbench.errors import UsageError


def test_a_run_is_one_row_of_plain_values(run):
    frame = report.frame([run(0.61, hidden_dims=[64, 32]), run(seed=1, m=None, distribution="cauchy")])
    first = frame.iloc[0]
    assert (first["method"], first["p_k"], first["dataset"], first["seed"]) == (
        "softsort",
        (0.5, 0.5),
        "wordnet826",
        0,
    )
    assert (first["top1"], first["top5"], first["top10"], first["top20"]) == (0.61, 0.81, 0.9, 0.95)
    assert (first["n_test"], first["status"], first["seconds"], first["run_id"]) == (
        2478,
        "done",
        1.5,
        "softsort-0",
    )
    assert (first["hidden_dims"], first["nloglr"]) == ((64, 32), 2.0)
    assert isinstance(first["m"], int), "an option that another run lacks stays what it was"


def test_records_older_than_an_option_fold_with_younger_ones(run):
    """Their run ids are those of runs that leave the option alone; what has no effect tells none apart."""
    adam = {"optimizer": "adam", "momentum": 0.9, "nesterov": False, "weight_decay": 0.0, "lr_steps": []}
    clean = {"label_noise": 0.0, "noise_block": 5, "train_per_class": None, "train_fraction": None}
    records = [run(0.60), run(0.62, seed=1, **adam, **clean), run(0.64, seed=2, **{**adam, "nesterov": True}, **clean)]
    (row,) = report.rows(report.numbered(report.frame(records))).to_dict("records")
    assert (row["n_seeds"], row["settings"]) == (3, "")


def test_the_rule_picks_the_evaluation(run):
    record = run()
    chosen = {rule: {"test": {"top1": top1}} for rule, top1 in [("per_metric", 0.3), ("best_top1", 0.2), ("last", 0.1)]}
    record = replace(record, selected=chosen)
    picked = {rule: report.frame([record], rule)["top1"].item() for rule in chosen}
    assert picked == {"per_metric": 0.3, "best_top1": 0.2, "last": 0.1}
    assert report.frame([record])["top1"].item() == 0.3
    assert report.frame([record])["top5"].isna().all()


def test_a_run_that_failed_has_no_accuracies(run):
    frame = report.frame([run(status="failed")])
    assert frame["top1"].isna().all()
    assert frame["error"].item() == FAILURE


def test_an_unknown_rule_is_refused(run):
    with pytest.raises(UsageError, match="unknown selection rule 'best'; choose one of per_metric, best_top1, last"):
        report.frame([run()], "best")


def test_no_records_make_no_rows():
    assert report.frame([]).empty


def test_costs_are_those_of_one_evaluation(run):
    """Of per_metric, which picks one evaluation a metric, those of the best top-1."""
    record = run(costs={"average_cost": 9.0})
    at = {"best_top1": {"test": {}, "epoch": 3, "step": 30, "test_costs": {"average_cost": 1.5}}}
    record = replace(record, selected={**record.selected, **at})
    (row,) = report.frame([record]).to_dict("records")
    assert (row["average_cost"], row["epoch"], row["step"]) == (1.5, 3, 30)
    assert report.frame([record], "last")["average_cost"].item() == 9.0


def test_what_a_run_spent(run):
    """200 steps in 1.5 seconds are 133.3 a second; without a history there is no number of them."""
    history = [{"step": 100}, {"step": 200}]
    environment = {"memory": 2**20, "heads": 6, "device": "x86_64"}
    (row,) = report.frame([replace(run(), history=history, environment=environment)]).to_dict("records")
    assert row["steps_per_second"] == pytest.approx(200 / 1.5)
    assert (row["seconds"], row["memory"], row["heads"], row["machine"]) == (1.5, 2**20, 6, "x86_64")
    assert report.frame([run()])["steps_per_second"].isna().all()
