"""`topkbench status`: how far a sweep has come."""

import json

import typer

from topkbench.cli import _options, _sweeps
from topkbench.errors import first_line


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(status)


def status(
    spec: _sweeps.Spec,
    data: _options.Data = None,
    results: _options.Results = _options.RESULTS,
    seeds: _sweeps.Seeds = None,
    extra: _sweeps.Set = None,
    as_json: _options.Json = False,
) -> None:
    """Show which runs of a sweep are done, and why others failed; trains nothing."""
    plan = _sweeps.planned(spec, data, results, seeds, extra)
    statuses = plan.statuses()
    failed = [member for member in plan.members if statuses[member.run_id] == "failed"]
    errors = {member.run_id: record.error or "" for member in failed if (record := plan.record(member))}
    if as_json:
        typer.echo(
            json.dumps({"sweep": spec, "dataset": plan.store.name, "runs": statuses, "errors": errors}, indent=2)
        )
        return
    _draw({member.run_id: member.settings.method for member in plan.members}, statuses)
    for run_id, error in errors.items():
        typer.echo(f"{run_id}: {first_line(error)}")


def _draw(methods: dict[str, str], statuses: dict[str, str]) -> None:
    """A row a method, a column a status."""
    from rich import box
    from rich.table import Table

    from topkbench.cli import _tables

    shown = ("done", "failed", "interrupted", "missing")
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    drawn.add_column("method")
    for header in ("runs", *shown):
        drawn.add_column(header, justify="right")
    for method in [*dict.fromkeys(methods.values()), None]:
        found = [status for run_id, status in statuses.items() if method in (None, methods[run_id])]
        drawn.add_row(method or "all", str(len(found)), *(str(found.count(each)) for each in shown))
    _tables.console().print(drawn, crop=False)
