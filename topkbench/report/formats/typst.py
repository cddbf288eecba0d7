"""Typst: a `figure` a table, its caption above, the best in `strong`; text stands in strings, which hold no markup.

A table wider than the text is scaled down to it; one of more rows than fit on a page goes on in further figures.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from topkbench.report.cells import Cell, Column, Table
from topkbench.report.formats._paper import CONTINUED, pages, signed, stacked, titled

_FITTED = """\
#let fitted(drawn) = layout(room => {
  let width = measure(drawn).width
  if width <= room.width { drawn } else { scale(room.width / width * 100%, reflow: true, box(width: width, drawn)) }
})
"""
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\""})


def render(tables: Sequence[Table]) -> str:
    """One figure a table, several for a long one."""
    return "\n".join([_FITTED, *(_figure(page) for table in tables for page in pages(table))])


def _figure(table: Table) -> str:
    lines = [
        *(["#counter(figure.where(kind: table)).update(n => n - 1)"] if table.caption == CONTINUED else []),
        "#figure(",
        "  kind: table,",
        f"  caption: figure.caption(position: top, {_string(titled(table))}),",
        "  [",
        "    #fitted(table(",
        f"      columns: {len(table.columns)},",
        f"      align: ({' '.join('right,' if column.is_number else 'left,' for column in table.columns)}),",
        "      stroke: none,",
        "      inset: (x: 5pt, y: 3pt),",
        "      table.hline(),",
        f"      table.header({_list([*_groups(table.columns), *map(_header, table.columns)])}),",
        "      table.hline(stroke: 0.5pt),",
        *(f"      {_list(map(_cell, row))}," for row in table.rows),
        "      table.hline(),",
        "    ))",
        *_footnotes(table),
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


def _header(column: Column) -> str:
    return " + linebreak() + ".join(map(_string, stacked(column.name)))


def _footnotes(table: Table) -> list[str]:
    notes = [f"      #super({_string(mark)}) #{_string(text)} \\" for mark, text in table.footnotes.items()]
    return ["    #align(left, text(size: 0.8em)[", *notes, "    ])"] if notes else []


def _cell(cell: Cell) -> str:
    plain = _string(signed(cell.text))
    text = f"strong({plain})" if cell.bold else plain
    return f"{text} + super({_string(cell.mark)})" if cell.mark else text


def _list(items: Iterable[str]) -> str:
    return ", ".join(items)


def _string(text: str) -> str:
    return f'"{text.translate(_ESCAPED)}"'
