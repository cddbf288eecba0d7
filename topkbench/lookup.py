"""Which recorded run a user means."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from topkbench import runs
from topkbench.errors import UsageError
from topkbench.runs import RECORD, Record

_NAMED = 10  # an error names so many runs and counts the rest


class Found(NamedTuple):
    """A record and the folder that it lies in."""

    record: Record
    folder: Path


def find(results: Path, name: str) -> Found:
    """The run that a name means.

    Args:
        results: the folder of records.
        name: RUN_ID or DATASET/RUN_ID, of which the end may be left out; or the path of a run's folder, wherever it is.

    Raises:
        UsageError: no run has this name, with the nearest that one has, or several have.
        UnreadableRecordError: its record is torn, foreign or from a newer topkbench.
    """
    folder = Path(name) if (Path(name) / RECORD).is_file() else _folder(results, name)
    return Found(runs.load(folder), folder)


def _folder(results: Path, name: str) -> Path:
    """Of the one run that bears the name, or that alone begins with it."""
    dataset, _, begin = name.rpartition("/")
    known = sorted(path.parent for path in results.glob(f"*/*/{RECORD}"))
    there = [folder for folder in known if dataset in ("", folder.parent.name)]
    meant = [folder for folder in there if folder.name == begin] or [
        folder for folder in there if begin and folder.name.startswith(begin)
    ]
    if len(meant) > 1:
        raise UsageError(f"{name!r} is the name of several runs: {_listed(meant)}; give more of it, or DATASET/RUN_ID")
    if not meant:
        raise UsageError(f"no run {name!r} in {results}{_nearest(begin, known)}")
    return meant[0]


def _nearest(begin: str, known: Sequence[Path]) -> str:
    """The end of a sentence that names the run whose name begins most like the one given."""
    if not known:
        return ", which holds none; start with 'topkbench train --method softmax_cross_entropy'"
    beginnings = {folder.name[: len(begin)]: folder for folder in known}
    close = get_close_matches(begin, beginnings, n=1)
    if close:
        return f"; did you mean {_name(beginnings[close[0]])!r}?"
    return f"; it holds {_listed(known)}"


def _listed(folders: Sequence[Path]) -> str:
    more = [f"and {len(folders) - _NAMED} more"] if len(folders) > _NAMED else []
    return ", ".join([*map(_name, folders[:_NAMED]), *more])


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"
