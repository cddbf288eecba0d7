"""Tables on a terminal: rich's drawing of a report."""

from collections.abc import Iterable, Sequence

import pandas as pd
from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from topkbench.report import Best, Report

_UNCUT = 10_000  # characters: a file or a pipe has no edge at which to wrap
_MAY_WRAP = ("P_K", "settings")
_TEXT = ("method", *_MAY_WRAP)


def console(*, plain: bool = False) -> Console:
    """The terminal, or a page wide enough for any table: for pipes, and for files (`plain`)."""
    terminal = Console()
    return Console(width=_UNCUT, force_terminal=False) if plain or not terminal.is_terminal else terminal


def draw(report: Report, console: Console) -> str:
    """Draw one table a data set, its best in bold, and the caption under the last."""
    mark = "" if console.is_terminal else "*"  # where there is no bold
    with console.capture() as captured:
        for name, part in report.table.groupby("data set"):
            # crop would cut figures off at the edge of a narrow terminal
            console.print(Text(str(name), style="bold"))
            console.print(_drawn(part.drop(columns="data set"), mark), crop=False)
            console.print()
        console.print(Text(report.caption.replace("Bold:", f"{mark or 'Bold'}:"), style="dim"))
    return captured.get()


def plain(headers: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> Table:
    """A table of text as it is, the first columns on the left and the rest on the right."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for at, header in enumerate(headers):
        drawn.add_column(header, justify="left" if at < left else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _drawn(rows: pd.DataFrame, mark: str) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for header in rows.columns:
        side: JustifyMethod = "left" if header in _TEXT else "right"
        whole = header not in _MAY_WRAP
        least = max(map(len, [header, *rows[header]])) if whole else 8
        drawn.add_column(header, justify=side, overflow="fold", min_width=least, no_wrap=whole)
    for row in rows.to_numpy():
        # Text, not str: rich would read [.2 .2 .6] as markup
        drawn.add_row(*(Text(cell + mark, style="bold") if isinstance(cell, Best) else Text(cell) for cell in row))
    return drawn
