"""The selection rules on a history worked by hand."""

import numpy as np
import pytest

from topkbench.selection import Evaluation, Measured, Selection

#        epoch, step, valid top-1, valid top-5, test top-1, test top-5
HISTORY = [(1, 1, 0.10, 0.50, 0.11, 0.51), (1, 9, 0.30, 0.60, 0.31, 0.61), (2, 10, 0.30, 0.70, 0.33, 0.71),
           (2, 18, 0.20, 0.70, 0.22, 0.73)]  # fmt: skip


def follow() -> Selection:
    selection = Selection()
    for at, (epoch, step, v1, v5, t1, t5) in enumerate(HISTORY):
        valid = {"top1": v1, "top5": v5}
        is_last = at == len(HISTORY) - 1
        picked = is_last or selection.beaten(valid)
        test = Measured({"top1": t1, "top5": t5}, np.array([at]), np.array([10 + at])) if picked else None
        selection.observe(Evaluation(epoch, step, Measured(valid), test))
    return selection


def test_rules():
    selected = follow().selected()
    assert selected["per_metric"] == {  # the earliest of equals
        "valid": {"top1": 0.30, "top5": 0.70},
        "test": {"top1": 0.31, "top5": 0.71},
        "epoch": {"top1": 1, "top5": 2},
        "step": {"top1": 9, "top5": 10},
    }
    assert selected["best_top1"] == {
        "epoch": 1, "step": 9, "valid": {"top1": 0.30, "top5": 0.60}, "test": {"top1": 0.31, "top5": 0.61}
    }  # fmt: skip
    assert selected["last"]["step"] == 18
    assert selected["last"]["test"] == {"top1": 0.22, "top5": 0.73}


def test_ranks_belong_to_the_picks():
    ranks = follow().test_ranks()
    picks = {"per_metric_top1": 1, "per_metric_top5": 2, "best_top1": 1, "last": 3}
    assert {name: int(array[0]) for name, array in ranks.items() if not name.endswith("_prediction")} == picks
    assert {name: int(ranks[f"{name}_prediction"][0]) for name in picks} == {n: 10 + a for n, a in picks.items()}


def test_a_pick_without_its_test_is_an_error():
    selection = Selection()
    selection.observe(Evaluation(1, 1, Measured({"top1": 0.5})))
    with pytest.raises(ValueError, match="step 1 was picked"):
        selection.selected()
