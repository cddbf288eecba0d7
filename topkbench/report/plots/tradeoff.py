"""Top-1 against top-5: what a loss for the one costs in the other, one point a configuration, a panel a data set."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED
from topkbench.report.parts import parts
from topkbench.report.plots import _estimates, _looks
from topkbench.report.plots._parts import left_out, names
from topkbench.report.plots._sheet import COLUMN, sheet
from topkbench.report.tables._captions import chosen, sentences

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT = 2.8


def draw(evidence: Evidence, data: Callable[[], Path]) -> tuple["Figure", list[str]]:
    """Draw the figure.

    Raises:
        UsageError: no configuration has test accuracies.
    """
    rows = evidence.rows.dropna(subset=["top1_mean", "top5_mean"])
    notes = left_out(evidence, rows, "test accuracies")
    looks, panels = _looks.looks(names(rows)), parts(rows)
    caption = sentences(f"Test accuracy, {_estimates.told(rows)}; {PICKED[evidence.select]}.", chosen(evidence))
    figure, axes = sheet([_HEIGHT], [COLUMN] * len(panels), caption, _looks.legend(looks))
    for axis, (title, part) in zip(axes[0], panels, strict=True):
        top1, top5 = (_estimates.accuracies(part, metric) for metric in ("top1", "top5"))
        _estimates.scatter(axis, top1, top5, [looks[name] for name in names(part)])
        axis.set_title(title, loc="left", fontsize="medium")
        axis.set(xlabel="top-1 accuracy (%)", ylabel="top-5 accuracy (%)")
    return figure, [*notes, *_looks.shared(looks)]
