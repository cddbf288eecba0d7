"""`topkbench report`: tables and figures of what is in the results folder."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from topkbench.cli import _options, _paths
from topkbench.errors import UsageError
from topkbench.runs import Rule

Format = Literal["rich", "markdown", "latex", "csv", "json"]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(report)


def report(
    context: typer.Context,
    results: _options.Results = _options.RESULTS,
    format_: Annotated[
        Format | None, typer.Option("--format", help="By default what --out's suffix names, else rich.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A file: .md, .tex, .csv, .json or .txt; of a plot .svg, .png or .pdf.")
    ] = None,
    select: Annotated[
        Rule, typer.Option(help="Which evaluation of a run counts, chosen on validation.")
    ] = "per_metric",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    plot: Annotated[
        str | None, typer.Option(help="A figure in place of the table, to --out: prototypes (in two dimensions).")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(envvar="TOPKBENCH_DATA", help="The prepared file of --plot; by default the only one in data/."),
    ] = None,
) -> None:
    """Print the test accuracies in the results folder: one row a configuration, its seeds folded."""
    from topkbench import runs

    if plot:
        content, notes = _figure(plot, _figure_format(out, format_, as_json), results, select, data)
    else:
        _refuse_data(context)
        content, notes = _table(results, select, _format(format_, out, as_json), plain=out is not None)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    if out:
        runs.write_atomically(out, content)
    else:
        typer.echo(content.decode(), nl=False)


def _table(results: Path, select: Rule, chosen: str, *, plain: bool) -> tuple[bytes, Sequence[str]]:
    from topkbench import report as library
    from topkbench.cli import _tables

    found = library.build(results, select)
    page = _tables.console(plain=plain)
    text = _tables.draw(found, page) if chosen == "rich" else library.render(found, chosen)
    return text.encode(), found.notes


def _figure(plot: str, format_: str, results: Path, select: Rule, data: Path | None) -> tuple[bytes, Sequence[str]]:
    from topkbench.report import plots

    return plots.render(plot, format_, results, select, partial(_paths.data_file, data))


def _format(format_: Format | None, out: Path | None, as_json: bool) -> str:
    from topkbench.report import format_of

    if as_json and format_ not in (None, "json"):
        raise UsageError(f"--json and --format {format_} contradict each other; give one of them")
    return "json" if as_json else format_ or (format_of(out) if out else "rich")


def _figure_format(out: Path | None, format_: Format | None, as_json: bool) -> str:
    from topkbench.report import plots

    if as_json or format_:
        given = "--json" if as_json else f"--format {format_}"
        raise UsageError(f"--plot draws a figure, {given} prints a table; leave one of them out")
    if out is None:
        raise UsageError(f"--plot needs a file to draw to; give --out FILE, which ends in {', '.join(plots.SUFFIXES)}")
    return plots.format_of(out)


def _refuse_data(context: typer.Context) -> None:
    """The environment may name data for other commands; on the command line they would be ignored."""
    source = context.get_parameter_source("data")
    if source and source.name == "COMMANDLINE":
        raise UsageError("--data has no effect on a table, which comes from the records alone; leave it out")
