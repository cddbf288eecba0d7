"""Tables on a terminal: rich's drawing of them."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Drawing
from rich.text import Text

from topkbench.report import Cell, Table

_UNCUT = 10_000  # characters: a file or a pipe has no edge at which to wrap
_BETWEEN = 2  # characters from column to column
_BREAKABLE = 6  # characters that are left of a text that may be broken


def console(*, plain: bool = False) -> Console:
    """The terminal, or a page wide enough for any table: for pipes, and for files (`plain`)."""
    terminal = Console()
    return Console(width=_UNCUT, force_terminal=False) if plain or not terminal.is_terminal else terminal


def draw(tables: Sequence[Table], console: Console) -> str:
    """Draw tables under their titles, the best in bold, with captions and footnotes."""
    star = "" if console.is_terminal else "*"  # where there is no bold
    with console.capture() as captured:
        for at, table in enumerate(tables):
            if at:
                console.print()
            if table.title:
                console.print(Text(table.title, style="bold"))
            console.print(_whole(_drawn(table, star), console), crop=False)
            console.print()
            console.print(Text(table.caption.replace("Bold:", f"{star or 'Bold'}:"), style="dim"))
            for mark, words in table.footnotes.items():
                console.print(Text(f"{mark}: {words}", style="dim"), soft_wrap=True)  # a command is to be pasted
    return captured.get()


def plain(headers: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> Drawing:
    """A table of text as it is, the first columns on the left and the rest on the right."""
    drawn = Drawing(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for at, header in enumerate(headers):
        drawn.add_column(header, justify="left" if at < left else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _drawn(table: Table, star: str) -> Drawing:
    drawn = Drawing(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    groups = any(column.group for column in table.columns)
    for at, column in enumerate(table.columns):
        words = [_text(row[at], star).plain for row in table.rows]
        drawn.add_column(
            Text(f"{column.group}\n{column.name}" if groups else column.name),
            justify="right" if column.is_number else "left",
            overflow="fold",
            no_wrap=not column.may_wrap,
            min_width=_BREAKABLE if column.may_wrap else max(map(len, [column.group, column.name, *words])),
        )
    for row in table.rows:
        # Text, not str: rich would read [.2 .2 .6] as markup
        drawn.add_row(*(_text(cell, star) for cell in row))
    return drawn


def _whole(drawn: Drawing, console: Console) -> Drawing:
    """Let a table be wider than a narrow terminal where it cannot be as narrow: rich would leave columns out."""
    least = sum((column.min_width or 0) + _BETWEEN for column in drawn.columns) - 1
    drawn.width = least if least > console.width else None
    return drawn


def _text(cell: Cell, star: str) -> Text:
    mark = f"{star if cell.bold else ''}{f' ({cell.mark})' if cell.mark.isalpha() else cell.mark}"
    return Text(cell.text + mark, style="bold" if cell.bold else "")
