"""`topkbench info`: what a dump or a store holds."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(info)


def info(
    file: Annotated[Path, typer.Argument(help="A dump, or a file that prepare wrote.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read everything again and compare checksums.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tell what a dump or a prepared file holds: keys, shapes, types, roles, classes, checksums."""
    from topkbench import prepare, store
    from topkbench.cli._progress import progress

    found = prepare.describe(file)
    if verify:
        store.verify(file, progress)
        found["verified"] = True
    typer.echo(json.dumps(found, indent=2) if as_json else _drawn(found), nl=as_json)


def _drawn(found: dict[str, Any]) -> str:
    """Draw its arrays as a table, and everything else as lines under it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from topkbench.cli._tables import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in ("array", "shape", "type", "role"):
        table.add_column(header)
    for array in found.pop("arrays"):
        shape = " × ".join(map(str, array["shape"]))
        table.add_row(*map(Text, (array["key"], shape, array["dtype"], array["role"] or "–")))
    page = console()
    with page.capture() as captured:
        page.print(table)
        for key, value in found.items():
            page.print(Text(f"{key.replace('_', ' ')}: {_told(value)}"))
    return captured.get()


def _told(value: object) -> str:
    """Give a value as a person would write it.

    >>> _told({"train": {"min": 2, "max": 9}}), _told({"class_ids": True})
    ('train (min 2, max 9)', 'class ids yes')
    """
    if isinstance(value, dict):
        named = ((key.replace("_", " "), v) for key, v in value.items())
        parts = (f"{key} ({_told(v)})" if isinstance(v, dict) else f"{key} {_told(v)}" for key, v in named)
        return ", ".join(parts) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
