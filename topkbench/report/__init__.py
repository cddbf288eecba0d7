"""From run records to tables: records → one row a run → one row a configuration → tables → text.

`table("main")` gives one as pandas' DataFrame of plain numbers. What the command line does with records goes through
`gather`, which reads them; `tables.build`, which makes tables for people; and `render`, which writes these.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from topkbench.report import tables
from topkbench.report.cells import Cell, Column, Table
from topkbench.report.evidence import Evidence, gather
from topkbench.report.folding import numbered, rows
from topkbench.report.formats import RENDERERS, format_of, render
from topkbench.report.frames import frame
from topkbench.runs import Rule

__all__ = [
    "RENDERERS",
    "Cell",
    "Column",
    "Evidence",
    "Table",
    "format_of",
    "frame",
    "gather",
    "numbered",
    "render",
    "rows",
    "table",
    "tables",
]


def table(
    name: str = "main",
    results: Path | str = "results",
    select: Rule = "per_metric",
    where: str | Sequence[str] = (),
    group_by: str | Sequence[str] = (),
    sort: str | Sequence[str] = (),
    published: Path | str | Sequence[Path | str] = (),
) -> pd.DataFrame:
    """The figures of a table, plain numbers: accuracies are fractions, NaN is what there is none of.

    Args:
        name: main, pk, k, noise, subset, hierarchy, cost or runs.
        results: the folder of run records.
        select: which evaluation counts.
        where: conditions that runs must meet: "method=bitonic,softsort,seed=0-4".
        group_by: options; of the configurations that agree in these, the best on validation stays.
        sort: columns; a minus before a name turns it round.
        published: further tables of published figures, beside the one that ships.

    Raises:
        UsageError: a name is unknown, or there is nothing to show.
        DataError: a table of published figures is damaged.
    """
    files = [Path(path) for path in ([published] if isinstance(published, Path | str) else published)]
    evidence = gather(Path(results), select, _several(where), _several(group_by), _several(sort), files)
    return pd.concat([each.figures for each in tables.build(name, evidence)], ignore_index=True)


def _several(names: str | Sequence[str]) -> Sequence[str]:
    """A string is one of them, not its letters."""
    return [names] if isinstance(names, str) else names
