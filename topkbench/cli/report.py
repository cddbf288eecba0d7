"""`topkbench report`: tables of what is in the results folder."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from topkbench.errors import UsageError
from topkbench.runs import Rule

Format = Literal["rich", "markdown", "latex", "csv", "json"]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(report)


def report(
    results: Annotated[
        Path, typer.Option(envvar="TOPKBENCH_RESULTS", help="The folder that holds the run records.")
    ] = Path("results"),
    format_: Annotated[
        Format | None, typer.Option("--format", help="By default what --out's suffix names, else rich.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A file: .md, .tex, .csv, .json or .txt.")] = None,
    select: Annotated[
        Rule, typer.Option(help="Which evaluation of a run counts, chosen on validation.")
    ] = "per_metric",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Print the test accuracies in the results folder: one row a configuration, its seeds folded."""
    from topkbench import report as library
    from topkbench import runs
    from topkbench.cli import _tables

    chosen = _format(format_, out, as_json)
    found = library.build(results, select)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    page = _tables.console(plain=out is not None)
    text = _tables.draw(found, page) if chosen == "rich" else library.render(found, chosen)
    if out:
        runs.write_atomically(out, text.encode())
    else:
        typer.echo(text, nl=False)


def _format(format_: Format | None, out: Path | None, as_json: bool) -> str:
    from topkbench.report import format_of

    if as_json and format_ not in (None, "json"):
        raise UsageError(f"--json and --format {format_} contradict each other; give one of them")
    return "json" if as_json else format_ or (format_of(out) if out else "rich")
