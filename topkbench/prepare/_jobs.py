"""Which files make which store: what the arguments of `topkbench prepare` mean."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from topkbench import dumps, hierarchy, store
from topkbench.errors import TopkbenchError, UsageError

_DEMO = Path(__file__).parent.parent / "demo" / "wordnet826.npz"
_ENDINGS = (".h5", ".hdf5")
_NOT_DATA = ("README.md", ".partial", hierarchy.ENDING)

Note = Callable[[str], None]


class Job(NamedTuple):
    """One set of files, and the store it becomes."""

    sources: list[Path]
    out: Path


def plan(given: Sequence[Path], out: Path | None, note: Note, data: Path, *, overwrite: bool = False) -> list[Job]:
    """Say what is to be done.

    Args:
        given: Dumps. With `out`, all of them are one set; without, a folder is a set and so is each file.
            Where there are none: every dump in the data folder without a store; the demo set, if it has
            neither.
        out: The store, for one set.
        note: Told what is passed over, and why.
        data: The folder where stores go, and where dumps are looked for.
        overwrite: Take dumps that have a store too.

    Raises:
        UsageError: A file or folder is missing, holds no dump, is given twice, or two sets would become one store.
        DataError: A dump's store is damaged.
    """
    if out is not None:
        return [_together(given, out, note)]
    if not given:
        return _everything(data, note, overwrite)
    return _distinct([Job(_files(path, note), _to(path, data)) for path in given])


def _together(given: Sequence[Path], out: Path, note: Note) -> Job:
    if not given:
        raise UsageError("--out needs the files that it is made of: topkbench prepare DUMP --out FILE")
    if out.suffix not in _ENDINGS:
        raise UsageError(f"--out {out} must end in {' or '.join(_ENDINGS)}")
    files = [file for path in given for file in _files(path, note)]
    for i, file in enumerate(files):
        if file.exists() and any(file.samefile(other) for other in files[:i]):
            raise UsageError(f"{file} is given twice; its rows would be too")
    return Job(files, out)


def _everything(data: Path, note: Note, overwrite: bool) -> list[Job]:
    """Every dump of the data folder without a store, or the demo set if there is nothing at all."""
    paths = _visible(data) if data.is_dir() else []
    named = [path for path in paths if path.suffix == _ENDINGS[0]]
    found = [Job(files, _to(path, data)) for path in paths if path not in named and (files := _readable(path, note))]
    jobs = [job for job in _distinct(found) if overwrite or not _is_done(job)]
    for path in named:
        if path not in [job.out for job in found] and not store.is_store(path):
            note(f"{path} is no store, or a damaged one; if it is a dump: topkbench prepare {path} --out NAME.h5")
    if jobs:
        return jobs
    if found or named:
        note(f"all done: {data}/ has {', '.join(path.name for path in named)}; --overwrite prepares dumps anew")
        return []
    note(f"{data}/ holds no dump: preparing the demo set (definitions of WordNet nouns: text, not images)")
    return [Job([_DEMO], _to(_DEMO, data))]


def _is_done(job: Job) -> bool:
    """Whether the store is there and whole, as far as can be told without reading all of it."""
    return job.out.exists() and bool(store.open_store(job.out))


def _distinct(jobs: list[Job]) -> list[Job]:
    for i, job in enumerate(jobs):
        if job.out in [other.out for other in jobs[:i]]:
            raise UsageError(f"two dumps would become {job.out}; prepare them one by one, with --out")
    return jobs


def _to(path: Path, data: Path) -> Path:
    """Where a file's or folder's store goes; a folder may be given as `.`."""
    return data / f"{path.resolve().name if path.is_dir() else path.stem}.h5"


def _files(path: Path, note: Note) -> list[Path]:
    """The file itself, or the dumps in a folder."""
    if not path.is_dir():
        return [path]  # whether it exists and what it is, its reader will say
    if not (files := _readable(path, note)):
        raise UsageError(f"no file in {path} is a dump of a known format; see 'topkbench prepare --help'")
    return files


def _readable(path: Path, note: Note) -> list[Path]:
    """Of a file or of a folder's files, those of a known format; the others are told of."""
    return [file for file in (_visible(path) if path.is_dir() else [path]) if _is_dump(file, note)]


def _is_dump(path: Path, note: Note) -> bool:
    if not path.is_file() or store.is_store(path):
        return False
    try:
        dumps.read(path)
    except UsageError as error:
        note(f"passed over: {error}")
        return False
    except TopkbenchError:
        return True  # it is one, though damaged or unsafe, as its own turn will tell
    return True


def _visible(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.name[0] != "." and not p.name.endswith(_NOT_DATA))
