"""Submitted workers → their exit codes, when all are done."""

import subprocess
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from submitit import Job

Cluster: TypeAlias = Literal["slurm", "local", "debug"]
"""SLURM itself, submitit's processes on this machine, or its calls in this process."""

_POLL = 2.0  # seconds between looks at the queue
_SLOW_DISK = 15.0  # seconds until what one node wrote is seen on another


def exit_codes(jobs: Sequence["Job[int]"], cluster: Cluster) -> tuple[int | None, ...]:
    """Wait for jobs, however often they are queued again.

    Args:
        jobs: submitit's, each a `Worker`.
        cluster: Where they run.

    Returns:
        The workers' exit codes; None for one that left none.
    """
    if cluster == "debug":
        return tuple(map(_call, jobs))
    while _running(jobs, cluster):
        time.sleep(_POLL)
    patience = time.monotonic() + _SLOW_DISK
    while time.monotonic() < patience and not all(job.paths.result_pickle.exists() for job in jobs):
        time.sleep(_POLL)
    return tuple(map(_read, jobs))


def _running(jobs: Sequence["Job[int]"], cluster: Cluster) -> bool:
    """Whether a job is still to end.

    submitit would ask sacct, which a cluster without accounting does not answer: a cancelled job would be waited
    for for ever.
    """
    if cluster == "local":
        return not all(job.done() for job in jobs)
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed
    # a controller that does not answer may be restarting; its jobs go on meanwhile
    return listed.returncode != 0 or not {job.job_id for job in jobs}.isdisjoint(listed.stdout.split())


def _call(job: "Job[int]") -> int | None:
    try:
        return job.result()
    except SystemExit:
        return None


def _read(job: "Job[int]") -> int | None:
    """The exit code that a job left, if it left one."""
    if not job.paths.result_pickle.exists():
        return None
    try:
        return job.result()
    except RuntimeError:  # submitit's: out of requeues, or the worker could not be started; the log tells which
        return None
