"""Which configurations a plot is of: those that have what it draws, a part for each data set."""

import pandas as pd

from topkbench.errors import UsageError
from topkbench.report import notes
from topkbench.report.evidence import Evidence
from topkbench.report.tables._captions import seeds
from topkbench.report.values import named


def names(rows: pd.DataFrame) -> list[str]:
    """What a legend calls configurations."""
    return [named(row) for _, row in rows.iterrows()]


def averaged(rows: pd.DataFrame) -> str:
    """What a caption says of means without a spread.

    >>> averaged(pd.DataFrame({"n_seeds": [5, 5]})), averaged(pd.DataFrame({"n_seeds": [1, 3]}))
    ('mean of 5 seeds', 'mean of up to 3 seeds')
    """
    return "one seed" if rows["n_seeds"].max() == 1 else f"mean of {seeds(rows)}"


def left_out(
    evidence: Evidence, rows: pd.DataFrame, what: str, cure: str = "run them again with 'topkbench train --force'"
) -> list[str]:
    """A note on the configurations that have not what a figure shows.

    Args:
        evidence: in which all of them are.
        rows: those that have it.
        what: as in "no configuration has WHAT".
        cure: what to do where none has it.

    Raises:
        UsageError: none has it.
    """
    if rows.empty:
        raise UsageError(f"no configuration in {evidence.folder.resolve()} has {what}; {cure}")
    others = evidence.rows[~evidence.rows["configuration"].isin(rows["configuration"])]
    return notes.of_configurations(others, what)
