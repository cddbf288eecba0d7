"""Writing down the runs of a pass, however it ends."""

import platform
import subprocess
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from topkbench import allocator, runs
from topkbench.passes import Pass
from topkbench.settings import Settings
from topkbench.stack import Run, Splits
from topkbench.store import Store


@dataclass(frozen=True)
class Planned:
    """A run that is to be trained: the name that its record will have, and its settings."""

    run_id: str
    settings: Settings


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the record, where it lies, and whether it was there already."""

    record: runs.Record
    folder: Path
    was_done: bool


class Recorder:
    """Writes down the runs of one pass.

    Args:
        store: the data.
        results: the folder of records.
        members: the runs.

    Raises:
        DataError: a run's folder cannot be written in. Better no run than one that cannot be written down.
    """

    def __init__(self, store: Store, results: Path, members: Sequence[Planned]) -> None:
        self._store, self._results, self._members = store, results, members
        self._started, self._clock = datetime.now(UTC), time.monotonic()
        self._runs = [Run(member.settings.loss) for member in members]
        self._pass: Pass | None = None
        self._splits: list[Splits | None] = [None] * len(members)  # until they are there, and so their sizes
        for member in members:
            runs.make_folder(results, store.name, member.run_id)

    def watch(self, together: Pass) -> None:
        """Follow the pass that trains the runs."""
        self._runs = together.runs
        self._splits = [stack.splits for stack in together.stacks for _ in stack.runs]
        self._pass = together

    @property
    def _graph(self) -> bool | str:
        """Whether steps were taken as a CUDA graph, or why they could not be."""
        replayed = self._pass.replayed if self._pass else None
        return replayed is not None and (replayed.error or replayed.captured)

    def save_results(self) -> list[Outcome]:
        """Save what each run has come to: done, or failed where it has diverged."""
        return [self._save(at, "failed" if run.error else "done", run.error) for at, run in enumerate(self._runs)]

    def save_all(self, status: runs.Status, error: str) -> None:
        """Save what all runs have come to so far; those that have diverged are failed, whatever stopped the others."""
        for at, run in enumerate(self._runs):
            self._save(at, "failed" if run.error else status, run.error or error)

    def save_failure(self, error: Exception) -> None:
        """Save that the runs have failed, with what has led there."""
        trace = "".join(traceback.format_exception(error))
        self.save_all("failed", f"{type(error).__name__}: {error}\n{trace}")

    def _save(self, at: int, status: runs.Status, error: str | None) -> Outcome:
        run, member, is_done = self._runs[at], self._members[at], status == "done"
        device = torch.device(member.settings.protocol.device)
        record = runs.Record(
            run_id=member.run_id,
            status=status,
            error=error,
            started=self._started.isoformat(timespec="seconds"),
            seconds=round((time.monotonic() - self._clock) / len(self._members), 3),  # its share of the pass
            config=member.settings.config(),
            origin=member.settings.origin,
            data=_describe(self._store, self._splits[at], self._pass),
            environment={
                **environment(device),
                "heads": len(self._members),
                "cuda_graph": self._graph,
                "memory": _memory(device),
            },
            history=run.history,
            selected=run.selection.selected() if is_done else {},
        )
        ranks = run.selection.test_ranks() if is_done else None
        folder = runs.save(self._results, record, ranks, run.prototypes if is_done else None)
        return Outcome(record, folder, was_done=False)


def _describe(store: Store, splits: Splits | None, together: Pass | None) -> dict[str, Any]:
    sizes = {f"n_{role}": len(getattr(splits, role)) if splits else None for role in ("train", "valid", "test")}
    return {
        "name": store.name,
        "checksum": store.checksum,
        **sizes,
        "n_classes": store.n_classes,
        "dim": store.dim,
        "hierarchy": together.hierarchy if together else None,
    }


def _memory(device: torch.device) -> int:
    """The most bytes that the process, or on a GPU torch on the device, has held so far."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else allocator.most_held()


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
