"""Workers on this machine, each a process of its own.

A worker is tied to this process by its stdin: a pipe that nothing is written to, and that the system closes however
this process ends, so that the end of the file tells the worker that nobody waits for it any longer. It then saves what
it has, and ends (`topkbench.cli._worker`). It has a session of its own: of a terminal's Ctrl-C it hears that way, too,
and once.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Never

from topkbench.errors import DataError
from topkbench.progress import Progress
from topkbench.recording import Planned
from topkbench.sweep.best import Best
from topkbench.sweep.executors import machine
from topkbench.sweep.executors.arrivals import Arrivals
from topkbench.sweep.executors.exit_codes import has_ended
from topkbench.sweep.executors.logs import made
from topkbench.sweep.plan import Plan
from topkbench.train import Note

_SECONDS = 0.5  # between looks at the workers and the records
_GRACE = 20.0  # seconds in which a worker may write down what it has; a step and the records of its pass take less
_TAIL = 4096  # bytes at the end of a log, in which its last line is sought


@dataclass(frozen=True)
class _Worker:
    """A worker that was started: its share I/N, and where in its log it begins to speak."""

    share: str
    process: "subprocess.Popen[bytes]"
    log: Path
    start: int

    def end(self) -> str:
        """How it has ended, in a line."""
        code, (part, _, parts) = self.process.returncode, self.share.partition("/")
        killed = f"was killed by signal {-code}; the same command goes on"
        words = f"; its last line: {said}" if (said := _last_line(self.log, self.start)) else ""
        return f"worker {part} of {parts} {killed if code < 0 else f'ended with {code}; {self.log} says why'}{words}"


def shares(plan: Plan, todo: Sequence[Planned], workers: int) -> list[str]:
    """Those of so many shares, as I/N, in which there is something to do; never more than runs to train."""
    left = {member.run_id for member in todo}
    parts = range(1, min(workers, len(plan.members)) + 1)
    return [f"{part}/{parts[-1]}" for part in parts if any(m.run_id in left for m in plan.share(part, parts[-1]))]


def spread(
    plan: Plan,
    todo: Sequence[Planned],
    command: Sequence[str],
    shares: Sequence[str],
    logs: Path,
    *,
    progress: Progress,
    note: Note,
) -> list[int]:
    """Start a worker a share and wait for them; what they have done is in the results folder.

    SIGTERM and SIGHUP end the wait as Ctrl-C does. However it ends, no worker is left behind.

    Args:
        plan: of the sweep.
        todo: the runs that are to be trained.
        command: a worker's, but for its share; it ends when its stdin does.
        shares: of the workers; see `shares`. Each has one of the GPUs, or its part of the processors.
        logs: the folder for what each says, worker-I.log.
        progress: shows the runs that are over.
        note: is told of a worker that ends too early, when it does.

    Returns:
        The workers' exit codes, that of one that signal n killed as -n.

    Raises:
        DataError: a worker or its log cannot be started.
        KeyboardInterrupt: passed on, once the workers have ended.
    """
    home, arrivals = made(logs), Arrivals(plan, todo)
    workers: list[_Worker] = []
    with _interrupted_by(signal.SIGTERM, signal.SIGHUP):
        try:
            for at, share in enumerate(shares):
                workers.append(_start(command, share, home, machine.environment(plan, at, len(shares))))
            with progress(len(todo), "run", f"sweep, {len(workers)} workers") as bar:
                for records, best in _watch(workers, arrivals, note):
                    bar.advance(records, best)
        finally:
            _end([worker.process for worker in workers])
    return [worker.process.returncode for worker in workers]


def _watch(workers: Sequence[_Worker], arrivals: Arrivals, note: Note) -> Iterator[tuple[int, str]]:
    """Until all workers have ended: how many runs have come to be over since the last time, and the best of all."""
    best, running = Best(), list(workers)
    while running:
        time.sleep(_SECONDS)
        ended = [worker for worker in running if worker.process.poll() is not None]
        for worker in ended:
            running.remove(worker)
            if not has_ended(worker.process.returncode):
                note(worker.end())
        records = arrivals.take()
        for record in records:
            best.see(record)
        yield len(records), best.told


def _start(command: Sequence[str], share: str, logs: Path, own: Mapping[str, str]) -> _Worker:
    path = logs / f"worker-{share.partition('/')[0]}.log"
    try:
        with path.open("ab") as log:  # what an earlier worker said stays
            log.write(f"share {share}, {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
            log.flush()
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "--share", share],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **own},
                start_new_session=True,
            )
            return _Worker(share, process, path, log.tell())
    except OSError as error:
        raise DataError(f"cannot start worker {share}: {error}; make room, or use fewer --workers") from error


def _last_line(log: Path, start: int) -> str:
    """What was said last in a log, if anything was said after its start."""
    try:
        text = log.read_bytes()[start:][-_TAIL:].decode(errors="replace")
    except OSError:  # the user may tidy up meanwhile
        return ""
    return (text.strip().splitlines() or [""])[-1].strip()


def _end(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Let workers go, and kill those that do not end in time; a second Ctrl-C does not wait for them."""
    for process in processes:
        if process.stdin:
            process.stdin.close()
    deadline = time.monotonic() + _GRACE
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            for process in processes:
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


@contextlib.contextmanager
def _interrupted_by(*signals: signal.Signals) -> Iterator[None]:
    """Let the first of some signals end the block as Ctrl-C does; a closing terminal sends several.

    One that is ignored, as by nohup, stays so. Only the main thread hears signals, so elsewhere nothing changes.
    """
    is_main = threading.current_thread() is threading.main_thread()
    heard = [signum for signum in signals if is_main and signal.getsignal(signum) is signal.SIG_DFL]

    def interrupt(_signum: int, _frame: FrameType | None) -> Never:
        for signum in heard:
            signal.signal(signum, signal.SIG_IGN)
        raise KeyboardInterrupt

    for signum in heard:
        signal.signal(signum, interrupt)
    try:
        yield
    finally:
        for signum in heard:
            signal.signal(signum, signal.SIG_DFL)
