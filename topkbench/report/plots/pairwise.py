"""Every pair of configurations of a data set: which is better, and whether chance alone may have made it so.

A matrix for top-1 and one for top-5 of each data set, one below the other.

Legend: M configurations.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from topkbench.errors import DataError
from topkbench.report import hits
from topkbench.report.evidence import Evidence
from topkbench.report.figures import DECIMALS, PICKED, SHOWN
from topkbench.report.parts import parts
from topkbench.report.plots._looks import COLOURS
from topkbench.report.plots._parts import left_out, names
from topkbench.report.plots._sheet import COLUMN, LINE, SMALL, letters, sheet
from topkbench.report.statistics import Pairwise, pairwise
from topkbench.report.tables._captions import chosen, sentences
from topkbench.report.verdicts import ALPHA, MARK, about

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FINE = 6  # points: of p-values
_KS = {metric: int(metric.removeprefix("top")) for metric in SHOWN}
_MOST = 15  # configurations: of more, p-values have no room in their cells
_ALL = 30  # configurations: of more, columns have every fifth number
_WIDE, _HIGH = 0.34, 0.24  # inches: a cell with its p-value
_BESIDE, _ABOVE, _PAGE = 3.0, 0.5, 2 * COLUMN  # inches: what stands beside the cells and above, and the most of all


class Level(NamedTuple):
    """How a cell looks.

    Attributes:
        colour: of it; the significant ones differ in grey print, too.
        ink: of what is written on it.
        meaning: in the legend; nothing where there is nothing to say.
    """

    colour: str
    ink: str
    meaning: str


LEVELS: Mapping[int, Level] = {
    -2: Level(COLOURS[3], "black", f"row worse, p ≤ {ALPHA}"),
    -1: Level("#F8F4E1", "black", "row worse, not significantly"),
    0: Level("white", "black", ""),
    1: Level("#E3E1EE", "black", "row better, not significantly"),
    2: Level(COLOURS[0], "white", f"row better, p ≤ {ALPHA}"),
}
"""By the sign of the row's advantage, twice where it is significant after Holm's correction."""


class Matrix(NamedTuple):
    """Configurations of one data set in one metric.

    Attributes:
        title: the data set and the metric.
        called: [M], each with its accuracy in percent.
        found: [M, M], of all pairs.
    """

    title: str
    called: Sequence[str]
    found: Pairwise


def draw(evidence: Evidence, data: Callable[[], Path]) -> tuple["Figure", list[str]]:
    """Draw the figure.

    Raises:
        UsageError: no data set has two configurations with ranks.
    """
    compared = [(title, part) for title, part in parts(_ranked(evidence)) if len(part) > 1]
    rows = pd.concat([evidence.rows[:0], *(part for _, part in compared)])
    what, cure = "ranks and another beside it on the same data", "train another, as with another --method"
    notes = left_out(evidence, rows, what, cure)
    matrices = [matrix(evidence, title, part, metric) for title, part in compared for metric in SHOWN]
    width = min(_PAGE, _BESIDE + _WIDE * max(len(each.called) for each in matrices))
    figure, axes = sheet([*map(_height, matrices)], [width], _caption(evidence, matrices), _legend())
    both = len(_made(matrices)) > 1
    for axis, each in zip(axes.flat, matrices, strict=True):
        _draw_matrix(axis, each)
        if len(each.called) <= _MOST:
            _write_p(axis, each.found, "heads" if both else None)
    return figure, notes


def _ranked(evidence: Evidence) -> pd.DataFrame:
    """The configurations whose ranks can be read."""
    return evidence.rows[[_has_ranks(evidence, number) for number in evidence.rows["configuration"]]]


def _has_ranks(evidence: Evidence, configuration: int) -> bool:
    try:
        return all(hits.of_configuration(evidence, configuration, k) for k in _KS.values())
    except DataError:
        return False


def matrix(evidence: Evidence, title: str, part: pd.DataFrame, metric: str) -> Matrix:
    """Compare all configurations of a data set in one metric."""
    right = [hits.of_configuration(evidence, number, _KS[metric]) for number in part["configuration"]]
    accuracies = [100 * np.mean([of_seed.mean() for of_seed in each.values()]) for each in right]
    called = [f"{name}: {mean:.{DECIMALS}f}" for name, mean in zip(names(part), accuracies, strict=True)]
    return Matrix(f"{title}, {SHOWN[metric]}", called, pairwise(right))


def _height(each: Matrix) -> float:
    """Inches: all rows are as high as the one with the longest name."""
    lines = max(label.count("\n") + 1 for label in _labels(each))
    return _ABOVE + len(each.called) * max(lines * LINE, _HIGH if len(each.called) <= _MOST else 0)


def _labels(each: Matrix) -> list[str]:
    """The names, broken to the width that cells with p-values leave on a page."""
    size = len(each.called)
    width = min(_BESIDE, _PAGE - _WIDE * size) if size <= _MOST else _BESIDE
    return [f"{fill(name, letters(width))}  {at}" for at, name in enumerate(each.called, 1)]


def levels(found: Pairwise) -> npt.NDArray[np.int64]:
    """The level of each cell, [M, M]."""
    significant = found.adjusted_p <= ALPHA
    return np.asarray(-np.sign(found.estimate) * (1 + significant), np.int64)


def brief(p: float) -> str:
    """A p-value in a few letters.

    >>> brief(0.0312), brief(0.00012), brief(0.9999)
    ('.031', '<.001', '1')
    """
    if p < 0.001:
        return "<.001"
    return f"{p:.3f}".lstrip("0") if p < 0.9995 else "1"


def _draw_matrix(axis: "Axes", each: Matrix) -> None:
    from matplotlib.colors import ListedColormap

    size = len(each.called)
    colours = ListedColormap([level.colour for level in LEVELS.values()])
    axis.pcolormesh(
        levels(each.found),
        cmap=colours,
        vmin=min(LEVELS),
        vmax=max(LEVELS),
        edgecolors="white",
        linewidth=0.5,
        rasterized=size > _ALL,  # an SVG would hold each cell for itself
    )
    axis.set_title(each.title, loc="left", fontsize="medium")
    axis.set(xlim=(0, size), ylim=(size, 0))
    every = 1 if size <= _ALL else 5
    numbers = np.arange(every, size + 1, every)
    axis.set_xticks(numbers - 0.5, [str(number) for number in numbers], fontsize=SMALL)
    axis.set_yticks(np.arange(size) + 0.5, _labels(each), fontsize=SMALL)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)


def _write_p(axis: "Axes", found: Pairwise, marked: str | None) -> None:
    """Above the diagonal by Holm's correction, below it raw; those of one claim may be marked."""
    level_MM = levels(found)
    for a, b in np.argwhere(~np.isnan(found.p)):
        p = found.adjusted_p[a, b] if a < b else found.p[a, b]
        mark = MARK if found.kind[a, b] == marked else ""
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _FINE, "color": LEVELS[level_MM[a, b]].ink}
        axis.text(b + 0.5, a + 0.5, brief(p) + mark, **style)


def _legend() -> list["Artist"]:
    from matplotlib.patches import Patch

    told = [level for level in LEVELS.values() if level.meaning]
    return [Patch(facecolor=level.colour, edgecolor="0.7", label=level.meaning) for level in told]


def _made(matrices: Sequence[Matrix]) -> set[str]:
    """The claims that are made."""
    return {str(kind) for each in matrices for kind in each.found.kind.flat} - {""}


def _caption(evidence: Evidence, matrices: Sequence[Matrix]) -> str:
    numbered = any(len(each.called) <= _MOST for each in matrices)
    claimed = about(_made(matrices), f"; {MARK} " if numbered else "; ")
    return sentences(
        f"Colours: by Holm's correction over all pairs of a matrix, of the claim about {claimed}.",
        "Numbers: two-sided p-values, above the diagonal corrected, below it raw." if numbered else "",
        f"Beside names: test accuracy in percent, {PICKED[evidence.select]}.",
        chosen(evidence),
    )
