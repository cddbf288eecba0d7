"""Figures with what they may vary by: means over seeds, and how far bars reach from them.

Legend: M configurations.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from topkbench.report.plots._looks import Look
from topkbench.report.tables import _accuracies, _captions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]


class Estimates(NamedTuple):
    """A figure of each configuration.

    Attributes:
        means: [M].
        reach: [2, M], how far the bar goes below and above; NaN where there is none.
    """

    means: Floats
    reach: Floats


def accuracies(rows: pd.DataFrame, metric: str) -> Estimates:
    """Test accuracies in percent, ± the sample standard deviation over seeds, of one seed with Wilson's 95 % interval.

    >>> rows = pd.DataFrame({"n_seeds": [3, 1], "n_test": 10, "top1_mean": [0.5, 0.6], "top1_std": [0.02, np.nan]})
    >>> accuracies(rows, "top1").reach.round(1)  # Wilson's interval of 6 in 10 is .313 to .832
    array([[ 2. , 28.7],
           [ 2. , 23.2]])
    """
    mean, std = rows[f"{metric}_mean"].to_numpy(), rows[f"{metric}_std"].to_numpy()
    ends = _accuracies.intervals(rows, [metric], "_mean")
    of_images = np.stack([mean - ends[f"{metric}_low"], ends[f"{metric}_high"] - mean])
    return Estimates(100 * mean, 100 * np.where(rows["n_seeds"] == 1, of_images, std))


def seconds(rows: pd.DataFrame) -> Estimates:
    """Training seconds of a run, ± the sample standard deviation over seeds."""
    std = rows["seconds_std"].to_numpy()
    return Estimates(rows["seconds_mean"].to_numpy(), np.stack([std, std]))


def told(rows: pd.DataFrame) -> str:
    """What a caption says of the bars of accuracies."""
    return _captions.spreads(rows, single=", as bars Wilson's 95 % interval")


def scatter(axis: "Axes", x: Estimates, y: Estimates, looks: Sequence[Look]) -> None:
    """Draw each configuration, [M], as a point with its bars."""
    for at, look in enumerate(looks):
        ends = y.reach[:, [at]], x.reach[:, [at]]
        axis.errorbar(x.means[[at]], y.means[[at]], *ends, elinewidth=0.8, **look.points)
