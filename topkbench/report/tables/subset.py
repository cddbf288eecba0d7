"""Training size × method (as the ImageNet subsets of Berrada et al. 2018)."""

from topkbench.report.cells import Table
from topkbench.report.evidence import Evidence
from topkbench.report.tables import _grid
from topkbench.report.values import show

CURE = "train with 'topkbench train --method smooth_topk --train-per-class 5'"
IDLE = _grid.IDLE


def _show(level: _grid.Level) -> str:
    per_class, fraction = level
    if per_class is not None:
        return f"{show(per_class)} a class"
    return "all" if fraction is None else f"{100 * fraction:.3g} %"


_AXIS = _grid.Axis("subset", "training rows", ("train_per_class", "train_fraction"), _show)


def build(evidence: Evidence) -> list[Table]:
    """One table for each data set on which some runs were trained on a part."""
    rows = evidence.configurations
    part = rows[list(_AXIS.options)].notna().any(axis=1).groupby(rows["dataset"]).transform("any")
    return _grid.build(evidence, rows[part], _AXIS)
