"""Configurations by their data: only those of the same data are compared."""

from collections.abc import Sequence

import pandas as pd

Parts = Sequence[tuple[str, pd.DataFrame]]
"""Of each data set its name and its configurations."""

_DIGITS = 8  # of a checksum


def parts(rows: pd.DataFrame) -> Parts:
    """Split configurations by their data; two data sets of one name are told apart by their checksums.

    >>> rows = pd.DataFrame({"dataset": ["a", "b", "a"], "checksum": ["0123456789", None, "abcdefghij"]})
    >>> [(name, list(part.index)) for name, part in parts(rows)]
    [('a (01234567)', [0]), ('b', [1]), ('a (abcdefgh)', [2])]
    """
    namesakes = rows.groupby("dataset")["checksum"].nunique(dropna=False).to_dict()
    found = []
    for (name, checksum), part in rows.groupby(["dataset", "checksum"], sort=False, dropna=False):
        suffix = f" ({str(checksum)[:_DIGITS]})" if namesakes[name] > 1 else ""
        found.append((f"{name}{suffix}", part))
    return found
