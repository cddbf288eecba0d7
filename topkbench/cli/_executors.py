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
    from topkbench.recording import Planned
    from topkbench.sweep import Plan
    from topkbench.sweep.executors.resources import Resources

Executor = Literal["local", "slurm", "script"]


Options = Mapping[str, Any]
"""Flag -> value of a worker's options; None and False are not given, what is a list is given item by item."""


def local(plan: "Plan", todo: "Sequence[Planned]", options: Options, workers: int) -> list[int]:
    """Start the workers here and wait for them.

    Args:
        plan: of the sweep.
        todo: the runs that are to be trained.
        options: of each worker.
        workers: how many; only those that have something to do are started.

    Returns:
        Their exit codes.
    """
    from topkbench.sweep.executors import local as executor

    shares = executor.shares(plan, todo, workers)
    command = _command("topkbench.cli._worker", plan, {**options, **_shared(plan, options, len(shares))})
    progress, note = _progress.progress, _progress.note
    return executor.spread(plan, todo, command, shares, _logs(plan), progress=progress, note=note)


def slurm(plan: "Plan", options: Options, workers: int, wanted: Sequence[str]) -> None:
    """Submit the workers, and say where to look for them."""
    from topkbench.sweep.executors import slurm as executor

    found = executor.submit(_command("topkbench", plan, options), workers, _logs(plan), resources(wanted))
    typer.echo(f"job {found.job_id}: {workers} workers; 'topkbench status' shows how far they are, logs: {found.logs}")


def script(plan: "Plan", options: Options, workers: int, wanted: Sequence[str], out: Path | None) -> None:
    """Write the workers down as a script, and say where it is."""
    from topkbench.sweep.executors import script as executor

    path, command = out or Path(f"{_name(plan)}.sbatch"), _command("topkbench", plan, options)
    typer.echo(executor.write(path, command, workers, _logs(plan), resources(wanted), home=Path.cwd()))


def require_ends(codes: Sequence[int]) -> None:
    """Every worker must have come to the end of its share.

    Raises:
        WorkersError: one has not.
    """
    from topkbench.sweep.executors import exit_codes

    exit_codes.require_ends(codes)


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


def _command(program: str, plan: "Plan", options: Options) -> list[str]:
    """The command of a worker, but for its share."""
    # a path that begins with a dash would be an option
    spec = f"./{plan.name}" if plan.name.startswith("-") else plan.name
    command = [sys.executable, "-m", program, "sweep", spec]
    given = {"--data": plan.store.path.absolute(), "--results": plan.results.absolute(), **options}
    for flag, value in given.items():
        if value is True:
            command.append(flag)
        elif value not in (None, False):
            command += [word for each in (value if isinstance(value, list) else [value]) for word in (flag, str(each))]
    return command


def _shared(plan: "Plan", options: Options, workers: int) -> dict[str, Any]:
    """What was left open and is settled for all workers at once, as each alone would take all that is free."""
    from topkbench import sweep as library
    from topkbench.sweep.executors import machine

    settled: dict[str, Any] = {}
    if options["--heads-per-pass"] == "auto":
        settled["--heads-per-pass"] = library.heads_per_pass(plan, machine.sharers(plan, workers))
    if residency := machine.residency(plan, workers):
        settled["--residency"] = residency
    return settled


def _logs(plan: "Plan") -> Path:
    from topkbench.sweep.executors import logs

    return logs.folder(plan.results, plan.store.name, plan.name)


def _name(plan: "Plan") -> str:
    """Of the sweep, as its script may be called."""
    return plan.name.removesuffix(".toml").strip("./-").replace("/", "-")
