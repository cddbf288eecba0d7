"""Where two results part."""

from dataclasses import replace

import pytest

from tests.test_runs import DONE, EVALUATION
from topkbench import comparison

HISTORY = [
    {"epoch": 1, "step": 1, "loss": 2.5, "valid": EVALUATION, "test": None},
    {"epoch": 2, "step": 9, "loss": 1.5, "valid": EVALUATION, "test": EVALUATION},
]
RUN = replace(DONE, history=HISTORY)


def test_the_same_result():
    assert comparison.first_difference(RUN, replace(RUN, seconds=9.0, environment={})) is None


@pytest.mark.parametrize(
    ("changed", "place", "told"),
    [
        ({"loss": 1.25}, (2, 2, 9), "evaluation 2 (epoch 2, step 9): loss 1.5 → 1.25 (-0.25)"),
        ({"loss": None}, (2, 2, 9), "evaluation 2 (epoch 2, step 9): loss 1.5 → none"),
        ({"valid": {**EVALUATION, "top5": 0.87}}, (2, 2, 9), "2 (epoch 2, step 9): valid.top5 0.86 → 0.87 (+0.01)"),
        ({"test": None}, (2, 2, 9), "2 (epoch 2, step 9): test.top1 0.62 → none"),
        ({"step": 8}, (2, 2, 9), "evaluation 2 (epoch 2, step 9): step 9 → 8 (-1)"),
    ],
)
def test_the_first_figure_of_a_history(changed, place, told):
    found = comparison.first_difference(RUN, replace(RUN, history=[HISTORY[0], {**HISTORY[1], **changed}]))
    assert (found.evaluation, found.epoch, found.step) == place
    assert str(found).endswith(told)


def test_the_earlier_evaluation_and_in_it_the_earlier_figure_comes_first():
    both = [{**entry, "loss": 9.0, "valid": {"top1": 0.0}} for entry in HISTORY]
    found = comparison.first_difference(RUN, replace(RUN, history=both))
    assert (found.evaluation, found.figure, found.values, found.by) == (1, "loss", (2.5, 9.0), 6.5)


def test_a_history_that_goes_on():
    longer = replace(RUN, history=[*HISTORY, {**HISTORY[1], "epoch": 3}])
    assert str(comparison.first_difference(RUN, longer)) == "evaluation 3 (epoch 3, step 9): epoch none → 3"
    assert str(comparison.first_difference(longer, RUN)) == "evaluation 3 (epoch 3, step 9): epoch 3 → none"


def test_selected_accuracies_come_last():
    other = replace(RUN, selected={**RUN.selected, "last": {"test": {**EVALUATION, "top20": 0.5}}})
    found = comparison.first_difference(RUN, other)
    assert str(found) == "selected: last.test.top20 0.95 → 0.5 (-0.45)"
    assert found.document() == {
        "evaluation": None, "epoch": None, "step": None, "figure": "last.test.top20",
        "values": (0.95, 0.5), "by": pytest.approx(-0.45),
    }  # fmt: skip


def test_an_environment_is_versions_and_machines_not_what_was_measured_there():
    one, other = (replace(RUN, environment={"torch": t, "memory": m}) for t, m in (("2.10", 1), ("2.11", 2)))
    assert comparison.environments(one, other) == {"torch": ("2.10", "2.11")}
