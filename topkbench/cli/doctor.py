"""`topkbench doctor`: is this machine fit for a study?"""

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from topkbench.cli import _options
from topkbench.errors import DataError

_STYLES = {"ok": "green", "note": "yellow", "bad": "red"}


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(doctor)


def doctor(
    data: Annotated[
        list[Path] | None, Option(envvar="TOPKBENCH_DATA", help="Prepared files; by default all in data/.")
    ] = None,
    results: _options.Results = _options.RESULTS,
    baseline: Annotated[bool, Option(help="Train softmax_cross_entropy for a minute at most.")] = True,
    as_json: _options.Json = False,
) -> None:
    """Check data, disk, locks, device and versions, and train a baseline of a minute at most."""
    from rich.text import Text

    from topkbench import doctor as library
    from topkbench.cli import _paths, _tables

    console, findings = _tables.console(), []
    for finding in library.examine(data or sorted(_paths.DATA.glob("*.h5")), results, baseline=baseline):
        findings.append(finding)
        if not as_json:
            line = Text(f"{finding.verdict:4}  {finding.check:9} {finding.detail}")
            line.stylize(_STYLES[finding.verdict], 0, 4)
            console.print(line, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    bad = [finding.check for finding in findings if finding.verdict == "bad"]
    if bad:
        raise DataError(f"{', '.join(bad)}: see what doctor found; mend it before you train")
