"""The program as a user starts it, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Topkbench = Callable[..., "subprocess.CompletedProcess[str]"]
START = [sys.executable, "-c", "from topkbench.cli import main; main()"]
ENVIRONMENT: Mapping[str, str] = {
    **{key: value for key, value in os.environ.items() if not key.startswith("TOPKBENCH_")},
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "200",
}


@pytest.fixture
def topkbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Topkbench:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*START, *map(str, arguments)],
            cwd=tmp_path,
            env={**ENVIRONMENT, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run
