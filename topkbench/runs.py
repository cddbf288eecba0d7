"""The run record: what a run was, what came of it, and how both reach the disk whole or not at all.

    results/DATASET/RUN_ID/record.json      strict JSON, the fields of `Record`
    results/DATASET/RUN_ID/ranks.npz        the rank of each test row's true class, and the class predicted
    results/DATASET/RUN_ID/prototypes.npz   `prototypes` [C, E] float32 of the last step, where classes are points

A saver holds a lock on the run's folder, writes every file under a temporary name, flushes it and renames it.
What temporaries it finds there beside its own were left by killed savers: it removes them.
"""

import contextlib
import fcntl
import gc
import glob
import hashlib
import io
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import orjson

from topkbench.errors import DataError

SCHEMA = 1
RECORD = "record.json"
RANKS = "ranks.npz"
PROTOTYPES = "prototypes.npz"

AnyArray = npt.NDArray[Any]
Status: TypeAlias = Literal["done", "failed", "interrupted"]
Rule: TypeAlias = Literal["per_metric", "best_top1", "last"]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Which evaluation counts: each metric's own best on validation, that of the best top-1, or the last."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run; its fields are those of record.json, in the same order."""

    schema: int = SCHEMA
    run_id: str
    status: Status
    error: str | None
    started: str
    seconds: float
    config: Mapping[str, Any]
    origin: Mapping[str, str]
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    selected: Mapping[str, Any]

    def to_json(self) -> str:
        """One line of strict JSON; a number that is not finite (a diverged run's loss) is null."""
        document = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(_plain(document, lambda x: x if math.isfinite(x) else None), allow_nan=False)


class Skipped(NamedTuple):
    """A file that should be a record and is not one that this version reads."""

    path: Path
    reason: str


class UnreadableRecordError(DataError):
    """A record is torn, foreign, misplaced or from a newer topkbench; `skipped` says which and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.skipped = Skipped(path, reason)


def run_id(method: str, identity: Mapping[str, Any]) -> str:
    """Name a run after its method and everything that decides its result.

    The name ends in the first 12 hexadecimal digits of the sha256 of the identity's canonical JSON: sorted
    keys, no spaces, tuples as lists, and one form for equal numbers (2 and 2.0 are one setting).

    Raises:
        ValueError: a number of the identity is not finite.

    >>> run_id("softsort", {"m": 16, "p_k": (0.5, 0.5)})
    'softsort-c4ed680aa11e'
    >>> run_id("./my_loss.py", {"m": 16.0, "p_k": [0.5, 0.5]})
    'my_loss.py-c4ed680aa11e'
    """
    plain = _plain(identity, lambda x: int(x) if x.is_integer() else x)
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{_file_name(method)}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


def folder(results: Path, dataset: str, run_id: str) -> Path:
    """Where a run of a data set lies: results/DATASET/RUN_ID."""
    return results / _file_name(dataset) / _file_name(run_id)


def save(
    results: Path,
    record: Record,
    ranks: Mapping[str, AnyArray] | None = None,
    prototypes: AnyArray | None = None,
    *,
    force: bool = False,
) -> Path:
    """Write a run's record and arrays, whole or not at all, and return its folder.

    A run that failed or was interrupted does not replace one that is done, unless forced to: when
    `train --force` repeats a run and is stopped, the result that it set out to repeat is still there. So
    `train` does not pass its `--force` on.

    Args:
        results: The results folder; it need not exist.
        record: What happened.
        ranks: Whole numbers from 0 to the number of classes, by name; stored as uint16, above 65,535 classes
            as uint32. None removes an earlier run's ranks, since they would not be this record's.
        prototypes: [C, E], stored as float32. None removes an earlier run's, likewise.
        force: Replace a record that is done, whatever the new one is.

    Raises:
        DataError: the folder cannot be written, or the disk is full; what was there before is still there.
        ValueError: a rank is negative or above the number of classes.
    """
    home = folder(results, record.data["name"], record.run_id)
    arrays = {
        RANKS: None if ranks is None else _packed(_narrowed(ranks, record.data["n_classes"])),
        PROTOTYPES: None if prototypes is None else _packed({"prototypes": prototypes.astype(np.float32)}),
    }
    with _held(home):
        old = find(results, record.data["name"], record.run_id)
        if record.status == "done" or force or old is None or old.status != "done":
            # arrays first: a record that is there has its arrays
            _replace(home, {**arrays, RECORD: record.to_json().encode() + b"\n"})
    return home


def make_folder(results: Path, dataset: str, run_id: str) -> None:
    """Make a run's folder, for its record to come.

    Raises:
        DataError: it cannot be written in.
    """
    with _held(folder(results, dataset, run_id)):
        pass


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that who opens it sees the old one or the whole new one; make its folder if need be.

    A link stays one, to the new file; a device or a pipe is written to.

    Raises:
        DataError: the file cannot be written, or the disk is full.
    """
    meant = path.resolve()
    with _held(meant.parent):
        if meant.exists() and not meant.is_file():
            meant.write_bytes(content)
        else:
            _replace(meant.parent, {meant.name: content})


