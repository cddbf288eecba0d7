"""Which test rows each run gets right, from the ranks beside its record.

Legend: N test rows.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from topkbench.report.evidence import Evidence
from topkbench.report.frames import KS
from topkbench.runs import Rule

Hits = npt.NDArray[np.bool_]


def array_name(rule: Rule, k: int) -> str:
    """The array of ranks.npz that top-k is counted in: a k between the listed ones is taken where the next below is.

    >>> array_name("per_metric", 5), array_name("per_metric", 7), array_name("last", 7)
    ('per_metric_top5', 'per_metric_top5', 'last')
    """
    return rule if rule != "per_metric" else f"per_metric_top{max(listed for listed in KS if listed <= k)}"


def of_configuration(evidence: Evidence, configuration: int, k: int) -> dict[int, Hits]:
    """By seed, whether each test row's true class is among the k best, [N].

    Raises:
        DataError: the ranks of a run are missing or torn.
    """
    members = evidence.members(configuration)
    return {run["seed"]: of_run(evidence, run, k) for _, run in members.iterrows()}


def of_run(evidence: Evidence, run: "pd.Series[Any]", k: int) -> Hits:
    """The same for one run.

    Raises:
        DataError: its ranks are missing or torn.
    """
    return np.asarray(evidence.ranks(run, array_name(evidence.select, k)) <= k)
