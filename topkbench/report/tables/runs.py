"""One line a run, whether or not it is done."""

from typing import Any

import pandas as pd

from topkbench.report.cells import Cell, Column, Table, text, wrapped
from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED, SHOWN, interval, spread
from topkbench.report.parts import parts
from topkbench.report.tables import _accuracies, _published
from topkbench.report.values import show_p_k

CURE = "train with 'topkbench train --method softmax_cross_entropy'"
IDLE = {"--group-by": "it has a line for every run", **_published.IDLE}


def build(evidence: Evidence) -> list[Table]:
    """One table of all of them."""
    titles = {at: title for title, part in parts(evidence.runs) for at in part.index}
    runs = pd.concat([evidence.runs, _accuracies.intervals(evidence.runs, list(SHOWN))], axis=1)
    named = [text("data set"), text("method"), wrapped("P_K"), wrapped("settings"), Column("seed"), text("status")]
    table = Table(
        name="runs",
        title="",
        columns=[*named, *map(Column, SHOWN.values()), Column("epoch"), Column("seconds"), text("run")],
        rows=[_cells(titles[at], run) for at, run in runs.iterrows()],
        caption=(
            "Test accuracy in percent, in brackets Wilson's 95 % interval; "
            f"{PICKED[evidence.select]}; epoch: of the best top-1, or the last."
        ),
        figures=runs,
    )
    return [table.without_empty("P_K", "settings")]


def _cells(title: str, run: "pd.Series[Any]") -> list[Cell]:
    accuracies = [interval(*(100 * run[name] for name in (m, f"{m}_low", f"{m}_high"))) for m in SHOWN]
    epoch = "" if pd.isna(run["epoch"]) else str(run["epoch"])
    named = (title, run["method"], show_p_k(run["p_k"]), run["settings"], str(run["seed"]), run["status"])
    return [Cell(each) for each in (*named, *accuracies, epoch, spread(run["seconds"], float("nan"), 1), run["run_id"])]
