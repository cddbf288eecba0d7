"""Two runs side by side: what differs in their settings, data and environment, and what in their results."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from topkbench import comparison, runs
from topkbench.comparison import Difference, Pair
from topkbench.errors import DataError, first_line
from topkbench.lookup import Found
from topkbench.option_effects import with_effect
from topkbench.report.frames import METRICS
from topkbench.report.hits import array_name
from topkbench.runs import RULES, AnyArray, Record, Rule

Discordant = tuple[int, int]
"""Test rows that only the first run gets right, and that only the second does."""


@dataclass(frozen=True)
class Score:
    """A test accuracy of two runs, under a selection rule.

    Attributes:
        rule: of selection.
        metric: top1, …
        a: of the first run, a fraction; None where it has none.
        b: of the second.
        points: b − a, in hundredths.
        only_a: test rows that the first alone gets right; None where that is not known.
        only_b: that the second alone does.
    """

    rule: Rule
    metric: str
    a: float | None
    b: float | None
    points: float | None
    only_a: int | None
    only_b: int | None


@dataclass(frozen=True)
class RunDifference:
    """What differs between two runs.

    Attributes:
        settings: by part (run, config, data, environment) the names that differ, with both values.
        scores: of every selection rule and metric, whether or not they differ.
        first: the first figure in which the results differ: history and selected accuracies.
        is_same_result: both are done, and no figure differs.
        uncounted: why it is not known which rows each gets right; None where it is.
    """

    settings: Mapping[str, Mapping[str, Pair]]
    scores: Sequence[Score]
    first: Difference | None
    is_same_result: bool
    uncounted: str | None

    def document(self) -> dict[str, Any]:
        """All of it for JSON."""
        return {
            "same_result": self.is_same_result,
            "first_difference": self.first and self.first.document(),
            "differences": self.settings,
            "scores": [asdict(score) for score in self.scores],
            "uncounted": self.uncounted,
        }


def between(a: Found, b: Found) -> RunDifference:
    """Compare two runs."""
    one, other = a.record, b.record
    parts = {
        "run": (_end(one), _end(other)),
        "config": (with_effect(one.config), with_effect(other.config)),
        "data": (one.data, other.data),
    }
    settings = {part: comparison.differing(*pair) for part, pair in parts.items()}
    settings["environment"] = comparison.environments(one, other)
    first = comparison.first_difference(one, other)
    are_done = one.status == other.status == "done"
    counts, uncounted = _counts(a, b)
    scores = [_score(a, b, rule, metric, counts.get((rule, metric))) for rule, metric in product(RULES, METRICS)]
    return RunDifference(settings, scores, first, are_done and first is None, uncounted)


def _end(record: Record) -> dict[str, str | None]:
    """How a run has ended, and why if it has failed; the traceback would not be one line."""
    return {"status": record.status, "error": first_line(record.error) or None}


def _score(a: Found, b: Found, rule: Rule, metric: str, discordant: Discordant | None) -> Score:
    one, other = ((found.record.selected.get(rule, {}).get("test") or {}).get(metric) for found in (a, b))
    points = None if one is None or other is None else 100 * (other - one)
    return Score(rule, metric, one, other, points, *(discordant or (None, None)))


def _counts(a: Found, b: Found) -> tuple[dict[tuple[Rule, str], Discordant], str | None]:
    """The discordant rows of every rule and metric; or why they cannot be counted."""
    checksums = {found.record.data.get("checksum") for found in (a, b)}
    if len(checksums) > 1 or None in checksums:
        return {}, "the runs are of other data, so that their test rows cannot be paired"
    try:
        ranks_a, ranks_b = (runs.load_ranks(found.folder) for found in (a, b))
    except DataError as error:
        return {}, str(error)
    counts = {}
    for rule, metric in product(RULES, METRICS):
        name = array_name(rule, int(metric.removeprefix("top")))
        if name in ranks_a.keys() & ranks_b.keys():  # what there is to measure has grown
            counts[rule, metric] = discordant(ranks_a[name], ranks_b[name], int(metric.removeprefix("top")))
    return counts, None


def discordant(one: AnyArray, other: AnyArray, k: int) -> Discordant:
    """How many rows only the first ranks among the k best, and how many only the second; ranks [N] from 1.

    >>> import numpy as np
    >>> discordant(np.array([1, 1, 2, 9]), np.array([1, 3, 1, 1]), 1)
    (1, 2)
    """
    hits, others = one <= k, other <= k
    return int((hits & ~others).sum()), int((others & ~hits).sum())
