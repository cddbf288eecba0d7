"""JSON: a list of flat objects, fractions at full precision, null where there is no figure."""

import json
from collections.abc import Sequence

from topkbench.report.cells import Table
from topkbench.report.formats._flat import flat


def render(tables: Sequence[Table]) -> str:
    """One object a line of the tables; lists stay lists."""
    return json.dumps(flat(tables), indent=2, allow_nan=False) + "\n"
