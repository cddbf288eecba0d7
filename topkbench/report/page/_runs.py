"""The runs: a table to sort and filter, each with its record, which opens on click."""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote

from topkbench.report.cells import Table
from topkbench.report.evidence import Evidence
from topkbench.report.page import _tables
from topkbench.runs import Record

_NAME = "runs-0"
_LEVEL = 6  # of gzip: the last three are a tenth smaller and take three times as long
_CHOSEN_BY = ("data set", "method", "status")


def drawn(evidence: Evidence, table: Table) -> str:
    """The table, below what picks its rows.

    Args:
        evidence: where the records are.
        table: a row a run, the last cell of each its RUN_ID.
    """
    return f"{_filters(table)}\n{_tables.figure(table, _NAME, _rows(evidence, table))}"


def packed(record: Record) -> str:
    """A record's JSON, indented, as base64 of gzip: a third of its size, and no sign that HTML knows.

    It is no less precise than record.json, whereas JavaScript would round a large seed.
    """
    document = json.dumps(json.loads(record.to_json()), indent=1, ensure_ascii=False)
    # What is no Unicode becomes the escape that JSON has for it.
    return b64encode(gzip.compress(document.encode(errors="backslashreplace"), _LEVEL, mtime=0)).decode()


def _rows(evidence: Evidence, table: Table) -> Iterator[str]:
    for at, of_row in zip(table.figures.index, table.rows, strict=True):
        record = evidence.records[at]
        address = quote(f"{record.data['name']}/{record.run_id}", errors="replace")
        link = f'<td><a href="#run={address}">{escape(record.run_id)}</a></td>'
        yield _tables.row([*_tables.cells(table, of_row, _NAME)[:-1], link], f' data-record="{packed(record)}"')


def _filters(table: Table) -> str:
    """A field for words, a choice for each of some columns, and the count of what is left."""
    choices = [
        _choice(column.name, at, (row[at].text for row in table.rows))
        for at, column in enumerate(table.columns)
        if column.name in _CHOSEN_BY
    ]
    return "\n".join(
        [
            '<div class="filters" role="search" aria-label="runs">',
            '<label>words <input type="search" placeholder="all must match" autocomplete="off"></label>',
            *choices,
            f'<output aria-live="polite">{len(table.rows)} of {len(table.rows)} runs</output></div>',
        ]
    )


def _choice(name: str, column: int, values: Iterable[str]) -> str:
    options = "".join(f"<option>{escape(value)}</option>" for value in dict.fromkeys(values))
    return (
        f'<label>{name} <select data-column="{column}" autocomplete="off"><option value="">all</option>'
        f"{options}</select></label>"
    )