def load(folder: Path) -> Record:
    """Read the record in a run's folder.

    Raises:
        UnreadableRecordError: there is none, or it is torn, foreign or from a newer topkbench.
    """
    path = folder / RECORD
    try:
        document = _parsed(path.read_bytes())
    except OSError as error:
        raise UnreadableRecordError(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableRecordError(path, "is torn; delete its folder or run it again") from error
    if fault := _fault(document):
        raise UnreadableRecordError(path, fault)
    return Record(**{field.name: document[field.name] for field in fields(Record)})


def find(results: Path, dataset: str, run_id: str) -> Record | None:
    """The record of a run, or None where none can be read: a torn one is no result, so its run is due."""
    try:
        return load(folder(results, dataset, run_id))
    except UnreadableRecordError:
        return None


def load_all(results: Path) -> tuple[list[Record], list[Skipped]]:
    """Read every record below a results folder, in the order of their paths; name those that cannot be read.

    A record that does not lie where its own name says is a copy, and would count one run twice: skipped too.
    """
    records, skipped = [], []
    with _uncollected():
        for path in sorted(results.glob(f"*/*/{RECORD}")):
            try:
                records.append(_at_home(load(path.parent), results, path))
            except UnreadableRecordError as error:
                skipped.append(error.skipped)
    return records, skipped


def load_ranks(folder: Path, names: Sequence[str] | None = None) -> dict[str, AnyArray]:
    """Read the arrays in a run's ranks.npz, or some of them.

    Raises:
        DataError: the file is missing or torn, or an array is not in it.
    """
    return _load_arrays(folder / RANKS, names)


def load_prototypes(folder: Path) -> AnyArray:
    """Read the points [C, E] in a run's prototypes.npz.

    Raises:
        DataError: the file is missing or torn.
    """
    return _load_arrays(folder / PROTOTYPES)["prototypes"]


def _load_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, AnyArray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in names or archive.files}
    except KeyError as error:
        raise DataError(f"{path} lacks {error}; run it again with 'topkbench train --force'") from error
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; run it again with 'topkbench train --force'") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is torn; run it again with 'topkbench train --force'") from error


# What a record must hold for the report to read it; a run that is done has its results as well.
_Shape: TypeAlias = "type | tuple[type, ...] | dict[str, _Shape]"
_SHAPE: dict[str, _Shape] = {
    "schema": int,
    "run_id": str,
    "status": str,
    "error": (str, NoneType),
    "started": str,
    "seconds": (int, float),
    "config": {"method": str, "p_k": list, "seed": int},
    "origin": dict,
    "data": {"name": str},
    "environment": dict,
    "history": list,
    "selected": dict,
}
_DONE_SHAPE: dict[str, _Shape] = _SHAPE | {"selected": {rule: {"test": (dict, NoneType)} for rule in RULES}}


