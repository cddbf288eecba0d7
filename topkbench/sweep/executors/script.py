"""A sweep's workers as a job array written down: a script for sbatch, to read, change and submit by hand."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from topkbench import runs
from topkbench.errors import INTERRUPTED, DataError, UsageError
from topkbench.sweep.executors import logs as log_folders
from topkbench.sweep.executors.resources import Resources, check_text

_SCRIPT = """\
#!/bin/bash
# {shares} workers of one sweep: submit them with sbatch. What is done is skipped, so that a second time does no harm.
{directives}

# The time is up in {notice} s: end the worker with all that it started, and queue for the rest of its share.
# A preempted task needs no help: SLURM queues it again by itself.
again() {{
    kill -TERM -- "-$worker"
    wait "$worker"
    if ((${{SLURM_RESTART_COUNT:-0}} >= {requeues})); then
        echo "out of time after {requeues} requeues; submit this script again" >&2
        exit {interrupted}
    fi
    exec scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
}}

set -m # gives the worker a process group of its own
{command} --share "$((SLURM_ARRAY_TASK_ID))/{shares}" &
worker=$!
trap again USR2
wait "$worker"
"""


def write(
    path: Path, command: Sequence[str], shares: int, logs: Path, resources: Resources = Resources(), *, home: Path
) -> Path:
    """Write a script of one job array with a worker a share; nothing is submitted.

    Args:
        path: The script; one that is there is replaced.
        command: The argument vector of a worker, without its share.
        shares: How many workers.
        logs: A folder that the nodes share, for a log a worker; see `logs.folder`.
        resources: What each worker asks for; by default `Resources()`.
        home: The folder in which the command is run, to which its relative paths refer.

    Returns:
        The path.

    Raises:
        UsageError: a value would not reach SLURM or the shell as it stands.
        DataError: the script or the log folder cannot be written.
    """
    if shares < 1:
        raise UsageError(f"shares is {shares}; give 1 or more")
    text = _SCRIPT.format(
        shares=shares,
        directives=_directives(_options(shares, log_folders.made_for_slurm(logs), resources, home)),
        notice=resources.notice,
        requeues=resources.requeues,
        interrupted=INTERRUPTED,
        command=shlex.join(map(_check_word, command)),
    )
    runs.write_atomically(path, text.encode())
    _make_executable(path)
    return path


def _options(shares: int, logs: Path, resources: Resources, home: Path) -> dict[str, str]:
    return {
        "job-name": "topkbench",
        "array": f"1-{shares}" + (f"%{resources.at_once}" if resources.at_once else ""),
        "time": str(resources.minutes),
        "signal": f"B:USR2@{resources.notice}",
        "chdir": check_text("the folder to run in", str(home.absolute())),
        "output": f"{logs}/%A_%a.log",
        "open-mode": "append",
        **resources.options(),
    }


def _directives(options: Mapping[str, str]) -> str:
    """Options as sbatch finds them in a script; one without a value is a flag."""
    flags = (f"--{name}={shlex.quote(value)}" if value else f"--{name}" for name, value in options.items())
    return "\n".join(f"#SBATCH {flag}" for flag in flags)


def _check_word(word: str) -> str:
    if not word.isprintable():
        raise UsageError(f"{word!r} holds a line break or another control character; leave it out of the command")
    return word


def _make_executable(path: Path) -> None:
    try:
        path.chmod(path.stat().st_mode | 0o111)
    except OSError as error:
        raise DataError(f"cannot make {path} executable: {error.strerror}; choose another folder") from error
