"""`topkbench report`: tables, figures and a page of what is in the results folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer
from typer import Option

from topkbench.cli import _options, _paths
from topkbench.cli._command import ManyValues
from topkbench.errors import UsageError
from topkbench.runs import Rule

if TYPE_CHECKING:
    from topkbench.report import Evidence, Table

Format = Literal["rich", "markdown", "latex", "typst", "csv", "json", "html"]


class _ManyColumns(ManyValues):
    """Columns may be spaced or joined by commas."""

    numbers: ClassVar[tuple[str, ...]] = ()
    names: ClassVar[tuple[str, ...]] = ("--group-by", "--sort")


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(cls=_ManyColumns)(report)


def report(
    context: typer.Context,
    results: _options.Results = _options.RESULTS,
    table: Annotated[
        str | None, Option(help="main, pk, k, noise, subset, hierarchy, cost or runs.", show_default="main")
    ] = None,
    select: Annotated[Rule, Option(help="Which evaluation of a run counts, chosen on validation.")] = "per_metric",
    where: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE,…", help="Runs that count: --where method=bitonic,softsort,seed=0-4"),
    ] = None,
    group_by: Annotated[
        list[str] | None, Option(help="Of the configurations that agree in these, the best on validation alone.")
    ] = None,
    sort: Annotated[list[str] | None, Option(help="Columns; a minus turns one round: --sort -top5")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        Option(metavar="A B", help="Two configurations in full: methods, RUN_IDs, or conditions as of --where."),
    ] = None,
    published: Annotated[
        list[Path] | None, Option(help="A CSV of published figures, beside the one that ships.")
    ] = None,
    format_: Annotated[
        Format | None,
        Option("--format", help="By default what --out's suffix names, else rich; html is a page of all."),
    ] = None,
    out: Annotated[
        Path | None,
        Option(help="A file: .md, .tex, .typ, .csv, .json, .html or .txt; of a plot .svg, .png or .pdf."),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="The same as --format json.")] = False,
    plot: Annotated[
        str | None,
        Option(help="A figure, to --out: curves, k, pairwise, prototypes, sensitivity, time or tradeoff."),
    ] = None,
    data: Annotated[
        Path | None,
        Option(
            envvar="TOPKBENCH_DATA", help="The prepared file of --plot prototypes; by default the only one in data/."
        ),
    ] = None,
) -> None:
    """Print what the runs in the results folder have come to: one row a configuration, its seeds folded."""
    from topkbench import report as library
    from topkbench import runs

    _refuse_several({"--table": table, "--compare": compare, "--plot": plot})
    typed = _typed(context)
    chosen = _figure_format(out, format_, as_json) if plot else _format(format_, out, as_json)
    if not plot:
        _refuse(typed, {"--data": "it comes from the records alone"}, "a table")
    if chosen != "html":  # a page has all tables' runs and figures
        _refuse_idle(typed, table, compare, plot)
    evidence = library.gather(results, select, where or (), group_by or (), sort or (), published or ())
    if plot:
        content, notes = _figure(plot, chosen, evidence, data, is_typed="--data" in typed)
    else:
        content, notes = _written(evidence, _tables(evidence, table, compare, chosen), chosen, plain=out is not None)
    for note in (*evidence.notes, *evidence.unread(), *notes):
        typer.echo(f"note: {note}", err=True)
    if out:
        runs.write_atomically(out, content)
    else:
        typer.echo(content.decode(), nl=False)


def _tables(
    evidence: "Evidence", table: str | None, compare: tuple[str, str] | None, format_: str
) -> "Sequence[Table]":
    """The table asked for; all of them on a page that nobody has asked for one."""
    from topkbench.report import compare as comparing
    from topkbench.report import tables

    if compare:
        return comparing.build(evidence, *compare)
    return tables.every(evidence) if format_ == "html" and not table else tables.build(table or "main", evidence)


def _written(
    evidence: "Evidence", made: "Sequence[Table]", format_: str, *, plain: bool
) -> tuple[bytes, Sequence[str]]:
    from topkbench import report as library
    from topkbench.cli import _tables as drawing
    from topkbench.report import page

    if format_ == "html":
        return page.render(evidence, made)
    text = drawing.draw(made, drawing.console(plain=plain)) if format_ == "rich" else library.render(made, format_)
    return text.encode(), ()


def _figure(
    plot: str, format_: str, evidence: "Evidence", data: Path | None, *, is_typed: bool
) -> tuple[bytes, Sequence[str]]:
    from topkbench.report import plots

    asked = []

    def find() -> Path:
        asked.append(plot)
        return _paths.data_file(data)

    drawn = plots.render(plot, format_, evidence, find)
    if is_typed and not asked:
        _refuse({"--data"}, {"--data": "it comes from the records alone"}, f"--plot {plot}")
    return drawn


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


def _refuse_several(given: dict[str, object]) -> None:
    asked = [flag for flag, value in given.items() if value]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} ask for different things; give one of them")


def _typed(context: typer.Context) -> set[str]:
    """The flags on the command line; the environment may set others for all commands."""
    sources = {each.opts[0]: context.get_parameter_source(each.name or "") for each in context.command.params}
    return {flag for flag, source in sources.items() if source and source.name == "COMMANDLINE"}


def _refuse_idle(typed: set[str], table: str | None, compare: tuple[str, str] | None, plot: str | None) -> None:
    from topkbench.report import compare as comparing
    from topkbench.report import tables

    if plot:
        _refuse(typed, {"--published": "figures of papers stand in tables"}, f"--plot {plot}")
    elif compare:
        _refuse(typed, comparing.IDLE, "--compare")
    else:
        _refuse(typed, tables.idle(table or "main"), f"--table {table or 'main'}")


def _refuse(typed: set[str], idle: Mapping[str, str], what: str) -> None:
    for flag, why in idle.items():
        if flag in typed:
            raise UsageError(f"{flag} has no effect on {what}: {why}; leave it out")
