"""Top-k accuracy for every k from 1 to 20, from the ranks; a column for each configuration."""

import numpy as np
import pandas as pd

from topkbench.errors import DataError
from topkbench.report import hits
from topkbench.report.cells import Cell, Column, Table
from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED
from topkbench.report.frames import KS
from topkbench.report.parts import parts
from topkbench.report.tables import _accuracies, _captions, _published
from topkbench.report.values import named
from topkbench.report.verdicts import Basis

CURE = "run them again with 'topkbench train --force': their ranks are missing"
IDLE = _published.IDLE

_MOST = 20


def build(evidence: Evidence) -> list[Table]:
    """One table for each data set of which ranks are there."""
    tables = [_table(evidence, title, part) for title, part in parts(evidence.rows)]
    return [table for table in tables if table is not None]


def with_every_k(evidence: Evidence, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The configurations whose ranks are there, with columns top1_mean, top1_std, …, top20_mean; and those metrics."""
    most = min(_MOST, *rows["n_classes"].dropna().astype(int))
    counted = {k: [_accuracies_of(evidence, number, k) for number in rows["configuration"]] for k in range(1, most + 1)}
    folds = {}
    for k, of_seeds in counted.items():
        folds[f"top{k}_mean"] = [np.mean(each) if each else np.nan for each in of_seeds]
        folds[f"top{k}_std"] = [np.std(each, ddof=1) if len(each) > 1 else np.nan for each in of_seeds]
    folded = pd.DataFrame(folds, index=rows.index)
    whole = pd.concat([rows.drop(columns=folded.columns, errors="ignore"), folded], axis=1)
    return whole[whole["top1_mean"].notna()], [f"top{k}" for k in counted]


def _accuracies_of(evidence: Evidence, configuration: int, k: int) -> list[float]:
    """The test top-k of each seed; none where ranks are missing or torn."""
    try:
        return [float(right.mean()) for right in hits.of_configuration(evidence, configuration, k).values()]
    except DataError:
        return []


def _table(evidence: Evidence, title: str, rows: pd.DataFrame) -> Table | None:
    counted, metrics = with_every_k(evidence, rows)
    if counted.empty:
        return None
    figures, verdicts = _accuracies.compared(evidence, counted, metrics)
    basis, told = Basis(verdicts), _captions.numbers(figures)
    between = f"a k other than {', '.join(map(str, KS))} is counted where the nearest of these below it is"
    return Table(
        name="k",
        title=title,
        columns=[Column("k"), *(Column(named(row)) for _, row in figures.iterrows())],
        rows=[
            [
                Cell(metric.removeprefix("top")),
                *(_accuracies.cell(row, metric, basis, with_n=bool(told)) for _, row in figures.iterrows()),
            ]
            for metric in metrics
        ],
        caption=_captions.sentences(
            f"Test top-k accuracy in percent, {_captions.spreads(figures)}; {PICKED[evidence.select]}; {between}.",
            told,
            "Rows are compared each for itself.",
            _captions.chosen(evidence),
            basis.caption(),
        ),
        figures=figures,
    )
