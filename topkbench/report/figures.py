"""How figures are written: in percent, with their spread; and what a caption says of them."""

import math

from topkbench.report.frames import one_evaluation
from topkbench.runs import Rule

SHOWN = {"top1": "top-1", "top5": "top-5"}
COSTS = {
    "error_rate": "ER",
    "average_cost": "AC",
    "mistake_cost": "mistakes",
    "best_cost5": "best of 5",
    "best_cost10": "best of 10",
    "best_cost20": "best of 20",
}
"""The share of mistakes, and mean distances from the truth."""
DECIMALS = 2  # of a percent, as the papers print
NOTHING = "n/a"

PICKED: dict[Rule, str] = {
    "per_metric": "each metric at the evaluation that is best in it on validation (per_metric)",
    "best_top1": "at the evaluation with the best top-1 on validation (best_top1)",
    "last": "at the last evaluation (last)",
}


def spread(mean: float, std: float, decimals: int = DECIMALS) -> str:
    """A mean ± a standard deviation, which one value has not.

    >>> spread(62.0, 2.0), spread(62.0, math.nan), spread(math.nan, math.nan)
    ('62.00 ± 2.00', '62.00', 'n/a')
    """
    if math.isnan(mean):
        return NOTHING
    return f"{mean:.{decimals}f}" + ("" if math.isnan(std) else f" ± {std:.{decimals}f}")


def interval(mean: float, low: float, high: float) -> str:
    """A value and its interval.

    >>> interval(62.0, 60.07, 63.9)
    '62.00 [60.07, 63.90]'
    """
    if math.isnan(mean):
        return NOTHING
    return f"{mean:.{DECIMALS}f} [{low:.{DECIMALS}f}, {high:.{DECIMALS}f}]"


def p_value(p: float) -> str:
    """A p-value with two digits, however small.

    >>> p_value(0.0312), p_value(0.00012), p_value(1.0), p_value(0.0)
    ('0.031', '0.00012', '1', '0')
    """
    return f"{p:.2g}" if p >= 1e-4 or p == 0 else f"{p:.1e}"


def picked_once(select: Rule) -> str:
    """Where figures come from that are all of one evaluation."""
    return PICKED[one_evaluation(select)]
