"""The command line: parse, make one library call, print. It decides nothing and computes nothing.

Heavy imports live inside the commands, so that `--help` answers at once.
"""

import sys
from importlib import metadata
from typing import Annotated

import typer

from topkbench.cli import _errors, bench, diff, doctor, info, methods, prepare, report, rerun, status, sweep, train

app = typer.Typer(
    name="topkbench",
    epilog="Any command takes --debug, which shows the traceback of an error.",
    add_completion=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"topkbench {metadata.version('topkbench')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Measure top-k classification losses on precomputed embeddings: prepare, train, report."""


for command in (prepare, info, train, rerun, sweep, status, report, diff, methods, bench, doctor):
    command.register(app)


def main() -> None:
    """Run one command and exit with its code (DESIGN: 0 ok, 1 bug, 2 usage, 3 run, 4 data, 5 unsafe, 130)."""
    sys.exit(_errors.run(app, sys.argv[1:] or ["--help"]))
