"""The only composer: a data set and a run's settings in, a record out."""

import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from topkbench import batches, hierarchy, partition, protocol, runs, settings
from topkbench.allocator import is_out_of_memory, keep_freed_memory
from topkbench.errors import DataError, RunError, TopkbenchError, UsageError
from topkbench.hierarchy import Hierarchy
from topkbench.problem import Problem
from topkbench.progress import Progress, silent
from topkbench.settings import Settings
from topkbench.stack import Run, Splits, Stack
from topkbench.store import Store, open_store
from topkbench.training_options import Protocol


@dataclass(frozen=True)
class Outcome:
    """What came of a call: the record, where it lies, and whether it was there already."""

    record: runs.Record
    folder: Path
    was_done: bool


def train(
    data: Path,
    results: Path,
    method: str | None,
    chosen: Mapping[str, Any],
    *,
    preset: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Outcome:
    """Train one run and save its record; a run that is done already is only looked up.

    Args:
        data: a prepared file.
        results: the folder of records.
        method: name, alias or file; None leaves it to the preset.
        chosen: the options that the user gave, by name.
        preset: NAME/SECTION.
        force: run it anew though it is done.
        progress: shows the steps.

    Raises:
        UsageError: an option does not exist or does not fit the method or the data.
        RunError: the run failed or diverged; its record says so.
        DataError: the data are damaged, or memory or disk are too small.
        KeyboardInterrupt: passed on, once the record says `interrupted`.
    """
    store = open_store(data)
    resolved = placed(settings.resolve(method, chosen, facts(store), preset), store)
    known = hierarchy_of(store) if resolved.needs_hierarchy else None
    if resolved.loss.needs:  # better told before there is a folder for the run
        _require_needs([resolved], _problem(known, torch.device("cpu"), protocol.stream(0)))
    identity = resolved.identity(store.checksum, store.n_classes, known.checksum if known else None)
    run_id = runs.run_id(resolved.method, identity)
    done = runs.find(results, store.name, run_id)
    if done and done.status == "done" and not force:
        return Outcome(done, runs.folder(results, store.name, run_id), was_done=True)
    return _train_anew(store, results, resolved, run_id, progress)


def facts(store: Store) -> dict[str, Any]:
    """What the settings may depend on: the sizes of a data set and of its classes."""
    labels = np.asarray(store.splits["train"].labels)
    class_rows = np.bincount(labels[labels >= 0], minlength=store.n_classes).tolist()
    sizes = {"n_train": len(labels), "n_classes": store.n_classes, "dim": store.dim, "class_rows": class_rows}
    own = {"n_valid": len(store.splits["valid"].labels)} if "valid" in store.splits else {}
    return sizes | own


def build(store: Store, members: Sequence[Settings]) -> Stack:
    """Everything that a stack needs, in the order of the protocol's draws.

    Raises:
        UsageError: the data have no test split, or lack what a method needs.
        DataError: the embeddings do not fit where they were told to be.
        ValueError: the runs differ in more than method, options and learning rate.
    """
    shared = members[0].protocol
    if any(replace(member.protocol, nloglr=shared.nloglr) != shared for member in members):
        raise ValueError("runs of one stack share their protocol, all but the learning rate")
    device = torch.device(shared.device)
    if device.type == "cpu":
        keep_freed_memory()
    generator = protocol.stream(shared.seed)
    found = hierarchy_of(store)
    splits = _splits(store, shared, generator, device, found)
    dims = [store.dim, *shared.hidden_dims, store.n_classes]
    problem = _problem(found, device, protocol.noise(shared.seed, "method", device))
    _require_needs(members, problem)
    return Stack(members, splits, dims, generator, device, problem)


def hierarchy_of(store: Store) -> Hierarchy | None:
    """The hierarchy of a data set's classes, its distances kept beside the file; None where there is none.

    Raises:
        DataError: a class is nowhere in it.
    """
    known = (store.class_ids, store.class_names, store.parents, store.distances)
    return hierarchy.of(store.n_classes, *known, cache_beside=store.path)


def placed(resolved: Settings, store: Store) -> Settings:
    """The settings with `auto` resolved: on which device, and where the embeddings are held.

    Raises:
        UsageError: cuda was asked for and there is none.
    """
    device = choose_device(resolved.protocol.device)
    residency = resolved.protocol.residency
    if residency == "auto":
        residency = batches.choose(sum(part.embeddings.nbytes for part in store.splits.values()), device)
    return replace(resolved, protocol=replace(resolved.protocol, device=device.type, residency=residency))


def choose_device(name: str) -> torch.device:
    """A GPU where there is one, or what the user said.

    Raises:
        UsageError: cuda was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: this machine has no CUDA device that torch can use; use --device cpu")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _splits(
    store: Store, shared: Protocol, generator: torch.Generator, device: torch.device, known: Hierarchy | None
) -> Splits:
    dtype = torch.float64 if shared.precision == "float64" else torch.float32
    tree = None if known is None else known.parents
    family_C = None if tree is None else torch.from_numpy(tree[: store.n_classes])
    parts = partition.parts(store, shared, generator, family_C)
    held = {name: batches.hold(split.embeddings, shared.residency, device) for name, split in store.splits.items()}
    rows = {
        role: batches.Rows(held[part.split], part.labels.to(device), part.index, dtype) for role, part in parts.items()
    }
    return Splits(**rows)


def _problem(known: Hierarchy | None, device: torch.device, generator: torch.Generator) -> Problem:
    """What is known of the classes, on the device."""
    if known is None:
        return Problem(generator=generator)
    parents = None if known.parents is None else torch.from_numpy(known.parents).to(device)
    return Problem(torch.from_numpy(np.array(known.distances)).to(device), parents, generator=generator)


def _require_needs(members: Sequence[Settings], problem: Problem) -> None:
    for member in members:
        for need in member.loss.needs:
            if getattr(problem, need) is None:
                cure = "give them a hierarchy with 'topkbench prepare --hierarchy FILE'"
                raise UsageError(f"{member.method} needs {need} of the classes, which these data do not have; {cure}")


def _train_anew(store: Store, results: Path, resolved: Settings, run_id: str, progress: Progress) -> Outcome:
    recorder = _Recorder(store, results, resolved, run_id)
    runs.make_folder(results, store.name, run_id)  # better no run than one that cannot be written down
    try:
        stack = build(store, [resolved])
        recorder.run, recorder.splits = stack.runs[0], stack.splits
        stack.train(progress)
    except TopkbenchError:
        raise  # refused before the first step: there is no run to record
    except KeyboardInterrupt:
        recorder.save("interrupted", "interrupted by the user")
        raise
    except Exception as error:
        recorder.save("failed", f"{type(error).__name__}: {error}")
        if is_out_of_memory(error):
            raise DataError(f"out of memory: {error}; use a smaller --batch-size or --residency mmap") from error
        raise RunError(f"{run_id} failed: {type(error).__name__}: {error}") from error
    if recorder.run.error:
        recorder.save("failed", recorder.run.error)
        raise RunError(f"{run_id} {recorder.run.error}")
    return recorder.save("done", None)


class _Recorder:
    """Writes down one run, however it ends."""

    def __init__(self, store: Store, results: Path, resolved: Settings, run_id: str) -> None:
        self._store, self._results, self._settings, self._run_id = store, results, resolved, run_id
        self._started, self._clock = datetime.now(UTC), time.monotonic()
        self.run = Run(resolved.loss)
        self.splits: Splits | None = None  # until they are there, so that their sizes are not known

    def save(self, status: runs.Status, error: str | None) -> Outcome:
        """Save the record, with what the run has come to."""
        is_done = status == "done"
        record = runs.Record(
            run_id=self._run_id,
            status=status,
            error=error,
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self._clock, 3),
            config=self._settings.config(),
            origin=self._settings.origin,
            data=_describe(self._store, self.splits),
            environment=environment(torch.device(self._settings.protocol.device)),
            history=self.run.history,
            selected=self.run.selection.selected() if is_done else {},
        )
        ranks = self.run.selection.test_ranks() if is_done else None
        folder = runs.save(self._results, record, ranks, self.run.prototypes if is_done else None)
        return Outcome(record, folder, was_done=False)


def _describe(store: Store, splits: Splits | None) -> dict[str, Any]:
    sizes = {f"n_{role}": len(getattr(splits, role)) if splits else None for role in ("train", "valid", "test")}
    return {
        "name": store.name,
        "checksum": store.checksum,
        **sizes,
        "n_classes": store.n_classes,
        "dim": store.dim,
    }


def environment(device: torch.device) -> dict[str, Any]:
    """The versions and the machine that a result was computed with; `git` is null outside a clone."""
    return {
        "topkbench": metadata.version("topkbench"),
        "git": _git_revision(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
    }


def _git_revision() -> str | None:
    """The commit of the clone that this package lies in, if it lies at the top of one."""
    clone = Path(__file__).parent.parent
    if not (clone / ".git").exists():
        return None
    command = ["git", "-C", str(clone), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - fixed
    except (OSError, subprocess.CalledProcessError):
        return None
