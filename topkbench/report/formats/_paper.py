"""What formats for paper have in common: a page ends, and so does a line."""

import re
from collections.abc import Iterator
from dataclasses import replace

from topkbench.report.cells import Table

CONTINUED = "(Continued.)"
"""The caption of a further part, which has the first one's number."""

_MOST_ROWS = 40
_LONG = 14  # characters of a header
_OUTSIDE_BRACKETS = re.compile(r" (?![^\[]*\])")


def pages(table: Table) -> Iterator[Table]:
    """The table, cut where a page ends; each part with the footnotes that its rows point to."""
    for start in range(0, len(table.rows), _MOST_ROWS):
        rows = table.rows[start : start + _MOST_ROWS]
        marks = {cell.mark for row in rows for cell in row}
        footnotes = {mark: text for mark, text in table.footnotes.items() if mark in marks}
        yield replace(table, rows=rows, footnotes=footnotes, caption=CONTINUED if start else table.caption)


def titled(table: Table) -> str:
    """The caption, behind the title where there is one."""
    return f"{table.title}. {table.caption}" if table.title else table.caption


def stacked(header: str) -> list[str]:
    """The lines of a header, one where it is short.

    >>> stacked("softsort [.2 .2 .6] m=16"), stacked("best of 5")
    (['softsort', '[.2 .2 .6]', 'm=16'], ['best of 5'])
    """
    return _OUTSIDE_BRACKETS.split(header) if len(header) > _LONG else [header]


def signed(text: str) -> str:
    """A number with a minus, −, for its hyphen."""
    return re.sub(r"^-(?=\d)", "−", text)
