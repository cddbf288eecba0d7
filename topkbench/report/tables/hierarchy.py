"""What mistakes cost: error rate and average cost (as the tables of Sainte Fare Garnot & Landrieu 2021)."""

from itertools import chain
from typing import Any

import pandas as pd

from topkbench.report import verdicts
from topkbench.report.cells import Cell, Column, Footnotes, Table, text, wrapped
from topkbench.report.evidence import Evidence
from topkbench.report.figures import COSTS, picked_once, spread
from topkbench.report.parts import parts
from topkbench.report.tables import _captions, _published
from topkbench.report.tables._published import Alone, Beside
from topkbench.report.values import show_p_k
from topkbench.report.verdicts import Basis

CURE = "prepare the data with 'topkbench prepare --hierarchy FILE' and train again"

_MEANING = (
    "ER: mistakes in percent; AC: the mean distance of the prediction from the truth; mistakes: that of the mistakes "
    "alone; best of k: that of the nearest of the k best classes"
)


def build(evidence: Evidence) -> list[Table]:
    """One table for each data set and hierarchy of its classes."""
    known = evidence.rows[evidence.rows["average_cost_mean"].notna()]
    return [
        _table(evidence, title, alike)
        for title, part in parts(known)
        for _, alike in part.groupby("hierarchy", sort=False, dropna=False)
    ]


def _table(evidence: Evidence, title: str, rows: pd.DataFrame) -> Table:
    found = [verdicts.of_costs(evidence, rows, cost) for cost in COSTS]
    judged = [verdict.columns(rows.index, cost) for cost, verdict in zip(COSTS, found, strict=True)]
    figures = pd.concat([rows, *judged], axis=1)
    basis, notes = Basis(found), Footnotes()
    beside = _published.beside(evidence, rows, tuple(COSTS))
    return Table(
        name="hierarchy",
        title=title,
        columns=[text("method"), wrapped("P_K"), wrapped("settings"), Column("seeds"), *_columns(beside)],
        rows=[
            *(
                [*_names(row), *chain.from_iterable(_cells(row, cost, basis, beside, notes) for cost in COSTS)]
                for _, row in figures.iterrows()
            ),
            *(
                [
                    *alone.names(),
                    Cell(""),
                    *chain.from_iterable(_of_paper(beside, alone, cost, notes) for cost in COSTS),
                ]
                for alone in beside.alone
            ),
        ],
        caption=_captions.sentences(
            f"{_MEANING}; {_captions.spreads(rows, single='')}; {picked_once(evidence.select)}.",
            _captions.chosen(evidence),
            basis.caption(),
        ),
        figures=figures,
        footnotes=notes.by_mark(),
    ).without_empty("P_K", "settings")


def _columns(beside: Beside) -> list[Column]:
    named = ([header, *(_published.ABOVE if cost in beside.metrics else ())] for cost, header in COSTS.items())
    return [Column(name) for name in chain.from_iterable(named)]


def _names(row: "pd.Series[Any]") -> list[Cell]:
    return [Cell(row["method"]), Cell(show_p_k(row["p_k"])), Cell(row["settings"]), Cell(str(row["n_seeds"]))]


def _cells(row: "pd.Series[Any]", cost: str, basis: Basis, beside: Beside, notes: Footnotes) -> list[Cell]:
    """A cost, the error rate in percent; and what papers have."""
    scale = 100 if cost == "error_rate" else 1
    mean, std = scale * row[f"{cost}_mean"], scale * row[f"{cost}_std"]
    measured = Cell(spread(mean, std), bold=bool(row[f"{cost}_bold"]), mark=basis.mark(row[f"{cost}_claim"]))
    if cost not in beside.metrics:
        return [measured]
    return [measured, *_published.cells(beside.measured.get((row["method"], cost)), mean, notes)]


def _of_paper(beside: Beside, alone: Alone, cost: str, notes: Footnotes) -> list[Cell]:
    """What papers alone have of a cost; nothing stands for what was not measured."""
    if cost not in beside.metrics:
        return [Cell("")]
    return [Cell(""), *_published.cells(beside.alone[alone].get(cost), None, notes)]
