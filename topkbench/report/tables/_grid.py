"""Tables that set one option against the methods: a row for each of its values, columns for each method.

Of several configurations that belong in one cell, the one with the best validation top-1 stands there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pandas as pd

from topkbench.report import folding
from topkbench.report.cells import Cell, Column, Footnotes, Table, text
from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED, SHOWN
from topkbench.report.parts import parts
from topkbench.report.tables import _accuracies, _captions, _missing, _published
from topkbench.report.tables._accuracies import METRICS
from topkbench.report.values import show_p_k
from topkbench.report.verdicts import Basis, Verdict

IDLE = {"--group-by": "each of its cells holds the best on validation as it is", **_published.IDLE}
"""Flags that mean nothing to a grid, and why."""

Level = tuple[Any, ...]
"""The value of a row: of one option, or of several that belong together."""


@dataclass(frozen=True)
class Axis:
    """What the rows of a grid are of.

    Attributes:
        name: of the table.
        header: above the values.
        options: that make up a value.
        show: how a value is written.
        is_one_family: whether all cells are compared with each other, or those of each row among themselves.
    """

    name: str
    header: str
    options: Sequence[str]
    show: Callable[[Level], str]
    is_one_family: bool = False


def build(evidence: Evidence, configurations: pd.DataFrame, axis: Axis) -> list[Table]:
    """One table for each data set."""
    return [_table(evidence, title, part, axis) for title, part in parts(configurations)]


def _table(evidence: Evidence, title: str, rows: pd.DataFrame, axis: Axis) -> Table:
    across = ["method"] if "p_k" in axis.options else ["method", "p_k"]
    best = folding.best_on_validation(rows, [*across, *axis.options])
    is_a_choice = len(best) < len(rows)
    levels = sorted(set(_keys(best, axis.options)), key=_order)
    heads = list(dict.fromkeys(_keys(best, across)))
    best, found = _judged(evidence, best, axis)
    basis, notes, told = Basis(found), Footnotes(), _captions.numbers(best)
    by_place = {
        (level, head): row
        for level, head, (_, row) in zip(_keys(best, axis.options), _keys(best, across), best.iterrows(), strict=True)
    }
    dataset = str(rows["dataset"].iloc[0])

    def cells(level: Level, head: Level) -> list[Cell]:
        row = by_place.get((level, head))
        if row is not None:
            return [_accuracies.cell(row, metric, basis, with_n=bool(told)) for metric in METRICS]
        method, p_k = (*head, *level)[:2]
        settings = dict(zip(axis.options, level, strict=True))
        lacking = _missing.missing(evidence, notes, dataset, method, p_k or (), settings)
        return [lacking] * len(METRICS)

    return Table(
        name=axis.name,
        title=title,
        columns=[text(axis.header), *(Column(SHOWN[metric], _head(head)) for head in heads for metric in METRICS)],
        rows=[[Cell(axis.show(level)), *chain.from_iterable(cells(level, head) for head in heads)] for level in levels],
        caption=_captions.sentences(
            f"Test accuracy in percent, {_captions.spreads(best)}; {PICKED[evidence.select]}.",
            told,
            "Of several configurations the one with the best validation top-1." if is_a_choice else "",
            "" if axis.is_one_family else "Rows are compared each for itself.",
            basis.caption(),
        ),
        figures=best,
        footnotes=notes.by_mark(),
    )


def _judged(evidence: Evidence, rows: pd.DataFrame, axis: Axis) -> tuple[pd.DataFrame, list[Verdict]]:
    """The rows with what comes of comparing them, all or those of each level."""
    families = [rows] if axis.is_one_family else [part for _, part in rows.groupby(list(axis.options), dropna=False)]
    judged = [_accuracies.compared(evidence, family) for family in families]
    return pd.concat([part for part, _ in judged]).loc[rows.index], [v for _, found in judged for v in found]


def _keys(rows: pd.DataFrame, columns: Sequence[str]) -> list[Level]:
    """Whatever is no value, of an option that a method has not, is None."""
    plain = rows[list(columns)].astype(object)
    return [tuple(row) for row in plain.where(plain.notna(), None).itertuples(index=False)]


def _order(level: Level) -> list[tuple[bool, str, float]]:
    """Nothing last, then words, then numbers by size."""
    return [(each is None, *(("", each) if isinstance(each, int | float) else (str(each), 0))) for each in level]


def _head(head: Level) -> str:
    return " ".join([head[0], *(show_p_k(p_k) for p_k in head[1:] if p_k)])
