"""Top-k accuracy for every k from 1 to 20.

A column a data set: above, accuracies; below, what at high k they hide: by how much they differ from those of the
configuration that is best on validation.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from topkbench.report import hits
from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED
from topkbench.report.frames import KS
from topkbench.report.parts import parts
from topkbench.report.plots import _looks
from topkbench.report.plots._looks import GREY, Look
from topkbench.report.plots._parts import averaged, left_out, names
from topkbench.report.plots._sheet import BAND, COLUMN, FEW, SMALL, letters, sheet
from topkbench.report.statistics import LEVEL, heads
from topkbench.report.tables._captions import chosen, sentences
from topkbench.report.tables.k import with_every_k
from topkbench.report.values import named
from topkbench.runs import Rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 2.5
_TICKS = (1, 5, 10, 15, 20)


class Difference(NamedTuple):
    """By how much a configuration is above another, in points.

    Attributes:
        mean: of all heads.
        low: where the band begins.
        high: where it ends.
    """

    mean: float
    low: float
    high: float


def draw(evidence: Evidence, data: Callable[[], Path]) -> tuple["Figure", list[str]]:
    """Draw the figure.

    Raises:
        UsageError: no configuration has ranks.
    """
    counted = [(title, *with_every_k(evidence, part)) for title, part in parts(evidence.rows)]
    rows = pd.concat([part for _, part, _ in counted])
    notes = left_out(evidence, rows, "ranks")
    panels = [panel for panel in counted if not panel[1].empty]
    looks = _looks.looks(names(rows))
    legend = _looks.legend(looks, lines=True)
    shown = 2 if any(len(part) > 1 for _, part, _ in panels) else 1
    figure, axes = sheet([_HEIGHT] * shown, [COLUMN] * len(panels), _caption(evidence, rows), legend)
    for column, (title, part, metrics) in zip(axes.T, panels, strict=True):
        column[0].set_title(title, loc="left", fontsize="medium")
        column[-1].set_xlabel("k")
        _draw_accuracies(column[0], part, metrics, looks)
        for below in column[1:]:
            _draw_differences(below, evidence, part, len(metrics), looks)
        for axis in column:
            _mark_evaluations(axis, evidence.select, len(metrics))
    return figure, [*notes, *_looks.shared(looks)]


def _draw_accuracies(axis: "Axes", part: pd.DataFrame, metrics: Sequence[str], looks: Mapping[str, Look]) -> None:
    axis.set_ylabel("top-k accuracy (%)")
    for name, (_, row) in zip(names(part), part.iterrows(), strict=True):
        _draw_line(axis, [100 * row[f"{metric}_mean"] for metric in metrics], looks[name])


def _draw_differences(
    axis: "Axes", evidence: Evidence, part: pd.DataFrame, most: int, looks: Mapping[str, Look]
) -> None:
    """Each configuration minus the one with the best top-1 on validation, or the first where validation is unknown."""
    best = part.iloc[int(part["valid_top1_mean"].fillna(-1).argmax())]
    axis.set_ylabel("difference (points)")
    axis.set_title(fill(f"minus {named(best)}", letters(COLUMN)), loc="left", fontsize=SMALL)
    ks = range(1, most + 1)
    of_best = [hits.of_configuration(evidence, best["configuration"], k) for k in ks]
    for name, number in zip(names(part), part["configuration"], strict=True):
        found = [difference(of_best[k - 1], hits.of_configuration(evidence, number, k)) for k in ks]
        _draw_line(axis, [at_k.mean for at_k in found], looks[name])
        if len(part) <= FEW and number != best["configuration"]:
            low, high = [at_k.low for at_k in found], [at_k.high for at_k in found]
            axis.fill_between(ks, low, high, color=looks[name].colour, alpha=BAND, linewidth=0)


def difference(reference: Mapping[int, hits.Hits], other: Mapping[int, hits.Hits]) -> Difference:
    """Compare the heads of two configurations, seed by seed.

    The band is the mean ± the sample standard deviation over the seeds that both have; where there is no more than
    one, it is the 95 % interval of the claim about these heads, over images.

    >>> none, one, both = (np.array(right, bool) for right in ([0, 0], [0, 1], [1, 1]))
    >>> difference({0: none, 1: none}, {0: one, 1: both, 2: none})  # 50 and 100; their deviation is 50 / √2
    Difference(mean=75.0, low=39.6..., high=110.3...)
    """
    differences = np.array([other[b].mean() - reference[a].mean() for a, b in heads.matched(reference, other)])
    mean = differences.mean()
    if len(differences) == 1:
        claim = heads.claim(heads.tally(reference, other))
        ends = claim.low, claim.high
    else:
        reach = differences.std(ddof=1)
        ends = mean - reach, mean + reach
    return Difference(*(float(100 * each) for each in (mean, *ends)))


def _draw_line(axis: "Axes", values: Sequence[float], look: Look) -> None:
    marked = [k - 1 for k in KS if k <= len(values)]
    axis.plot(range(1, len(values) + 1), values, **look.points | look.dashes, markevery=marked)


def _mark_evaluations(axis: "Axes", select: Rule, most: int) -> None:
    """Lines at every k from which on another evaluation counts."""
    for k in range(2, most + 1):
        if hits.array_name(select, k) != hits.array_name(select, k - 1):
            axis.axvline(k, color=GREY, linestyle="dotted", linewidth=0.8, zorder=0)
    axis.set_xticks([k for k in _TICKS if k <= most] if most > _TICKS[1] else range(1, most + 1))


def _caption(evidence: Evidence, rows: pd.DataFrame) -> str:
    return sentences(
        f"Test top-k accuracy, {averaged(rows)}; {PICKED[evidence.select]}.",
        _differences_caption(rows),
        "Dotted: the k from which on another evaluation counts." if evidence.select == "per_metric" else "",
        chosen(evidence),
    )


def _differences_caption(rows: pd.DataFrame) -> str:
    sizes = [len(part) for _, part in parts(rows) if len(part) > 1]
    if not sizes:
        return ""
    below = "Below: minus that of the configuration with the best top-1 on validation, seed by seed"
    of_images = f"{LEVEL:.0%} interval over images"
    if min(sizes) > FEW:
        return f"{below}."
    if rows["n_seeds"].max() == 1:
        return f"{below}; bands: {of_images}."
    return f"{below}; bands: ± sample standard deviation over the seeds that both have, of one the {of_images}."
