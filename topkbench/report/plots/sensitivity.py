"""Accuracy over an option that varies among configurations otherwise alike, such as a learning rate or a temperature.

A column an option of a data set: top-1 above top-5. Values are chosen on validation, so its accuracy stands beside.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from topkbench.report import folding
from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED, SHOWN
from topkbench.report.parts import parts
from topkbench.report.plots import _estimates, _looks
from topkbench.report.plots._looks import Look
from topkbench.report.plots._parts import left_out
from topkbench.report.plots._sheet import COLUMN, log_scaled, sheet
from topkbench.report.tables._captions import chosen, sentences
from topkbench.report.values import named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEMPERATURES = frozenset({"inverse_temperature", "tau", "sigma"})
"""Options whose values are ratios, however near to each other."""

_LABELS = {"nloglr": "nloglr (learning rate: 10 to the −nloglr)"}
_HEIGHT = 2.4
_DECADE = 10  # other options that reach over one are on a logarithmic axis, too
_RING = 9  # points


class Line(NamedTuple):
    """Configurations that differ in one option alone.

    Attributes:
        name: what they have in common.
        rows: in the order of the option's values.
    """

    name: str
    rows: pd.DataFrame


class Panel(NamedTuple):
    """An option on a data set."""

    title: str
    option: str
    lines: Sequence[Line]


def draw(evidence: Evidence, data: Callable[[], Path]) -> tuple["Figure", list[str]]:
    """Draw the figure.

    Raises:
        UsageError: no option varies.
    """
    panels = list(_panels(evidence))
    lines = [line for panel in panels for line in panel.lines]
    rows = pd.concat([line.rows for line in lines] or [evidence.rows[:0]])
    cure = "train one, such as one of another --nloglr"
    notes = left_out(evidence, rows, "a counterpart that differs in one numeric option alone", cure)
    looks = _looks.looks(line.name for line in lines)
    figure, axes = sheet([_HEIGHT] * len(SHOWN), [COLUMN] * len(panels), _caption(evidence, rows), _looks.legend(looks))
    for column, panel in zip(axes.T, panels, strict=True):
        column[0].set_title(panel.title, loc="left", fontsize="medium")
        column[-1].set_xlabel(_LABELS.get(panel.option, panel.option))
        for axis, metric in zip(column, SHOWN, strict=True):
            axis.set_ylabel(f"{SHOWN[metric]} accuracy (%)")
            for line in panel.lines:
                _draw_line(axis, line.rows, panel.option, metric, looks[line.name])
            _scale(axis, panel)
    return figure, [*notes, *_looks.shared(looks)]


def _panels(evidence: Evidence) -> Iterator[Panel]:
    options = [name for name in folding.options(evidence.runs) if name != "checksum"]
    for title, part in parts(evidence.rows.dropna(subset=["top1_mean", "top5_mean"])):
        for option in options:
            alike = ["method", "p_k", *(other for other in options if other != option)]
            if lines := list(varied(part, option, alike)):
                yield Panel(title, option, lines)


def varied(rows: pd.DataFrame, option: str, alike: Sequence[str]) -> Iterator[Line]:
    """The configurations that agree in some columns, and of which an option takes several numeric values."""
    numeric = rows[rows[option].map(_is_number)]
    for _, part in numeric.groupby(list(alike), dropna=False, sort=False):
        if part[option].nunique() > 1:
            first = part.iloc[0]
            settings = folding.in_words(first, (name for name in first["told"] if name != option))
            yield Line(named({**first, "settings": settings}), part.sort_values(option))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _draw_line(axis: "Axes", rows: pd.DataFrame, option: str, metric: str, look: Look) -> None:
    """Test accuracies with bars; on validation hollow and dashed; a ring around what validation chooses."""
    x, test = _values(rows, option), _estimates.accuracies(rows, metric)
    valid = 100 * rows[f"valid_{metric}_mean"].to_numpy()
    axis.errorbar(x, test.means, test.reach, **look.points | {"linestyle": "solid", "linewidth": 1}, elinewidth=0.8)
    axis.plot(x, valid, **look.points | {"linestyle": "dashed", "linewidth": 0.8, "markerfacecolor": "none"})
    if not np.isnan(valid).all():
        best = [np.nanargmax(valid)]
        axis.plot(x[best], test.means[best], "o", color=look.colour, markersize=_RING, markerfacecolor="none")


def _values(rows: pd.DataFrame, option: str) -> npt.NDArray[np.float64]:
    return rows[option].to_numpy(float)


def _scale(axis: "Axes", panel: Panel) -> None:
    x = np.concatenate([_values(line.rows, panel.option) for line in panel.lines])
    if panel.option not in _LABELS and x.min() > 0 and (panel.option in TEMPERATURES or x.max() >= _DECADE * x.min()):
        log_scaled(axis, "x")


def _caption(evidence: Evidence, rows: pd.DataFrame) -> str:
    return sentences(
        f"Solid: test accuracy, {_estimates.told(rows)}; {PICKED[evidence.select]}.",
        "Dashed: accuracy on validation. Ringed: the value that is best on validation.",
        chosen(evidence),
    )
