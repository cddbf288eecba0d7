"""A process, its seconds, and the most anonymous memory it had.

Memory is RssAnon, read every 10 ms: what the process allocated, without the pages of files that it maps.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_POLL = 0.01


class Run(NamedTuple):
    """One process: seconds, and MiB."""

    seconds: float
    memory: float


def run(command: Sequence[str | Path], sync: Path | None = None, env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end, and until a file that it wrote is on the disk."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env)
    memory = 0.0
    while process.poll() is None:
        memory = max(memory, _rss_anon(process.pid))
        time.sleep(_POLL)
    if process.returncode:
        sys.exit(f"{command} failed with exit code {process.returncode}")
    if sync:
        subprocess.run(["sync", sync], check=True)
    return Run(time.perf_counter() - start, memory)


def anonymous(status: str) -> float:
    """MiB of RssAnon out of the text of /proc/PID/status."""
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0.0)


def _rss_anon(pid: int) -> float:
    """0 for a process that has just ended."""
    try:
        return anonymous(Path(f"/proc/{pid}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
