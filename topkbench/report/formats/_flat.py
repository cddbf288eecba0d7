"""The figures of tables in Python's own types, for programs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from topkbench.report.cells import Table

_OURS = ["configuration", "told"]
"""What means something within one report alone."""


def flat(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """One flat row a line: numbers, text, lists; None where there is no figure."""
    rows = pd.concat([table.figures for table in tables], ignore_index=True).drop(columns=_OURS, errors="ignore")
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN alone differs from itself
