"""`topkbench diff`: what differs between two recorded runs."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument

from topkbench.cli import _options

if TYPE_CHECKING:
    from topkbench.lookup import Found
    from topkbench.report.difference import RunDifference

_NAME = "RUN_ID, of which the beginning is enough, DATASET/RUN_ID, or the path of a run's folder."


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(diff)


def diff(
    run_a: Annotated[str, Argument(metavar="RUN_A", help=_NAME)],
    run_b: Annotated[str, Argument(metavar="RUN_B", help="Likewise.")],
    results: _options.Results = _options.RESULTS,
    as_json: _options.Json = False,
) -> None:
    """Show what differs between two runs: settings, data, environment, accuracies, rows that one alone gets right."""
    from topkbench import lookup
    from topkbench.report import difference

    a, b = lookup.find(results, run_a), lookup.find(results, run_b)
    found = difference.between(a, b)
    if as_json:
        typer.echo(json.dumps({"a": _which(a), "b": _which(b), **found.document()}, indent=2))
    else:
        _show(a, b, found)


def _which(run: "Found") -> dict[str, str]:
    record = run.record
    return {"run_id": record.run_id, "dataset": record.data["name"], "status": record.status, "folder": str(run.folder)}


def _show(a: "Found", b: "Found", found: "RunDifference") -> None:
    from topkbench.cli import _tables

    page = _tables.console()
    lines = [f"A: {a.folder}", f"B: {b.folder}", ""]
    settings = list(_settings(found))
    if not settings:
        lines.append("No difference in settings, data or environment.")
    page.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if settings:
        page.print(_tables.plain(("part", "differs in", "A", "B"), settings, left=4), crop=False)
    page.print()
    headers = ("selected by", "test", "A", "B", "B − A", "only A right", "only B right")
    page.print(_tables.plain(headers, list(_scores(found)), left=2), crop=False)
    page.print()
    page.print("\n".join(_conclusions(found)), markup=False, highlight=False, soft_wrap=True)


def _settings(found: "RunDifference") -> Iterable[Sequence[str]]:
    for part, names in found.settings.items():
        for name, (one, other) in names.items():
            yield part, name, _shown(one), _shown(other)


def _shown(value: Any) -> str:
    from topkbench.report.values import show

    return show(tuple(value) if isinstance(value, list) else value)


def _scores(found: "RunDifference") -> Iterable[Sequence[str]]:
    from topkbench.report.figures import DECIMALS

    for score in found.scores:
        figures = ["n/a" if each is None else f"{100 * each:.{DECIMALS}f}" for each in (score.a, score.b)]
        points = "n/a" if score.points is None else f"{score.points:+.{DECIMALS}f}"
        counts = ["n/a" if count is None else str(count) for count in (score.only_a, score.only_b)]
        yield score.rule, score.metric.replace("top", "top-"), *figures, points, *counts


def _conclusions(found: "RunDifference") -> Iterable[str]:
    yield "Test accuracies in percent; of rows, how many one run alone gets right."
    if found.uncounted:
        yield f"Rows are not counted: {found.uncounted}."
    if found.is_same_result:
        yield "The same result: every evaluation and what is selected."
    elif found.first:
        yield f"The results differ first at {found.first}."
    else:
        yield "No result to compare: the runs are not done."
