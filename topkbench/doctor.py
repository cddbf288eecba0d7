"""Is this machine fit for a study? Data, disk, locks, device, versions, and a baseline of a minute at most."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

import psutil
import torch

from topkbench import runs, settings, train
from topkbench.errors import TopkbenchError
from topkbench.progress import Bar
from topkbench.store import open_store

BASELINE_SECONDS = 60.0
_PROBE = 64 * 2**20  # bytes written to measure the disk
_GIB = 2**30


class Finding(NamedTuple):
    """What one check found."""

    check: str
    verdict: Literal["ok", "note", "bad"]
    detail: str


def examine(data: Sequence[Path], results: Path, *, baseline: bool = True) -> Iterator[Finding]:
    """Run every check, each as it is asked for.

    Args:
        data: prepared files.
        results: the folder of records; it need not exist.
        baseline: train softmax_cross_entropy on the first data set for `BASELINE_SECONDS` at most.
    """
    yield Finding("versions", "ok", _versions())
    yield Finding("device", "ok", _device())
    yield _memory()
    yield from _guarded("disk", _disk, results)
    yield from _guarded("locks", _locks, results)
    yield _records(results)
    if not data:
        yield Finding("data", "note", "no prepared data; run: topkbench prepare")
    for path in data:
        yield from _guarded("data", _data, path)
    if baseline and data:
        yield from _guarded("baseline", _baseline, data[0])


def _guarded(check: str, function: Callable[[Path], str], path: Path) -> Iterator[Finding]:
    """One check of a path; what it raises is its finding."""
    try:
        yield Finding(check, "ok", function(path))
    except (TopkbenchError, OSError) as error:
        yield Finding(check, "bad", str(error))


def _versions() -> str:
    packages = ("topkbench", "torch", "numpy", "h5py", "pandas", "typer")
    return ", ".join(f"{name} {metadata.version(name)}" for name in packages)


def _device() -> str:
    cpu = f"{os.cpu_count()} CPU cores, {torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        return f"{cpu}, no CUDA device"
    free, total = torch.cuda.mem_get_info()
    return f"{cpu}, {torch.cuda.get_device_name()} with {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    scarce = memory.available < _GIB
    detail = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB available"
    return Finding("memory", "note" if scarce else "ok", detail + ("; use --residency mmap" if scarce else ""))


def _disk(results: Path) -> str:
    """Free space and the speed of a flushed write, where the results go."""
    home = _nearest_folder(results)
    with tempfile.TemporaryFile(dir=home) as file:
        start = time.perf_counter()
        file.write(bytes(_PROBE))
        file.flush()
        os.fsync(file.fileno())
        speed = _PROBE / (time.perf_counter() - start)
    return f"{shutil.disk_usage(home).free / _GIB:.1f} GiB free, {speed / 1e6:.0f} MB/s written in {home}"


def _locks(results: Path) -> str:
    """Whether a second descriptor is kept out of a locked file, as savers of records rely on."""
    home = _nearest_folder(results)
    with tempfile.NamedTemporaryFile(dir=home) as file, Path(file.name).open("rb") as second:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            return f"none in {home}: records stay whole, but let only one process save a run at a time"
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"work in {home}"
    raise OSError(f"{home} grants one lock twice; let only one process save a run at a time")


def _nearest_folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise OSError(f"{path} is no folder; choose another with --results")
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.is_dir())


def _records(results: Path) -> Finding:
    records, skipped = runs.load_all(results)
    detail = f"{len(records)} in {results}"
    if not skipped:
        return Finding("records", "ok", detail)
    return Finding("records", "note", f"{detail}; unreadable: {', '.join(str(s.path) for s in skipped)}")


def _data(path: Path) -> str:
    store = open_store(path)
    rows = ", ".join(f"{len(split.labels):,} {name}" for name, split in store.splits.items())
    return f"{path}: {rows} rows, {store.n_classes:,} classes, {store.dim} dimensions"


class _TimeIsUpError(Exception):
    """Ends a baseline that would take longer than its time."""


def _baseline(path: Path) -> str:
    store = open_store(path)
    resolved = train.placed(settings.resolve("softmax_cross_entropy", {}, train.facts(store)), store)
    alone = train.build(store, [resolved])
    with contextlib.suppress(_TimeIsUpError):  # what was measured until then is the baseline
        alone.train(_a_minute)
    entry = alone.runs[0].history[-1]
    shown = " | ".join(f"{metric} {entry['valid'][metric]:.2%}" for metric in ("top1", "top5"))
    return f"softmax_cross_entropy on {store.name}: validation {shown} after {entry['step']:,} steps"


@contextlib.contextmanager
def _a_minute(total: int, unit: str, description: str) -> Iterator[Bar]:
    """A progress that stops the work when the baseline's time is up."""
    yield _Clock(time.monotonic() + BASELINE_SECONDS)


class _Clock:
    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def advance(self, n: int, note: str = "") -> None:
        if time.monotonic() > self._deadline:
            raise _TimeIsUpError
