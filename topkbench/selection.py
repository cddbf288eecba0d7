"""Which evaluation of a run counts: three rules, all recorded, all decided on validation alone.

- per_metric: for each of top-1, 5, 10, 20 the evaluation whose validation accuracy is best (Petersen et al. 2022).
- best_top1: one evaluation for all metrics, that of the best validation top-1.
- last: the last one.

Of equals the earliest is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Accuracies = Mapping[str, float]
Ranks = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Measured:
    """A split at one evaluation.

    Attributes:
        accuracies: top1, top5, …
        ranks: of each row's true class; of the test split alone.
        predictions: the class predicted for each row; likewise.
        costs: error_rate, average_cost, …, where the classes have a hierarchy.
    """

    accuracies: Accuracies
    ranks: Ranks | None = None
    predictions: Ranks | None = None
    costs: Mapping[str, float | None] | None = None


@dataclass(frozen=True)
class Evaluation:
    """One evaluation; epochs and steps count from 1, steps over the whole run."""

    epoch: int
    step: int
    valid: Measured
    test: Measured | None = None


class Selection:
    """Follows one run and keeps the evaluations that a rule would pick so far."""

    def __init__(self) -> None:
        self._best: dict[str, Evaluation] = {}
        self._last: Evaluation | None = None

    def beaten(self, valid: Accuracies) -> list[str]:
        """The metrics in which these validation accuracies beat the best so far."""
        return [
            metric
            for metric, value in valid.items()
            if metric not in self._best or value > self._best[metric].valid.accuracies[metric]
        ]

    def observe(self, evaluation: Evaluation) -> None:
        """Take in the next evaluation; where it beats a best, its test result must be there."""
        for metric in self.beaten(evaluation.valid.accuracies):
            self._best[metric] = evaluation
        self._last = evaluation

    def selected(self) -> dict[str, Any]:
        """The record's `selected`: per rule the accuracies, with the epoch and step they come from."""
        best = self._best
        per_metric = {
            "valid": {metric: e.valid.accuracies[metric] for metric, e in best.items()},
            "test": {metric: _test(e).accuracies[metric] for metric, e in best.items()},
            "epoch": {metric: e.epoch for metric, e in best.items()},
            "step": {metric: e.step for metric, e in best.items()},
        }
        singles = {"best_top1": best["top1"], "last": self._final()}
        return {"per_metric": per_metric, **{rule: _whole(e) for rule, e in singles.items()}}

    def test_ranks(self) -> dict[str, Ranks]:
        """The arrays of ranks.npz: of each pick, the test ranks and the predictions."""
        picks = {f"per_metric_{metric}": e for metric, e in self._best.items()}
        picks |= {"best_top1": self._best["top1"], "last": self._final()}
        found = {name: _test(e) for name, e in picks.items()}
        arrays = {name: test.ranks for name, test in found.items()}
        arrays |= {f"{name}_prediction": test.predictions for name, test in found.items()}
        return {name: array for name, array in arrays.items() if array is not None}

    def _final(self) -> Evaluation:
        if self._last is None:
            raise ValueError("nothing was evaluated yet")
        return self._last


def _test(evaluation: Evaluation) -> Measured:
    if evaluation.test is None:
        raise ValueError(f"the evaluation at step {evaluation.step} was picked, but its test split was not evaluated")
    return evaluation.test


def _whole(evaluation: Evaluation) -> dict[str, Any]:
    test = _test(evaluation)
    return {
        "epoch": evaluation.epoch,
        "step": evaluation.step,
        "valid": dict(evaluation.valid.accuracies),
        "test": dict(test.accuracies),
        **({} if test.costs is None else {"test_costs": dict(test.costs)}),
    }
