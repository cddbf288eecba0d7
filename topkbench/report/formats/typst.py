"""Typst: a `figure` a table, the best in `strong`; text stands in string literals, which hold no markup."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from topkbench.report.cells import Cell, Column, Table

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\""})


def render(tables: Sequence[Table]) -> str:
    """One figure a table."""
    return "\n".join(map(_table, tables))


def _table(table: Table) -> str:
    title = f"{table.title}. " if table.title else ""
    lines = [
        "#figure(",
        f"  caption: {_string(title + table.caption)},",
        "  [",
        "    #table(",
        f"      columns: {len(table.columns)},",
        f"      align: ({' '.join('right,' if column.is_number else 'left,' for column in table.columns)}),",
        "      stroke: none,",
        "      table.hline(),",
        f"      table.header({_list([*_groups(table.columns), *(_string(column.name) for column in table.columns)])}),",
        "      table.hline(stroke: 0.5pt),",
        *(f"      {_list(map(_cell, row))}," for row in table.rows),
        "      table.hline(),",
        "    )",
        *(f"    #super({_string(mark)}) #{_string(text)} \\" for mark, text in table.footnotes.items()),
        "  ],",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _groups(columns: Sequence[Column]) -> list[str]:
    """The cells above the headers; none where no column has a group."""
    spans = [(group, len(list(members))) for group, members in groupby(columns, key=lambda column: column.group)]
    if not any(group for group, _ in spans):
        return []
    return [f"table.cell(colspan: {width}, align: center, {_string(group)})" for group, width in spans]


def _cell(cell: Cell) -> str:
    text = f"strong({_string(cell.text)})" if cell.bold else _string(cell.text)
    return f"{text} + super({_string(cell.mark)})" if cell.mark else text


def _list(items: Iterable[str]) -> str:
    return ", ".join(items)


def _string(text: str) -> str:
    return f'"{text.translate(_ESCAPED)}"'
