"""P_K × method (tables 3 and 4 of Petersen et al. 2022)."""

from topkbench.report.cells import Table
from topkbench.report.evidence import Evidence
from topkbench.report.tables import _grid
from topkbench.report.values import show_p_k

CURE = "train with 'topkbench train --method splitter_selection --p-k .5 0 0 0 .5'"
IDLE = _grid.IDLE

_AXIS = _grid.Axis("pk", "P_K", ("p_k",), lambda level: show_p_k(level[0]), is_one_family=True)


def build(evidence: Evidence) -> list[Table]:
    """One table for each data set, of the methods that have a p_k."""
    rows = evidence.configurations
    return _grid.build(evidence, rows[rows["p_k"].map(bool)], _AXIS)
