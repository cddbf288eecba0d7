"""Published figures beside the measured: which belongs to which row, and how each is written."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from topkbench.report import published
from topkbench.report.cells import Cell, Footnotes
from topkbench.report.evidence import Evidence
from topkbench.report.figures import DECIMALS
from topkbench.report.published import Known

Figure = Mapping[Hashable, Any]
"""A line of published.csv."""

IDLE = {"--published": "figures of papers stand beside those of main and hierarchy alone"}
"""Of all other tables."""

ABOVE = ("published", "Δ")
"""The columns beside a metric that papers have figures of: theirs, and the measured minus it."""


class Alone(NamedTuple):
    """What only papers have figures of."""

    method: str
    backbone: str

    def names(self) -> list[Cell]:
        """The cells of method, P_K and settings, of which papers' figures have the first."""
        return [Cell(", ".join(filter(None, self))), Cell(""), Cell("")]


@dataclass(frozen=True)
class Beside:
    """The published figures of one data set.

    Attributes:
        known: what papers call it.
        metrics: of which there are any.
        measured: by method and metric, of the methods and the backbone that were measured.
        alone: the others, by metric.
    """

    known: Known
    metrics: frozenset[str]
    measured: Mapping[tuple[str, str], Figure]
    alone: Mapping[Alone, Mapping[str, Figure]]


def beside(evidence: Evidence, rows: pd.DataFrame, metrics: Sequence[str]) -> Beside:
    """What papers have of the data set of some configurations."""
    first = rows.iloc[0]
    known = published.known_as(first["dataset"], first["n_classes"], first["dim"])
    figures = published.of(evidence.published, known, metrics)
    there = set(rows["method"])
    measured: dict[tuple[str, str], Figure] = {}
    alone: dict[Alone, dict[str, Figure]] = {}
    # Of several the last stays: by name before by family, primary before secondary, the user's before those that ship.
    for figure in sorted(figures.to_dict("records"), key=lambda of: (of["method"] in there, of["grade"] == "primary")):
        meant = there.intersection(published.methods(figure["method"])) if figure["same"] else ()
        for method in meant:
            measured[method, figure["metric"]] = figure
        if not meant:
            alone.setdefault(Alone(figure["method"], figure["backbone"]), {})[figure["metric"]] = figure
    return Beside(known, frozenset(figures["metric"]), measured, alone)


def cells(figure: Figure | None, mean: float | None, notes: Footnotes) -> list[Cell]:
    """The published figure, its source in a footnote, and what the measured one (in its unit) has more."""
    if figure is None:
        return [Cell(""), Cell("")]
    value = figure["value"]
    more = "" if mean is None or pd.isna(mean) else f"{mean - value:+.{DECIMALS}f}"
    return [Cell(f"{value:.{DECIMALS}f}", mark=notes.mark(_source(figure))), Cell(more)]


def _source(figure: Figure) -> str:
    of = ", ".join(filter(None, [figure["paper"], figure["method"], figure["backbone"]]))
    return f"{of}: {figure['source']}{'' if figure['grade'] == 'primary' else ' (secondary source)'}"
