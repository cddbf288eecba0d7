"""Markdown: pipe tables, the best in **bold**, captions and footnotes below."""

from collections.abc import Sequence

from tabulate import tabulate

from topkbench.report.cells import Cell, Table

_ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\|*`<_"})


def render(tables: Sequence[Table]) -> str:
    """The tables one below the other, each under its title."""
    return "\n".join(map(_table, tables))


def _table(table: Table) -> str:
    headers = [_escape(str(column)) for column in table.columns]
    sides = ["right" if column.is_number else "left" for column in table.columns]
    cells = [[_cell(cell) for cell in row] for row in table.rows]
    drawn = tabulate(cells, headers, "pipe", colalign=sides, disable_numparse=True)
    footnotes = "\n".join(f"- <sup>{mark}</sup> {_escape(text)}" for mark, text in table.footnotes.items())
    title = f"**{_escape(table.title)}**" if table.title else ""
    return "\n\n".join(filter(None, [title, drawn, _escape(table.caption), footnotes])) + "\n"


def _cell(cell: Cell) -> str:
    text = _escape(cell.text)
    mark = f"<sup>{cell.mark}</sup>" if cell.mark else ""
    return (f"**{text}**" if cell.bold else text) + mark


def _escape(text: str) -> str:
    return text.translate(_ESCAPED)
