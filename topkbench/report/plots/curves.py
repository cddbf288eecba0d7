"""Learning curves: accuracy on validation and training loss over steps, one line a configuration.

A column a data set: top-1, top-5 and loss, one below the other.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED, SHOWN
from topkbench.report.parts import parts
from topkbench.report.plots import _looks
from topkbench.report.plots._estimates import Estimates, scatter
from topkbench.report.plots._looks import Look
from topkbench.report.plots._parts import averaged, left_out, names
from topkbench.report.plots._sheet import BAND, COLUMN, FEW, log_scaled, sheet
from topkbench.report.tables._captions import chosen, sentences
from topkbench.runs import Record, Rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Series: TypeAlias = "pd.Series[float]"
Lines: TypeAlias = Sequence[tuple[Sequence[Record], Look]]
"""Of each configuration the records, one a seed, and its look."""

_HEIGHT = 2.3
_EPOCH = 1.5  # points: of the dots on losses
_BEGINNING = 0.1  # of the steps: how bad heads are before is left out, as it would hide how good they are after


def draw(evidence: Evidence, data: Callable[[], Path]) -> tuple["Figure", list[str]]:
    """Draw the figure.

    Raises:
        UsageError: no run has a history.
    """
    records = {number: _records(evidence, number) for number in evidence.rows["configuration"]}
    trained = evidence.rows["configuration"].map(lambda number: bool(records[number]))
    rows = evidence.rows[trained]
    notes = left_out(evidence, rows, "a history")
    looks, panels = _looks.looks(names(rows)), parts(rows)
    legend = _looks.legend(looks, lines=True)
    figure, axes = sheet([_HEIGHT] * (len(SHOWN) + 1), [COLUMN] * len(panels), _caption(evidence, rows), legend)
    for column, (title, part) in zip(axes.T, panels, strict=True):
        column[0].set_title(title, loc="left", fontsize="medium")
        column[-1].set_xlabel("step")
        for axis in column[1:]:
            axis.sharex(column[0])
        numbered = zip(names(part), part["configuration"], strict=True)
        lines = [(records[number], looks[name]) for name, number in numbered]
        for axis, metric in zip(column, SHOWN, strict=False):
            _draw_accuracies(axis, lines, metric, evidence.select)
        _draw_losses(column[-1], lines)
    return figure, [*notes, *_looks.shared(looks)]


def _records(evidence: Evidence, configuration: int) -> list[Record]:
    """Of each seed the record, where it has a history."""
    records = [evidence.records[at] for at in evidence.members(configuration).index]
    return [record for record in records if record.history]


def _draw_accuracies(axis: "Axes", lines: Lines, metric: str, select: Rule) -> None:
    """The means over seeds, and where the evaluations are that count."""
    lowest = np.inf
    for records, look in lines:
        found = fold([accuracy(record, metric) for record in records])
        _draw_line(axis, found, look, with_band=len(lines) <= FEW)
        scatter(axis, *picked(records, select, metric), [look])
        lowest = min(lowest, found["mean"][found.index >= _BEGINNING * found.index.max()].min())
    highest = axis.dataLim.ymax
    margin = (highest - lowest) / 20 or 1
    axis.set_ylim(lowest - margin, highest + margin)
    axis.set_ylabel(f"validation {SHOWN[metric]} (%)")


def _draw_losses(axis: "Axes", lines: Lines) -> None:
    """Losses fall by orders of magnitude, which shows where all are positive."""
    found = [fold([loss(record) for record in records]) for records, _ in lines]
    for folded, (_, look) in zip(found, lines, strict=True):
        _draw_line(axis, folded, look, with_band=len(lines) <= FEW)
        axis.plot(folded.index, folded["mean"], **look.points | {"markersize": _EPOCH})
    if all((folded["mean"] > 0).all() for folded in found):
        log_scaled(axis, "y")
    axis.set_ylabel("training loss")


def _draw_line(axis: "Axes", found: pd.DataFrame, look: Look, *, with_band: bool) -> None:
    axis.plot(found.index, found["mean"], **look.dashes)
    if with_band:
        low, high = found["mean"] - found["std"], found["mean"] + found["std"]
        axis.fill_between(found.index, low, high, color=look.colour, alpha=BAND, linewidth=0)


def accuracy(record: Record, metric: str) -> Series:
    """An accuracy on validation by step, in percent."""
    values = {each["step"]: each["valid"].get(metric) for each in record.history}
    return 100 * pd.Series(values, dtype=float)


def loss(record: Record) -> Series:
    """The mean training loss of each epoch by its last step.

    A history has it since the last evaluation, which may be a single step ago.
    """
    history = pd.DataFrame([{name: each[name] for name in ("epoch", "step", "loss")} for each in record.history])
    steps = history["step"].diff().fillna(history["step"])
    of_epochs = history.assign(steps=steps, total=steps * history["loss"].astype(float)).groupby("epoch")
    means = of_epochs["total"].sum() / of_epochs["steps"].sum()
    return means.set_axis(of_epochs["step"].max())


def fold(of_seeds: Sequence[Series]) -> pd.DataFrame:
    """The mean and the sample standard deviation over seeds by step, where all seeds have a value.

    >>> fold([pd.Series({1: 0.0, 9: 2.0}), pd.Series({1: 2.0, 7: 2.0})])
       mean    std
    1   1.0  1.414...
    """
    by_step = pd.concat(of_seeds).groupby(level=0)
    return by_step.agg(["mean", "std"])[by_step.count() == len(of_seeds)]


def picked(records: Sequence[Record], select: Rule, metric: str) -> tuple[Estimates, Estimates]:
    """The step at which a metric counts, and what it is there on validation, in percent, over seeds."""
    evaluations = [record.selected[select] for record in records]
    steps = [each["step"][metric] if select == "per_metric" else each["step"] for each in evaluations]
    return _estimate(steps), _estimate([100 * each["valid"][metric] for each in evaluations])


def _estimate(values: Sequence[float]) -> Estimates:
    std = np.std(values, ddof=1) if len(values) > 1 else np.nan
    return Estimates(np.array([np.mean(values)]), np.array([[std], [std]]))


def _caption(evidence: Evidence, rows: pd.DataFrame) -> str:
    few = any(len(part) <= FEW for _, part in parts(rows))
    several = rows["n_seeds"].max() > 1
    bars = ", bars" + (" and bands" if few else "") + ": ± sample standard deviation" if several else ""
    return sentences(
        "Accuracy on validation, shown from a tenth of the steps on, and mean training loss of each epoch;",
        f"{averaged(rows)}{bars}.",
        f"Points: the evaluations that count{', on average' if several else ''}, {PICKED[evidence.select]}.",
        "Losses of unlike methods do not compare.",
        chosen(evidence),
    )
