"""Accuracy against the time that training takes: one point a configuration; a column a data set, top-1 above top-5."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED, SHOWN
from topkbench.report.parts import parts
from topkbench.report.plots import _estimates, _looks
from topkbench.report.plots._parts import left_out, names
from topkbench.report.plots._sheet import COLUMN, log_scaled, sheet
from topkbench.report.tables._captions import chosen, sentences

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT = 2.4


def draw(evidence: Evidence, data: Callable[[], Path]) -> tuple["Figure", list[str]]:
    """Draw the figure.

    Raises:
        UsageError: no configuration has test accuracies and a time above zero.
    """
    rows = evidence.rows[evidence.rows["seconds_mean"] > 0].dropna(subset=["top1_mean", "top5_mean"])
    notes = left_out(evidence, rows, "test accuracies and a time above zero")
    looks, panels = _looks.looks(names(rows)), parts(rows)
    figure, axes = sheet([_HEIGHT] * len(SHOWN), [COLUMN] * len(panels), _caption(evidence, rows), _looks.legend(looks))
    for column, (title, part) in zip(axes.T, panels, strict=True):
        column[0].set_title(title, loc="left", fontsize="medium")
        column[-1].set_xlabel("training time of a run (s)")
        for axis, (metric, written) in zip(column, SHOWN.items(), strict=True):
            accuracies = _estimates.accuracies(part, metric)
            _estimates.scatter(axis, _estimates.seconds(part), accuracies, [looks[name] for name in names(part)])
            axis.set(ylabel=f"{written} accuracy (%)")
            log_scaled(axis, "x")
    return figure, [*notes, *_looks.shared(looks)]


def _caption(evidence: Evidence, rows: pd.DataFrame) -> str:
    of_rows = evidence.runs[evidence.runs["configuration"].isin(rows["configuration"])]
    machines = list(dict.fromkeys(of_rows["machine"].dropna()))
    return sentences(
        f"Test accuracy, {_estimates.told(rows)}; {PICKED[evidence.select]}.",
        "Time: of a run; heads that are trained in one pass have equal shares of its time, whatever their methods.",
        f"Run on {', '.join(machines)}." if machines else "",
        "Times of unlike machines do not compare." if len(machines) > 1 else "",
        chosen(evidence),
    )
