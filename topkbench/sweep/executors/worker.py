"""One worker inside a submitit job: a command that is ended properly when the job must go, and goes on after."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from topkbench.errors import INTERRUPTED

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

_WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)
"""What SLURM may warn with that time is up; submitit listens for SIGUSR2 unless it is told otherwise."""

_GRACE = 10.0  # seconds between asking a worker to end and ending it; a worker has nothing to save
_PATIENCE = 600.0  # seconds in which SLURM ends a job after SIGTERM; partitions may grant minutes
_POLL = 0.05


class Worker:
    """Runs a command and returns its exit code; submitit pickles it, calls it and asks it for a checkpoint.

    What the command has finished is on the disk, so its checkpoint is the same command again.

    Args:
        command: The argument vector.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Run the command to its end.

        Returns:
            Its exit code; that of a shell, 128 + n, where signal n ended it.

        Raises:
            SystemExit: it was asked to end from outside. No result is left then, since whoever asked decides
                whether the job comes back.
        """
        try:
            with _blocked(_WARNINGS):
                self._process = _start(self._command)
            # Popen.wait would hold a lock that checkpoint, called by a signal right here, needs too
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            self._end()
        code = self._process.returncode
        code = code if code >= 0 else 128 - code
        if code in (128 + signal.SIGTERM, INTERRUPTED):
            _await_the_end()
            raise SystemExit(code)
        return code

    def checkpoint(self) -> "DelayedSubmission":
        """End the command, since the job must go, and say what to run when it comes back: the same command."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415 - an extra, which only arrays need

        self._end()
        return DelayedSubmission(Worker(self._command))

    def _end(self) -> None:
        """End the command and all that it started: ask first, then insist."""
        if self._process is None or self._process.returncode is not None:
            return
        for signum in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signum)
            patience = time.monotonic() + _GRACE
            while self._process.poll() is None and time.monotonic() < patience:
                time.sleep(_POLL)


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the command as the head of a process group."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - what it is for


@contextlib.contextmanager
def _blocked(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Start children deaf to signals: SLURM sends them to every process of a job, and a child would die of its own.

    The caller gets what came meanwhile at the end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _await_the_end() -> None:
    """Let SLURM end the job: if it ends by itself in a preemption's time of grace, it counts as done for good."""
    if os.environ.get("SUBMITIT_EXECUTOR") == "slurm":
        time.sleep(_PATIENCE)
