"""A small table that holds all that tables may: groups, bold, an interval, a missing figure with its footnote."""

import pytest

from topkbench.report import Table, gather, tables


@pytest.fixture
def table(results) -> Table:
    """Two configurations of softsort on birds, one of them on ponds."""
    return tables.build("main", gather(results, where=["method=softsort", "p_k=.2 .2 .2 .2 .2,.5 0 0 0 .5"]))[0]
