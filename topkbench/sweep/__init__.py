"""Sweeps: from a specification to a plan of runs, and to their records.

`make` plans, `estimate` says what that takes, `work` trains what is to be trained; `executors` shares it out among
processes and machines. A sweep has no state of its own: what is done is what has a record.
"""

from topkbench.sweep.estimate import Estimate, PassEstimate, estimate, heads_per_pass
from topkbench.sweep.executors.machine import default_workers
from topkbench.sweep.plan import Plan, make, passes
from topkbench.sweep.work import work

__all__ = [
    "Estimate",
    "PassEstimate",
    "Plan",
    "default_workers",
    "estimate",
    "heads_per_pass",
    "make",
    "passes",
    "work",
]
