"""A results folder → all that a report says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from topkbench import runs
from topkbench.errors import UsageError
from topkbench.report.display import caption, table
from topkbench.report.folding import repeated, rows
from topkbench.report.frames import frame

_NAMED = 10  # a note names so many and counts the rest


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
    notes = [*_unreadable(skipped), *_unfinished(of_runs), *_repeated(of_runs)]
    folded = rows(of_runs)
    if folded.empty:
        found = "".join(f" ({note})" for note in notes)
        cure = "start with 'topkbench train --method softmax_cross_entropy'"
        where = f"{results.resolve()}{'' if results.is_dir() else ', which does not exist'}"
        raise UsageError(f"no finished run in {where}{found}; {cure}")
    return Report(folded, table(folded), caption(folded), notes)


def _unreadable(skipped: Sequence[runs.Skipped]) -> list[str]:
    return _note("left out, unreadable", [f"{path}: {reason}" for path, reason in skipped])


def _unfinished(of_runs: pd.DataFrame) -> list[str]:
    left = of_runs[of_runs["status"] != "done"]
    errors = left["error"].map(lambda error: ": " + " ".join(error.split()) if error else "")
    named = [f"{name} {reason}" for name, reason in zip(_names(left), left["status"] + errors, strict=True)]
    return _note("left out", named)


def _repeated(of_runs: pd.DataFrame) -> list[str]:
    return _note("counted together, though of the same settings and seed", _names(repeated(of_runs)))


def _names(of_runs: pd.DataFrame) -> list[str]:
    return list(of_runs["dataset"] + "/" + of_runs["run_id"])


def _note(what: str, named: Sequence[str]) -> list[str]:
    """One line that counts runs and names the first of them; no line where there are none."""
    if not named:
        return []
    more = [f"and {len(named) - _NAMED} more"] if len(named) > _NAMED else []
    runs_ = "run" if len(named) == 1 else "runs"
    return [f"{len(named)} {runs_} {what}: {'; '.join([*named[:_NAMED], *more])}"]
