"""Where two records part: in which values they differ, and in which figure their results differ first.

The same result is the same history and the same selected accuracies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from topkbench.runs import Record

Pair = tuple[Any, Any]
"""A value of the first and of the second; None where there is none."""


@dataclass(frozen=True)
class Difference:
    """The first figure in which two results differ.

    Attributes:
        evaluation: its number in the history, from 1; None where it is the selected accuracies that differ first.
        epoch: of that evaluation.
        step: likewise.
        figure: its dotted name, such as valid.top1.
        values: what each result has there.
    """

    evaluation: int | None
    epoch: int | None
    step: int | None
    figure: str
    values: Pair

    @property
    def by(self) -> float | None:
        """The second value minus the first, where both are numbers."""
        one, other = self.values
        both = isinstance(one, int | float) and isinstance(other, int | float)
        return other - one if both else None

    def document(self) -> dict[str, Any]:
        """Its fields for JSON."""
        return {**asdict(self), "by": self.by}

    def __str__(self) -> str:
        numbered = f"evaluation {self.evaluation} (epoch {self.epoch}, step {self.step})"
        one, other = ("none" if value is None else value for value in self.values)
        by = "" if self.by is None else f" ({self.by:+.3g})"
        return f"{numbered if self.evaluation else 'selected'}: {self.figure} {one} → {other}{by}"


def first_difference(one: Record, other: Record) -> Difference | None:
    """The first figure in which two results differ, or None where they are the same."""
    found = of_histories(one.history, other.history)
    selected = differing(one.selected, other.selected)
    if found or not selected:
        return found
    figure = next(iter(selected))
    return Difference(None, None, None, figure, selected[figure])


def of_histories(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> Difference | None:
    """The first figure in which two histories differ; where one is longer, that is in its first further evaluation."""
    nothing: Mapping[str, Any] = {}
    for number, (mine, theirs) in enumerate(zip_longest(one, other, fillvalue=nothing), start=1):
        if found := differing(mine, theirs):
            at = {**flat(theirs), **flat(mine)}
            figure = next(iter(found))
            return Difference(number, at.get("epoch"), at.get("step"), figure, found[figure])
    return None


def environments(one: Record, other: Record) -> dict[str, Pair]:
    """In which versions and machines two runs differ; what was measured there, memory, is no such thing."""
    return {name: pair for name, pair in differing(one.environment, other.environment).items() if name != "memory"}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Pair]:
    """The dotted names under which two documents hold different values; a null is like nothing there.

    >>> differing({"m": 16, "test": {"top1": 0.5}}, {"m": 16.0, "test": None, "seed": 0})
    {'test.top1': (0.5, None), 'seed': (None, 0)}
    """
    mine, theirs = flat(one), flat(other)
    pairs = {name: (mine.get(name), theirs.get(name)) for name in {**mine, **theirs}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def flat(value: object, name: str = "") -> dict[str, Any]:
    """Every value of a document but its nulls, by dotted name.

    >>> flat({"epoch": 1, "valid": {"top1": 0.5}, "test": None})
    {'epoch': 1, 'valid.top1': 0.5}
    """
    if not isinstance(value, Mapping):
        return {} if value is None else {name: value}
    parts = (flat(inner, f"{name}.{key}" if name else key) for key, inner in value.items())
    return {each: inner for part in parts for each, inner in part.items()}
