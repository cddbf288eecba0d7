"""How the workers of a sweep are started, and what the user hears of it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from topkbench.cli import _progress
from topkbench.cli._assignments import assignments
from topkbench.errors import UsageError

if TYPE_CHECKING:
    from topkbench.sweep import Plan
    from topkbench.sweep.executors.resources import Resources

Executor = Literal["local", "slurm", "script"]


def worker(plan: "Plan", options: Mapping[str, Any], extra: Sequence[str], retry_failed: bool) -> list[str]:
    """The command of a worker, but for its share.

    Args:
        plan: of the sweep.
        options: flag -> value, None for one that was not given.
        extra: what `--set` was given.
        retry_failed: whether that was given.
    """
    command = [sys.executable, "-m", "topkbench", "sweep", plan.name]
    given = {"--data": plan.store.path.absolute(), "--results": plan.results.absolute(), **options}
    for flag, value in given.items():
        command += [] if value is None else [flag, str(value)]
    for pair in extra:
        command += ["--set", pair]
    return [*command, *(["--retry-failed"] if retry_failed else [])]


def local(plan: "Plan", command: Sequence[str], workers: int) -> None:
    """Start the workers here and wait for them."""
    from topkbench.sweep.executors import local as executor

    executor.spread(plan, command, workers, _logs(plan), progress=_progress.progress)


def slurm(plan: "Plan", command: Sequence[str], workers: int, wanted: Sequence[str]) -> None:
    """Submit the workers, and say where to look for them."""
    from topkbench.sweep.executors import slurm as executor

    found = executor.submit(command, workers, _logs(plan), resources(wanted))
    typer.echo(f"job {found.job_id}: {workers} workers; 'topkbench status' shows how far they are, logs: {found.logs}")


def script(plan: "Plan", command: Sequence[str], workers: int, wanted: Sequence[str], out: Path | None) -> None:
    """Write the workers down as a script, and say where it is."""
    from topkbench.sweep.executors import script as executor

    path = out or Path(f"{_name(plan)}.sbatch")
    typer.echo(executor.write(path, command, workers, _logs(plan), resources(wanted), home=Path.cwd()))


def resources(wanted: Sequence[str]) -> "Resources":
    """What each worker asks SLURM for.

    Args:
        wanted: NAME=VALUE of `Resources`, or of any other long option of sbatch; NAME alone for one without a value.
    """
    from topkbench.sweep.executors.resources import Resources, extra_options

    names = {field.name for field in fields(Resources)} - {"extra"}
    own = [pair for pair in wanted if pair.partition("=")[0] in names]
    others = [pair for pair in wanted if pair not in own]
    return Resources(**assignments(own, "--slurm"), extra=extra_options(others))


def refuse_idle(executor: Executor, given: Mapping[str, object]) -> None:
    """An option of another executor has no effect.

    Raises:
        UsageError: it was given.
    """
    needs = {"--slurm": ("slurm", "script"), "--out": ("script",)}
    for flag, value in given.items():
        if value and executor not in needs[flag]:
            raise UsageError(f"{flag} has no effect with --executor {executor}; leave it out")


def _logs(plan: "Plan") -> Path:
    from topkbench.sweep.executors import logs

    return logs.folder(plan.results, _name(plan))


def _name(plan: "Plan") -> str:
    """Of the sweep, as a file may be called."""
    return plan.name.removesuffix(".toml").strip("./").replace("/", "-")
