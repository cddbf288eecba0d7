"""What is said of runs that are left out or look odd: one line a reason."""

from collections.abc import Sequence

import pandas as pd

from topkbench import runs
from topkbench.errors import first_line
from topkbench.report.folding import of_several_hierarchies, repeated
from topkbench.report.values import named

_NAMED = 10  # a note names so many and counts the rest


def of_unreadable(skipped: Sequence[runs.Skipped]) -> list[str]:
    """Of files that should be records and are not to be read."""
    return _note("left out, unreadable", [f"{path}: {reason}" for path, reason in skipped])


def of_unfinished(of_runs: pd.DataFrame) -> list[str]:
    """Of runs that failed or were interrupted."""
    left = of_runs[of_runs["status"] != "done"]
    errors = left["error"].map(lambda error: f": {first_line(error)}" if error else "")
    called = [f"{name} {reason}" for name, reason in zip(_names(left), left["status"] + errors, strict=True)]
    return _note("left out", called)


def of_repeated(of_runs: pd.DataFrame) -> list[str]:
    """Of runs that agree in everything with another."""
    return _note("of the same settings and seed as another; of each the last counts", _names(repeated(of_runs)))


def of_hierarchies(of_runs: pd.DataFrame) -> list[str]:
    """Of runs whose costs are not to be folded, and of data sets whose rows' costs are not to be compared."""
    mixed = of_several_hierarchies(of_runs)
    folded = of_runs[of_runs["status"] == "done"].drop(mixed.index)
    counts = folded.groupby("dataset")["hierarchy"].nunique()
    several = [f"costs of {name} are of {count} hierarchies: rows of unlike ones do not compare"
               for name, count in counts[counts > 1].items()]  # fmt: skip
    return [*_note("without costs, as other seeds have those of another hierarchy, or none", _names(mixed)), *several]


def of_other_data(of_runs: pd.DataFrame) -> list[str]:
    """Of runs on data that are not those at hand."""
    return _note("left out, of other data", _names(of_runs))


def of_ranks(faults: Sequence[str]) -> list[str]:
    """Of runs whose ranks cannot be read."""
    return _note("not compared, nor counted for other k, without their ranks", faults)


def of_configurations(rows: pd.DataFrame, what: str) -> list[str]:
    """Of configurations that lack what a figure shows."""
    called = [f"{row['dataset']}/{named(row)}" for _, row in rows.iterrows()]
    return _note(f"left out, without {what}", called, "configuration")


def _names(of_runs: pd.DataFrame) -> list[str]:
    return list(of_runs["dataset"] + "/" + of_runs["run_id"])


def _note(what: str, called: Sequence[str], noun: str = "run") -> list[str]:
    """One line that counts runs and names the first of them; no line where there are none."""
    if not called:
        return []
    more = [f"and {len(called) - _NAMED} more"] if len(called) > _NAMED else []
    counted = f"{len(called)} {noun}{'' if len(called) == 1 else 's'}"
    return [f"{counted} {what}: {'; '.join([*called[:_NAMED], *more])}"]
