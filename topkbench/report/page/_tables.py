"""Tables in HTML: the best in <strong>, marks raised and linked to their footnotes, captions below."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from topkbench.report.cells import Cell, Column, Table


def figure(table: Table, name: str, rows: Iterable[str] | None = None) -> str:
    """A table that can be sorted by its headers, in a box of its own that scrolls where the window is narrow.

    Args:
        table: to draw.
        name: unique on the page.
        rows: in place of the table's own, as `row` draws them.
    """
    drawn = [row(cells(table, each, name)) for each in table.rows] if rows is None else rows
    title = f'<h3 id="{name}-title">{escape(table.title)}</h3>' if table.title else ""
    return "\n".join(
        [
            f"<figure>{title}",
            f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{name}-caption"><table>',
            f"<thead>{_groups(table.columns)}{row(map(_header, table.columns))}</thead>",
            "<tbody>",
            *drawn,
            "</tbody></table></div>",
            f'<figcaption id="{name}-caption">{escape(table.caption)}</figcaption>',
            f"{_footnotes(table, name)}</figure>",
        ]
    )


def row(drawn: Iterable[str], attributes: str = "") -> str:
    """A row of cells."""
    return f"<tr{attributes}>{''.join(drawn)}</tr>"


def cells(table: Table, of_row: Sequence[Cell], name: str) -> list[str]:
    """A row's cells, whose marks lead to the footnotes of the table of the given name."""
    drawn = []
    for column, cell in zip(table.columns, of_row, strict=True):
        text = f"<strong>{escape(cell.text)}</strong>" if cell.bold else escape(cell.text)
        mark = escape(cell.mark)
        if cell.mark in table.footnotes:
            mark = f'<a href="#{name}-{mark}">{mark}</a>'
        drawn.append(f"<td{_class(column)}>{text}{f'<sup>{mark}</sup>' if mark else ''}</td>")
    return drawn


def _groups(columns: Sequence[Column]) -> str:
    """The row above the headers; none where no column has a group."""
    if not any(column.group for column in columns):
        return ""
    spans = ((group, len(list(members))) for group, members in groupby(columns, key=lambda column: column.group))
    return row(
        f'<th scope="colgroup" colspan="{width}">{escape(group)}</th>' if group else f'<td colspan="{width}"></td>'
        for group, width in spans
    )


def _header(column: Column) -> str:
    return f'<th scope="col"{_class(column)}><button type="button">{escape(column.name)}</button></th>'


def _class(column: Column) -> str:
    names = [name for name, holds in (("number", column.is_number), ("words", column.may_wrap)) if holds]
    return f' class="{" ".join(names)}"' if names else ""


def _footnotes(table: Table, name: str) -> str:
    lines = (
        f'<li id="{name}-{escape(mark)}"><sup>{escape(mark)}</sup> {escape(text)}</li>'
        for mark, text in table.footnotes.items()
    )
    return f"<ul>{''.join(lines)}</ul>" if table.footnotes else ""
