"""Workers on this machine, each a process of its own."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from topkbench.errors import RunError
from topkbench.progress import Progress
from topkbench.sweep.executors.logs import made
from topkbench.sweep.plan import Plan

_SECONDS = 1.0  # between looks at the records


def default_workers(plan: Plan) -> int:
    """One a GPU, or one."""
    return max(1, _gpus(plan))


def spread(plan: Plan, command: Sequence[str], workers: int, logs: Path, *, progress: Progress) -> None:
    """Start the workers of a sweep and wait for them; what they have done is in the results folder.

    Args:
        plan: of the sweep.
        command: a worker's, but for its share.
        workers: how many. Each has one of the GPUs, or its part of the processors.
        logs: the folder for what each says, worker-I.log.
        progress: shows the runs that are over.

    Raises:
        RunError: a worker ended otherwise than a sweep does; its log says why.
    """
    home = made(logs)
    started = [_start(command, part, workers, home, _gpus(plan)) for part in range(1, workers + 1)]
    try:
        _watch(plan, started, progress)
    finally:
        _end(started)
    for part, worker in enumerate(started, start=1):
        if worker.returncode not in (0, RunError.exit_code):
            log = home / f"worker-{part}.log"
            raise RunError(f"worker {part} of {workers} ended with {worker.returncode}; {log} says why")


def _watch(plan: Plan, started: Sequence["subprocess.Popen[bytes]"], progress: Progress) -> None:
    over = 0
    with progress(len(plan.members), "run", f"sweep, {len(started)} workers") as bar:
        while any(worker.poll() is None for worker in started):
            time.sleep(_SECONDS)
            statuses = list(plan.statuses().values())
            now = statuses.count("done") + statuses.count("failed")
            bar.advance(now - over)
            over = now


def _start(command: Sequence[str], part: int, workers: int, logs: Path, gpus: int) -> "subprocess.Popen[bytes]":
    own = {"CUDA_VISIBLE_DEVICES": _gpu(part, gpus)} if gpus else {"OMP_NUM_THREADS": _threads(workers)}
    with (logs / f"worker-{part}.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--share", f"{part}/{workers}"], stdout=log, stderr=log, env={**os.environ, **own}
        )


def _gpus(plan: Plan) -> int:
    on_gpu = any(member.settings.protocol.device == "cuda" for member in plan.members)
    return torch.cuda.device_count() if on_gpu else 0


def _gpu(part: int, gpus: int) -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(gpus)))).split(",")
    return visible[(part - 1) % len(visible)]


def _threads(workers: int) -> str:
    """Of each worker: more than there are processors would wait for each other."""
    return os.environ.get("OMP_NUM_THREADS") or str(max(1, len(os.sched_getaffinity(0)) // workers))


def _end(started: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Whatever has ended the wait, no worker is left behind."""
    for worker in started:
        if worker.poll() is None:
            worker.terminate()
    for worker in started:
        worker.wait()
