"""The papers' tables: one file a table in this folder, found by listing it.

A table's module holds one function and one sentence, or two:

    build(evidence: Evidence) -> list[Table]    one table, or one for each data set; none where nothing fits
    CURE: str                                   what to train where nothing fits
    IDLE: Mapping[str, str]                     flags that mean nothing to it, and why; if there are any

A name that starts with an underscore is no table but what tables share.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType

from topkbench.errors import UsageError, did_you_mean
from topkbench.report import filters
from topkbench.report.cells import Table
from topkbench.report.evidence import Evidence

__all__ = ["build", "every", "idle", "names"]


def names() -> list[str]:
    """The names of all tables, sorted.

    >>> "main" in names()
    True
    """
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))


def build(name: str, evidence: Evidence) -> list[Table]:
    """Make the tables of one kind.

    Raises:
        UsageError: there is no such kind, the runs hold nothing for it, or it has no column to sort by.
    """
    module = _module(name)
    filters.check_order(evidence.sorted_by, evidence.runs if name == "runs" else evidence.rows)
    tables: list[Table] = module.build(evidence)
    if not tables:
        raise UsageError(f"nothing for --table {name} in {evidence.folder.resolve()}; {module.CURE}")
    return tables


def idle(name: str) -> Mapping[str, str]:
    """The flags that mean nothing to a kind of table, and why.

    Raises:
        UsageError: there is no such kind.
    """
    flags: Mapping[str, str] = getattr(_module(name), "IDLE", {})
    return flags


def every(evidence: Evidence) -> Sequence[Table]:
    """The tables of all kinds that the runs hold something for."""
    return [table for name in names() for table in _module(name).build(evidence)]


def _module(name: str) -> ModuleType:
    if name not in names():
        near = did_you_mean(name, names()) or "."
        raise UsageError(f"unknown table {name!r}{near} Tables: {', '.join(names())}")
    return import_module(f"{__name__}.{name}")
