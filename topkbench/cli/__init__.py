"""The command line: parse, make one library call, print. It decides nothing and computes nothing.

Heavy imports live inside the commands, so that `--help` answers at once.
"""

import sys

import typer

from topkbench.cli import _errors, doctor, info, methods, prepare, report, train

app = typer.Typer(
    name="topkbench",
    help="Measure top-k classification losses on precomputed embeddings: prepare, train, report.",
    epilog="Any command takes --debug, which shows the traceback of an error.",
    add_completion=False,
    rich_markup_mode=None,
)
for command in (prepare, info, train, report, methods, doctor):
    command.register(app)


def main() -> None:
    """Run one command and exit with its code (DESIGN: 0 ok, 1 bug, 2 usage, 3 run, 4 data, 5 unsafe, 130)."""
    sys.exit(_errors.run(app, sys.argv[1:] or ["--help"]))
