"""A results folder → all that a report says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from topkbench import runs
from topkbench.errors import UsageError
from topkbench.report import notes
from topkbench.report.display import caption, table
from topkbench.report.folding import rows
from topkbench.report.frames import frame


@dataclass(frozen=True)
class Report:
    """Figures for programs, a table and its caption for people, notes on what is left out or looks odd."""

    rows: pd.DataFrame
    table: pd.DataFrame
    caption: str
    notes: Sequence[str]


def build(results: Path, select: runs.Rule = "per_metric") -> Report:
    """Read the records of a results folder and fold them into a report.

    Raises:
        UsageError: there is no such selection rule, or no run that is done.
    """
    records, skipped = runs.load_all(results)
    of_runs = frame(records, select)
    said = [
        *notes.of_unreadable(skipped),
        *notes.of_unfinished(of_runs),
        *notes.of_repeated(of_runs),
        *notes.of_hierarchies(of_runs),
    ]
    folded = rows(of_runs)
    if folded.empty:
        found = "".join(f" ({note})" for note in said)
        cure = "start with 'topkbench train --method softmax_cross_entropy'"
        where = f"{results.resolve()}{'' if results.is_dir() else ', which does not exist'}"
        raise UsageError(f"no finished run in {where}{found}; {cure}")
    return Report(folded, table(folded), caption(folded), said)
