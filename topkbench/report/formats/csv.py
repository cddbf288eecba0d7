"""CSV: one line a row, fractions at full precision, lists spaced, empty where there is no figure."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from topkbench.report.cells import Table
from topkbench.report.formats._flat import flat


def render(tables: Sequence[Table]) -> str:
    """The lines of all tables under one header."""
    rows = [{name: _spaced(value) for name, value in row.items()} for row in flat(tables)]
    return pd.DataFrame(rows, dtype=object).to_csv(index=False, lineterminator="\n")


def _spaced(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value
