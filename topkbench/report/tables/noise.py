"""Label noise × method (as the noisy-label tables of Berrada et al. 2018)."""

from topkbench.report.cells import Table
from topkbench.report.evidence import Evidence
from topkbench.report.tables import _grid
from topkbench.report.values import show

CURE = "train with 'topkbench train --method smooth_topk --label-noise .2'"
IDLE = _grid.IDLE


def _show(level: _grid.Level) -> str:
    rate, kind, block = level
    kinds = {None: "", "block": f" within blocks of {show(block)}"}
    return show(rate) + (kinds.get(kind, f" among {kind}") if rate else "")


_AXIS = _grid.Axis("noise", "label noise", ("label_noise", "noise", "noise_block"), _show)


def build(evidence: Evidence) -> list[Table]:
    """One table for each data set of which some rows' labels are noisy."""
    rows = evidence.configurations
    rows = rows.reindex(columns=[*rows.columns, *(set(_AXIS.options) - set(rows.columns))])
    noisy = rows["label_noise"].gt(0).groupby(rows["dataset"]).transform("any")
    return _grid.build(evidence, rows[noisy], _AXIS)
