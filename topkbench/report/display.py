"""The table that people read: percent, mean ± deviation, the best of each data set marked."""

import math
from typing import Literal

import pandas as pd

from topkbench.report.frames import one_evaluation
from topkbench.report.values import show_p_k
from topkbench.runs import Rule

SHOWN = {"top1": "top-1", "top5": "top-5"}
COSTS = {"error_rate": "ER", "average_cost": "AC", "mistake_cost": "mistakes", "best_cost5": "best of 5"}
"""The share of mistakes, and mean distances from the truth; those of 10 and 20 are in csv and json."""
DECIMALS = 2  # of a percent, as the papers print

PICKED: dict[Rule, str] = {
    "per_metric": "each metric at the evaluation that is best in it on validation",
    "best_top1": "at the evaluation with the best top-1 on validation",
    "last": "at the last evaluation",
}
_COSTS = (
    " Costs {}: ER, the share of mistakes in percent; AC, the mean distance of the prediction from the truth; mistakes,"
    " that of the mistakes alone; best of 5, that of the nearest of the five best classes."
)


class Best(str):
    """The text of a cell that is the best of its data set; each renderer makes it bold in its own way."""

    __slots__ = ()


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn folded rows into text: data set, method, P_K, settings (where rows differ), seeds, top-1, top-5, costs.

    Means that print alike are best together; a row of one seed has no ±.
    """
    columns = {
        "data set": rows["dataset"],
        "method": rows["method"],
        "P_K": rows["p_k"].map(show_p_k),
        "settings": rows["settings"],
        "seeds": rows["n_seeds"].map(str),
        **{header: _cells(100 * rows[_folds(metric)], rows["dataset"], "max") for metric, header in SHOWN.items()},
    }
    if rows["average_cost_mean"].notna().any():
        columns |= _costs(rows)
    if not rows["settings"].any():
        del columns["settings"]
    return pd.DataFrame(columns, dtype=object)  # pandas' own strings would forget which are Best


def caption(rows: pd.DataFrame) -> str:
    """Say what the figures are: of which rows, how many seeds, at which evaluation."""
    rule = rows["select"].iloc[0]
    costs = _COSTS.format(PICKED[one_evaluation(rule)]) if rows["average_cost_mean"].notna().any() else ""
    return (
        f"Test accuracy in percent, {_seeds(rows['n_seeds'])}; {PICKED[rule]}.{costs} Bold: the best of its data set."
    )


def _costs(rows: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    """What mistakes cost, the best of those of one data set and hierarchy marked; ER, whose deviation is top-1's."""
    comparable = rows["dataset"] + " " + rows["hierarchy"].fillna("")
    shown = rows.assign(error_rate_mean=100 * rows["error_rate_mean"], error_rate_std=math.nan)
    return {header: _cells(shown[_folds(cost)], comparable, "min") for cost, header in COSTS.items()}


def _seeds(counts: "pd.Series[int]") -> str:
    fewest, most = counts.min(), counts.max()
    if most == 1:
        return "one seed"
    span = str(most) if fewest == most else f"{fewest} to {most}"
    return f"mean ± standard deviation over {span} seeds"


def _folds(metric: str) -> list[str]:
    return [f"{metric}_mean", f"{metric}_std"]


def _cells(folds: pd.DataFrame, comparable: "pd.Series[str]", best_is: Literal["min", "max"]) -> "pd.Series[str]":
    """Mean ± deviation, the best of the comparable marked: their max or their min."""
    mean, std = (folds[column].round(DECIMALS) for column in folds)
    best = mean == mean.groupby(comparable).transform(best_is)
    cells = [Best(_cell(m, s)) if b else _cell(m, s) for m, s, b in zip(mean, std, best, strict=True)]
    return pd.Series(cells, index=folds.index, dtype=object)


def _cell(mean: float, std: float) -> str:
    if math.isnan(mean):
        return "n/a"
    return f"{mean:.{DECIMALS}f}" + ("" if math.isnan(std) else f" ± {std:.{DECIMALS}f}")