def _fault(document: object) -> str | None:
    """What keeps a JSON document from being a record that this version reads, if anything does."""
    if not isinstance(document, dict) or not isinstance(document.get("schema"), int):
        return "is not a run record: it has no schema number"
    if document["schema"] > SCHEMA:
        return f"has schema {document['schema']}, this topkbench reads up to {SCHEMA}; upgrade topkbench"
    shape = _DONE_SHAPE if document.get("status") == "done" else _SHAPE
    wrong = list(_mismatches(document, shape))
    return f"is not a run record: {', '.join(wrong)} missing or of another type" if wrong else None


def _mismatches(document: object, shape: _Shape, name: str = "") -> Iterator[str]:
    """The dotted names under which a document lacks what the shape asks for."""
    if not isinstance(shape, dict):
        if not isinstance(document, shape):
            yield name
    elif not isinstance(document, dict):
        yield name
    else:
        for key, inner in shape.items():
            # Ellipsis is no JSON value, so a missing key matches no type, not even that of null
            yield from _mismatches(document.get(key, ...), inner, f"{name}.{key}" if name else key)


def _parsed(content: bytes) -> Any:
    """Read JSON; ten thousand records take orjson a second or two, and Python's own module three times as long."""
    try:
        return orjson.loads(content)
    except ValueError:  # of a file's name that is no Unicode, which Python's own module reads
        return json.loads(content)


def _at_home(record: Record, results: Path, path: Path) -> Record:
    home = folder(results, record.data["name"], record.run_id)
    if path.parent != home:
        raise UnreadableRecordError(path, f"is a copy: its place is {home}")
    return record


def _plain(value: object, number: Callable[[float], float | None]) -> object:
    """JSON's own types in place of tuples, mappings and NumPy's; every float goes through `number`."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, number) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):  # np.float64 is a float too
        return _plain(value.tolist(), number)
    if isinstance(value, list | tuple):
        return [_plain(inner, number) for inner in value]
    return number(value) if isinstance(value, float) else value


def _file_name(name: str) -> str:
    """The name without what a file name had better not hold: separators, spaces, leading dots."""
    return re.sub(r"[^\w.+-]+", "_", name).strip("._") or "_"


def _narrowed(ranks: Mapping[str, AnyArray], n_classes: int) -> dict[str, AnyArray]:
    dtype = np.dtype(np.uint16 if n_classes <= np.iinfo(np.uint16).max else np.uint32)
    for name, array in ranks.items():
        if array.size and not 0 <= array.min() <= array.max() <= n_classes:
            raise ValueError(f"ranks {name!r} are {array.min()} to {array.max()}, not 0 to {n_classes}")
    return {name: array.astype(dtype) for name, array in ranks.items()}


def _packed(arrays: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let Python not look for cycles, of which JSON has none: of ten thousand records that is a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Make a folder if need be, lock it against other savers, and flush its entries at the end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            # Some network file systems have no locks; names and renames keep files whole there too.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        cure = "choose another folder, or make room"
        raise DataError(f"cannot write in {folder}: {error.strerror}; {cure}") from error


def _replace(folder: Path, files: Mapping[str, bytes | None]) -> None:
    """Write files of a locked folder, each in one step once all are on the disk; None removes one."""
    temporaries = {name: folder / f".{name}.{os.getpid()}.partial" for name in files}
    try:
        for name, content in files.items():
            if content is not None:
                _write_flushed(temporaries[name], content)
        for name, content in files.items():
            if content is None:
                (folder / name).unlink(missing_ok=True)
            else:
                temporaries[name].replace(folder / name)
    finally:
        for name in files:
            for temporary in folder.glob(f".{glob.escape(name)}.*.partial"):
                temporary.unlink(missing_ok=True)


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
