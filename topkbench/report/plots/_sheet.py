"""What plots are drawn on: panels, a legend above and a caption below, of sizes that a paper prints unscaled."""

from collections.abc import Sequence
from math import log10
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 3.5
"""Inches: the width of a paper's column, which one panel fills."""

SMALL = 7
"""Points: the size of legends and captions."""

LINE = 0.14
"""Inches: the height of a line of such text."""

BAND = 0.15
"""The opacity of bands, through which lines are seen."""

FEW = 8
"""Of more configurations than these, bands would hide each other."""

_GRID = "0.92"
_NAMES, _PAGE = 12, 2 * COLUMN  # of more names a legend is long unless it has the width of a page
_FAR = 3  # powers of ten: over more, 2 and 5 have no room beside 1
_TICKS = 3  # at the least
_LETTER, _HANDLE = 0.053, 0.5  # inches: the width of a letter, and of what stands before a name in a legend


def sheet(
    heights: Sequence[float], widths: Sequence[float], caption: str, legend: Sequence["Artist"]
) -> tuple["Figure", npt.NDArray[Any]]:
    """Lay out a figure as high as all that stands in it.

    Args:
        heights: of the rows of panels, inches.
        widths: of the columns; they grow where the legend is long.
        caption: in one line; it is broken to the figure's width.
        legend: what it shows, each with its label.

    Returns:
        The figure, and its axes, a row for each height and a column for each width.
    """
    from matplotlib.figure import Figure

    if len(legend) > _NAMES and sum(widths) < _PAGE:
        widths = [width * _PAGE / sum(widths) for width in widths]
    width = sum(widths)
    words = fill(caption, letters(width))
    labels = [fill(str(artist.get_label()), letters(COLUMN - _HANDLE)) for artist in legend]
    abreast = _abreast(labels, width)
    lines = _height(words) + max(sum(map(_height, beside)) for beside in np.array_split(labels, abreast))
    figure = Figure(figsize=(width, sum(heights) + LINE * lines), layout="constrained")
    if labels:
        figure.legend(legend, labels, loc="outside upper left", ncols=abreast, fontsize=SMALL, frameon=False)
    figure.supxlabel(words, fontsize=SMALL, x=0.01, ha="left")
    grid = figure.add_gridspec(len(heights), len(widths), height_ratios=heights, width_ratios=widths)
    axes = np.asarray(grid.subplots(squeeze=False))
    for axis in axes.flat:
        _tidy(axis)
    return figure, axes


def _tidy(axis: "Axes") -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color=_GRID, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize="small")


def letters(inches: float) -> int:
    """How many letters of small text have room."""
    return int(inches / _LETTER)


def _height(text: str) -> int:
    """In lines."""
    return text.count("\n") + 1


def _abreast(labels: Sequence[str], width: float) -> int:
    """How many columns a legend has room for."""
    longest = max((len(line) for label in labels for line in label.split("\n")), default=0)
    return max(1, int(width / (_HANDLE + longest * _LETTER)))


def log_scaled(axes: "Axes", which: Literal["x", "y"]) -> None:
    """Scale x or y by its logarithm, with plain numbers beside its ticks; to be called once all is drawn.

    Ticks stand at 1, 2, 5, 10, …, but where few of these are within reach.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    powers = LogLocator(subs=(1, 2, 5) if log10(high) - log10(low) < _FAR else (1,))
    within = [tick for tick in powers.tick_values(low, high) if low <= tick <= high]
    axis.set_major_locator(powers if len(within) >= _TICKS else MaxNLocator(_TICKS + 2))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())
