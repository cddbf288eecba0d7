"""What every table is made of, whatever it shows: cells under columns, a caption, footnotes, and its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd


@dataclass(frozen=True)
class Cell:
    """What stands in a cell; each format draws it in its own way.

    Attributes:
        text: as people read it.
        bold: whether it is the best, or not distinguishable from it.
        mark: the sign of a footnote, or nothing.
    """

    text: str
    bold: bool = False
    mark: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Column:
    """A column's header.

    Attributes:
        name: what stands above it.
        group: what stands above several columns side by side, such as a data set; nothing where there is none.
        is_number: whether it stands on the right.
        may_wrap: whether a narrow terminal may break its text.
    """

    name: str
    group: str = ""
    is_number: bool = True
    may_wrap: bool = False

    def __str__(self) -> str:
        return f"{self.group} {self.name}".lstrip()


@dataclass(frozen=True)
class Table:
    """A table as people read it, and the figures that it was made from.

    Attributes:
        name: of its kind: main, pk, …
        title: what it is of: a data set, where there is one table for each.
        columns: from left to right.
        rows: each with a cell for every column.
        caption: what the figures are and what is bold.
        footnotes: by mark.
        figures: the same and more as plain numbers, fractions at full precision; flat.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str
    figures: pd.DataFrame
    footnotes: Mapping[str, str] = field(default_factory=dict)

    def without_empty(self, *names: str) -> "Table":
        """The table without those of the named columns in which nothing stands."""
        kept = [
            at
            for at, column in enumerate(self.columns)
            if column.name not in names or any(row[at].text for row in self.rows)
        ]
        rows = [[row[at] for at in kept] for row in self.rows]
        return replace(self, columns=[self.columns[at] for at in kept], rows=rows)


class Footnotes:
    """Gives every text a mark of its own: a, b, …, z, aa, ab and so on."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, text: str) -> str:
        """The mark of a text, the same where it is said twice.

        >>> notes = Footnotes()
        >>> notes.mark("one source"), notes.mark("another"), notes.mark("one source")
        ('a', 'b', 'a')
        """
        return self._marks.setdefault(text, _letters(len(self._marks)))

    def by_mark(self) -> dict[str, str]:
        """All texts, in the order of their marks."""
        return {mark: text for text, mark in self._marks.items()}


def text(words: str) -> Column:
    """A column of words."""
    return Column(words, is_number=False)


def wrapped(words: str) -> Column:
    """A column of words that may be broken."""
    return Column(words, is_number=False, may_wrap=True)


def _letters(at: int) -> str:
    """The name of the at-th mark, from 0, as spreadsheets name their columns.

    >>> _letters(0), _letters(25), _letters(26)
    ('a', 'z', 'aa')
    """
    more, letter = divmod(at, 26)
    return (_letters(more - 1) if more else "") + chr(ord("a") + letter)
