"""What training costs: time, steps a second, memory."""

from typing import Any

import pandas as pd

from topkbench.report.cells import Cell, Column, Table, text, wrapped
from topkbench.report.evidence import Evidence
from topkbench.report.figures import NOTHING, spread
from topkbench.report.parts import parts
from topkbench.report.tables import _captions, _published
from topkbench.report.values import show_p_k

CURE = "train with 'topkbench train --method softmax_cross_entropy'"
IDLE = {"--select": "it shows no accuracies", **_published.IDLE}

_CAPTION = (
    "Seconds: of a run, or its share of a pass in which several heads were trained (heads: how many); steps/s: steps "
    "over that; memory: the most that the process, or on a GPU the device, has held, in MiB;"
)


def build(evidence: Evidence) -> list[Table]:
    """One table for each data set."""
    return [_table(evidence, title, part) for title, part in parts(evidence.rows)]


def _table(evidence: Evidence, title: str, rows: pd.DataFrame) -> Table:
    named = rows.assign(
        heads=[_several(evidence, number, "heads") for number in rows["configuration"]],
        machine=[_several(evidence, number, "machine") for number in rows["configuration"]],
    )
    words = [text("method"), wrapped("P_K"), wrapped("settings")]
    return Table(
        name="cost",
        title=title,
        columns=[*words, *map(Column, ("seeds", "seconds", "steps/s", "memory", "heads")), text("machine")],
        rows=[_cells(row) for _, row in named.iterrows()],
        caption=_captions.sentences(f"{_CAPTION} {_captions.spreads(rows, single='')}.", _captions.chosen(evidence)),
        figures=named,
    ).without_empty("P_K", "settings", "machine")


def _several(evidence: Evidence, configuration: int, column: str) -> str:
    """The values of a configuration's runs, each once."""
    values = evidence.members(configuration)[column].dropna()
    return ", ".join(dict.fromkeys(map(str, values)))


def _cells(row: "pd.Series[Any]") -> list[Cell]:
    mebi = 2**20
    figures = [
        spread(row["seconds_mean"], row["seconds_std"], 1),
        spread(row["steps_per_second_mean"], row["steps_per_second_std"], 1),
        spread(row["memory_mean"] / mebi, row["memory_std"] / mebi, 0),
        row["heads"] or NOTHING,
    ]
    return [
        Cell(each)
        for each in (
            row["method"],
            show_p_k(row["p_k"]),
            row["settings"],
            str(row["n_seeds"]),
            *figures,
            row["machine"],
        )
    ]
