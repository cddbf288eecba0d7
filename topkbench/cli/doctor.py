"""`topkbench doctor`."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(doctor)


def doctor() -> None:
    """To do."""
