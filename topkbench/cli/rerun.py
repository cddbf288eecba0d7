"""`topkbench rerun`: train a recorded run once more and say whether the result is the same."""

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Argument, Option

from topkbench.cli import _options, _paths, _progress
from topkbench.errors import RunError

if TYPE_CHECKING:
    from topkbench.rerun import Rerun


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(rerun)


def rerun(
    run_id: Annotated[
        str,
        Argument(metavar="RUN_ID", help="Its beginning is enough; or DATASET/RUN_ID, or the path of a run's folder."),
    ],
    data: Annotated[
        Path | None, Option(envvar="TOPKBENCH_DATA", help="The run's prepared file; by default the only one in data/.")
    ] = None,
    results: _options.Results = _options.RESULTS,
    method: Annotated[
        str | None, Option(help="./my_loss.py, if the run was of a file of yours: no record holds its path.")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None, Option(help="Where to compute; by default where the run did.")
    ] = None,
    residency: Annotated[
        Literal["auto", "device", "ram", "mmap"] | None,
        Option(help="Where the embeddings are held; by default where there is room."),
    ] = None,
    force: Annotated[bool, Option("--force", help="Replace the record though it is done.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print a JSON document, which holds the new record.")] = False,
) -> None:
    """Train a recorded run once more from its record alone; exit with 3 where it comes to another result.

    The record of a finished run stays as it is, whatever comes out, unless --force is given; any other is replaced, as
    by train.
    """
    from topkbench import lookup
    from topkbench import rerun as library

    old, path = lookup.find(results, run_id).record, _paths.data_file(data)
    with contextlib.redirect_stdout(sys.stderr):  # a user's loss may print; stdout carries results alone
        found = library.rerun(
            old,
            path,
            results,
            method=method,
            device=device,
            residency=residency,
            force=force,
            progress=_progress.progress,
        )
    if as_json:
        typer.echo(json.dumps(_document(found), indent=2))
    _conclude(found, quiet=as_json)


def _document(found: "Rerun") -> dict[str, Any]:
    return {
        "run_id": found.old.run_id,
        "dataset": found.old.data["name"],
        "same": found.difference is None,
        "difference": found.difference and found.difference.document(),
        "environment": found.environment,
        "folder": found.folder and str(found.folder),
        "record": json.loads(found.new.to_json()),
    }


def _conclude(found: "Rerun", *, quiet: bool) -> None:
    """Say what it has come to.

    Raises:
        RunError: another result, or none.
    """
    name = f"{found.old.run_id} on {found.old.data['name']}"
    if found.difference:
        changed = ", ".join(f"{key} {one} → {other}" for key, (one, other) in found.environment.items())
        where = f"; since then {changed}" if changed else "; in the same environment"
        raise RunError(f"{name}: another result, first at {found.difference}{where}; {_fate(found)}")
    if found.new.error:
        raise RunError(f"{name}: {found.new.error}; its record says so, too")
    if not quiet:
        typer.echo(f"{name}: {_same(found)}")


def _same(found: "Rerun") -> str:
    count = len(found.old.history)
    if found.old.status == "done":
        told = f"the same result, all {count} evaluations and what is selected"
    else:
        told = f"done; its record, {found.old.status}, had {count} evaluations, which are the same"
    return f"{told}   {found.folder}" if found.folder else told


def _fate(found: "Rerun") -> str:
    if found.folder:
        return f"the new record is in {found.folder}"
    return "the record stays as it was" + ("" if found.new.error else "; --force replaces it")
