"""The page: one file of HTML with everything in it."""

from collections.abc import Sequence

from topkbench.report.cells import Table
from topkbench.report.evidence import Evidence


def render(evidence: Evidence, tables: Sequence[Table]) -> tuple[bytes, Sequence[str]]:
    """Write the page; notes on what it lacks."""
    raise NotImplementedError
