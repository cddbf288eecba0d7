"""Sweeps: from a specification to a plan of runs, and to their records.

`make` plans, `work` trains what is to be trained, `estimate` says beforehand what that takes; executors spread it over
processes and machines. A sweep has no state of its own: what is done is what has a record.
"""

from topkbench.sweep.plan import Plan, make, passes
from topkbench.sweep.work import work

__all__ = ["Plan", "make", "passes", "work"]
