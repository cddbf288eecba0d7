"""Accuracies in cells, and as figures, with what they are compared to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from topkbench.report import verdicts
from topkbench.report.cells import Cell
from topkbench.report.evidence import Evidence
from topkbench.report.figures import SHOWN, interval, spread
from topkbench.report.statistics import wilson
from topkbench.report.verdicts import Basis, Verdict

METRICS: Sequence[str] = tuple(SHOWN)


def compared(
    evidence: Evidence, rows: pd.DataFrame, metrics: Sequence[str] = METRICS
) -> tuple[pd.DataFrame, list[Verdict]]:
    """Configurations of the same data with the intervals of their accuracies and what comes of comparing them.

    Returns:
        The rows with the columns top1_low and top1_high (Wilson's 95 % interval, of as many images as the test split
        has), top1_bold, top1_claim and top1_p, and likewise of other metrics; and the verdicts that these are from.
    """
    found = {}
    for metric in metrics:
        means, k = rows[f"{metric}_mean"].to_numpy(), int(metric.removeprefix("top"))
        found[metric] = verdicts.of_accuracies(evidence, rows, k, means)
    judged = [verdict.columns(rows.index, metric) for metric, verdict in found.items()]
    return pd.concat([rows, intervals(rows, metrics, "_mean"), *judged], axis=1), list(found.values())


def cell(row: "pd.Series[Any]", metric: str, basis: Basis, *, with_n: bool = False) -> Cell:
    """An accuracy in percent: mean ± deviation, and n; of one seed with Wilson's interval in place of the deviation."""
    mean, std, low, high = (100 * row[f"{metric}_{part}"] for part in ("mean", "std", "low", "high"))
    words = interval(mean, low, high) if row["n_seeds"] == 1 and not pd.isna(low) else spread(mean, std)
    words += f" ({row['n_seeds']})" if with_n else ""
    return Cell(words, bold=bool(row[f"{metric}_bold"]), mark=basis.mark(row[f"{metric}_claim"]))


def intervals(rows: pd.DataFrame, metrics: Sequence[str], suffix: str = "") -> pd.DataFrame:
    """Wilson's 95 % intervals of metrics, as columns METRIC_low and METRIC_high; NaN where there is no accuracy.

    Args:
        rows: of configurations or runs.
        metrics: top1, …
        suffix: of the columns that they stand in.
    """
    n = pd.to_numeric(rows["n_test"], errors="coerce").to_numpy(float)
    columns: dict[str, Any] = {}
    for metric in metrics:
        right = rows[f"{metric}{suffix}"].to_numpy() * n
        known = ~np.isnan(right)  # a run that failed has no accuracy
        ends = np.full((2, len(rows)), np.nan)
        ends[:, known] = wilson(right[known], n[known])
        columns |= {f"{metric}_low": ends[0], f"{metric}_high": ends[1]}
    return pd.DataFrame(columns, index=rows.index)
