"""`topkbench sweep`: train every run of a grid that is not done yet."""

import contextlib
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from topkbench.cli import _executors, _foretold, _options, _progress, _sweeps
from topkbench.errors import RunError, UsageError

if TYPE_CHECKING:
    from topkbench.recording import Planned
    from topkbench.sweep import Plan


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(sweep)


def _heads(text: str) -> int | str:
    if text != "auto" and not (text.isdecimal() and int(text)):
        raise typer.BadParameter(f"{text!r} is neither a number of heads nor auto")
    return text if text == "auto" else int(text)


def _share(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise typer.BadParameter(f"{text!r} is no share; give 1/4 to 4/4, say")
    return int(part), int(parts)


def sweep(
    spec: _sweeps.Spec,
    data: _options.Data = None,
    results: _options.Results = _options.RESULTS,
    seeds: _sweeps.Seeds = None,
    extra: _sweeps.Set = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what it would do and take, and do nothing.")] = False,
    retry_failed: Annotated[bool, Option("--retry-failed", help="Also train what has failed before.")] = False,
    heads: Annotated[
        Any,
        Option(
            "--heads-per-pass",
            parser=_heads,
            metavar="N|auto",
            help="Runs that are trained together; auto: what memory allows.",
        ),
    ] = "auto",
    workers: Annotated[
        int | None, Option(min=1, help="Processes that share the work; by default one, or one a GPU.")
    ] = None,
    executor: Annotated[
        _executors.Executor, Option(help="Where they run: here, as a SLURM job array, or in a script of one.")
    ] = "local",
    resources: Annotated[
        list[str] | None,
        Option("--slurm", metavar="NAME=VALUE", help="minutes, cpus, gpus, memory (GiB), partition, …, for each."),
    ] = None,
    out: Annotated[Path | None, Option(help="The script's file.")] = None,
    share: Annotated[
        Any, Option(parser=_share, metavar="I/N", help="Take the I-th of N shares of the plan: a worker's part.")
    ] = None,
    device: _options.Device = None,
    residency: _options.Residency = None,
    cuda_graph: _options.CudaGraph = None,
    as_json: _options.Json = False,
) -> None:
    """Train every run of a grid that is not done; the same command goes on where the last one ended.

    A run that fails is recorded with what led there, the others go on, and the command ends with 3.
    """
    _executors.refuse_idle(executor, {"--slurm": resources, "--out": out})
    _refuse_contradictions(share, workers, executor, dry_run, as_json)
    here = executor == "local" or dry_run
    placing = {"device": device, "residency": residency, "cuda_graph": cuda_graph}
    with contextlib.redirect_stdout(sys.stderr):  # a user's loss may print; stdout carries results alone
        plan = _sweeps.planned(spec, data, results, seeds, extra, here=here, **placing)
        members = plan.share(*share) if share else plan.members
        todo = plan.todo(members, retry_failed)
    if dry_run:
        _foretell(plan, todo, heads, as_json)
        return
    flags = {f"--{name.replace('_', '-')}": value for name, value in placing.items()}
    options = {"--seeds": seeds, **flags, "--heads-per-pass": heads, "--set": extra, "--retry-failed": retry_failed}
    count = 1 if share else workers or _sweeps.default_workers(plan)
    if executor == "script":
        _executors.script(plan, options, count, resources or [], out)
    elif executor == "slurm" and todo:
        _executors.slurm(plan, options, count, resources or [])
    elif min(count, len(todo)) > 1:
        _conclude(plan, members, _executors.local(plan, todo, options, count), as_json)
    else:
        _work(plan, todo, heads)
        _conclude(plan, members, [], as_json)


def _refuse_contradictions(share: object, workers: object, executor: str, dry_run: bool, as_json: bool) -> None:
    """Options that would have no effect beside each other.

    Raises:
        UsageError: they are given together.
    """
    if share and (workers or executor != "local"):
        other = f"--workers {workers}" if workers else f"--executor {executor}"
        raise UsageError(f"--share is one worker's part, here and now; leave out {other}, or --share")
    if as_json and executor != "local" and not dry_run:
        raise UsageError(f"--json has no effect with --executor {executor}; leave it out")


def _foretell(plan: "Plan", todo: "Sequence[Planned]", heads: int | str, as_json: bool) -> None:
    from topkbench import sweep as library

    with contextlib.redirect_stdout(sys.stderr):
        estimate = library.estimate(plan, todo, _at_once(plan, heads))
    _foretold.show(plan, estimate, as_json)


def _work(plan: "Plan", todo: "Sequence[Planned]", heads: int | str) -> None:
    from topkbench import sweep as library

    with contextlib.redirect_stdout(sys.stderr):
        library.work(plan, todo, _at_once(plan, heads), progress=_progress.progress, note=_progress.note)


def _at_once(plan: "Plan", heads: int | str) -> int:
    from topkbench import sweep as library

    return library.heads_per_pass(plan) if isinstance(heads, str) else heads


def _conclude(plan: "Plan", members: "Sequence[Planned]", codes: Sequence[int], as_json: bool) -> None:
    """Say what the sweep has come to.

    Raises:
        WorkersError: a worker has not come to the end of its share.
        RunError: a run has failed, now or before, or was not trained.
    """
    found = plan.statuses(members)
    if as_json:
        typer.echo(json.dumps({"sweep": plan.name, "dataset": plan.store.name, "runs": found}, indent=2))
    else:
        done = list(found.values()).count("done")
        elsewhere = "" if plan.results == _options.RESULTS else f" --results {shlex.quote(str(plan.results))}"
        see = f"see: topkbench report{elsewhere}"
        typer.echo(f"{plan.name} on {plan.store.name}: {done} of {len(found)} runs done; {see}")
    _executors.require_ends(codes)
    failed = [run_id for run_id, status in found.items() if status == "failed"]
    left = [run_id for run_id, status in found.items() if status not in ("done", "failed")]
    if failed:
        cure = "see 'topkbench status' for why; --retry-failed trains them again"
        raise RunError(f"{len(failed)} of {len(found)} runs failed: {', '.join(failed)}; {cure}")
    if left:
        raise RunError(f"{len(left)} of {len(found)} runs are still to be trained; the same command goes on with them")
