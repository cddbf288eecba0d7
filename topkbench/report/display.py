"""The table that people read: percent, mean ± deviation, the best of each data set marked."""

import math
from typing import Literal

import pandas as pd

from topkbench.report.values import show_p_k
from topkbench.runs import Rule

SHOWN = {"top1": "top-1", "top5": "top-5"}
COSTS = {"average_cost": "AC", "mistake_cost": "mistakes"}
"""Mean distances of the prediction from the truth: over all rows, and over the mistakes alone."""
DECIMALS = 2  # of a percent, as the papers print

PICKED: dict[Rule, str] = {
    "per_metric": "each metric at the evaluation that is best in it on validation",
    "best_top1": "at the evaluation with the best top-1 on validation",
    "last": "at the last evaluation",
}


class Best(str):
    """The text of a cell that is the best of its data set; each renderer makes it bold in its own way."""

    __slots__ = ()


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn folded rows into text: data set, method, P_K, settings (where rows differ), seeds, top-1, top-5.

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
        columns |= {header: _cells(rows[_folds(cost)], rows["dataset"], "min") for cost, header in COSTS.items()}
    if not rows["settings"].any():
        del columns["settings"]
    return pd.DataFrame(columns, dtype=object)  # pandas' own strings would forget which are Best


def caption(rows: pd.DataFrame) -> str:
    """Say what the figures are: of which rows, how many seeds, at which evaluation."""
    picked = PICKED[rows["select"].iloc[0]]
    costs = ""
    if rows["average_cost_mean"].notna().any():
        costs = (
            " AC and mistakes: the mean distance of the prediction from the truth, in edges, of all and of mistakes."
        )
    return f"Test accuracy in percent, {_seeds(rows['n_seeds'])}; {picked}.{costs} Bold: the best of its data set."


def _seeds(counts: "pd.Series[int]") -> str:
    fewest, most = counts.min(), counts.max()
    if most == 1:
        return "one seed"
    span = str(most) if fewest == most else f"{fewest} to {most}"
    return f"mean ± standard deviation over {span} seeds"


def _folds(metric: str) -> list[str]:
    return [f"{metric}_mean", f"{metric}_std"]


def _cells(folds: pd.DataFrame, dataset: "pd.Series[str]", best_is: Literal["min", "max"]) -> "pd.Series[str]":
    """Mean ± deviation, the best of each data set marked: its max or its min."""
    mean, std = (folds[column].round(DECIMALS) for column in folds)
    best = mean == mean.groupby(dataset).transform(best_is)
    cells = [Best(_cell(m, s)) if b else _cell(m, s) for m, s, b in zip(mean, std, best, strict=True)]
    return pd.Series(cells, index=folds.index, dtype=object)


def _cell(mean: float, std: float) -> str:
    if math.isnan(mean):
        return "n/a"
    return f"{mean:.{DECIMALS}f}" + ("" if math.isnan(std) else f" ± {std:.{DECIMALS}f}")
