"""Two configurations in full: by how much they differ, and what may be claimed of it."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from topkbench.errors import UsageError
from topkbench.report import filters, hits
from topkbench.report.cells import Cell, Column, Table, text
from topkbench.report.evidence import Evidence
from topkbench.report.figures import DECIMALS, PICKED, p_value
from topkbench.report.frames import KS
from topkbench.report.statistics import LEAST_SEEDS, LEVEL, Claim, compare
from topkbench.report.values import named
from topkbench.report.verdicts import ABOUT

Row: TypeAlias = "pd.Series[Any]"
IDLE = {"--sort": "its lines have an order", "--published": "it shows what was measured"}
"""Flags that mean nothing to a comparison, and why."""

_HEADERS = ("A", "B", "B − A", "interval", "only A", "only B", "p")


def build(evidence: Evidence, a: str, b: str) -> list[Table]:
    """One table for each data set on which both are there.

    Args:
        evidence: what there is.
        a: names a configuration: a method, the beginning of the RUN_ID of one of its runs, or a condition as of
            --where, such as "method=softsort,m=16".
        b: likewise.

    Raises:
        UsageError: a name fits no configuration, or several of one data set, or there is no data set with both.
        DataError: the ranks of a run are missing or torn.
    """
    ones, others = (_meant(evidence, name) for name in (a, b))
    if any(ones[each]["configuration"] == others[each]["configuration"] for each in ones.keys() & others.keys()):
        raise UsageError(f"--compare {a} {b}: both name the same configuration; give two")
    both = [checksum for checksum in ones if checksum in others]
    if not both:
        raise UsageError(f"--compare {a} {b}: no data set has both; their test rows cannot be paired")
    return [_table(evidence, ones[checksum], others[checksum]) for checksum in both]


def _meant(evidence: Evidence, name: str) -> dict[str, Row]:
    """By checksum of the data, the one configuration that a name fits."""
    fitting = _fitting(evidence, name)
    if fitting.empty:
        known = ", ".join(sorted(set(evidence.rows["method"])))
        raise UsageError(f"--compare: no configuration is {name!r}; give a method ({known}), a RUN_ID or a condition")
    for (dataset, _), rows in fitting.groupby(["dataset", "checksum"], dropna=False):
        if len(rows) > 1:
            several = "; ".join(named(row) for _, row in rows.iterrows())
            cure = "tell them apart by a condition, as in 'method=softsort,m=16', or by a RUN_ID"
            raise UsageError(f"--compare: {len(rows)} configurations on {dataset} are {name!r}: {several}; {cure}")
    return {row["checksum"]: row for _, row in fitting.iterrows()}


def _fitting(evidence: Evidence, name: str) -> pd.DataFrame:
    runs, rows = evidence.runs, evidence.rows
    if "=" in name:
        meant = filters.where(runs, [name])
    else:
        by_id = runs[runs["run_id"].str.startswith(name)]
        meant = runs[runs["method"] == name] if (runs["method"] == name).any() else by_id
    return rows[rows["configuration"].isin(meant["configuration"])]


def _table(evidence: Evidence, a: Row, b: Row) -> Table:
    figures = [line for k in KS for line in _lines(evidence, a, b, k)]
    return Table(
        name="compare",
        title=f"{a['dataset']}: A = {named(a)}, B = {named(b)}",
        columns=[text("metric"), text("claim about"), *map(Column, _HEADERS)],
        rows=[_cells(line) for line in figures],
        caption=(
            f"Test accuracy in percent; {PICKED[evidence.select]}. Differences in points, with {LEVEL:.0%} intervals; "
            "only A, only B: test rows that one of two heads alone gets right. p: two-sided, of each line alone, by "
            "crossed random effects, a paired t, and McNemar's exact test, for several heads generalised. A claim "
            f"about methods takes {LEAST_SEEDS} seeds that both have."
        ),
        figures=pd.DataFrame(figures)
        .astype({"only_a": "Int64", "only_b": "Int64"})  # of claims about several heads there are none
        .assign(dataset=a["dataset"], configuration_a=named(a), configuration_b=named(b)),
    )


def _lines(evidence: Evidence, a: Row, b: Row, k: int) -> Iterable[dict[str, Any]]:
    """The figures of top-k: the claims, the widest first, then the heads one by one."""
    right_a, right_b = (hits.of_configuration(evidence, row["configuration"], k) for row in (a, b))
    found = compare(right_a, right_b)
    accuracies = [(right_a[one].mean(), right_b[other].mean()) for one, other in found.seeds]
    for name, about in ABOUT.items():
        if (claim := getattr(found, name)) is not None:
            yield {**_line(k, about, *np.mean(accuracies, axis=0)), **_claimed(claim), "n_seeds": len(accuracies)}
    heads = zip(found.seeds, accuracies, found.only_a, found.only_b, found.mcnemar_p, strict=True)
    for (one, other), of_both, only_a, only_b, p in heads:
        about = f"seed {one}" if one == other else f"seed {one} of A, {other} of B"
        counted = {"only_a": int(only_a), "only_b": int(only_b), "p": float(p), "n_seeds": 1}
        yield {**_line(k, about, *of_both), **counted}


def _line(k: int, about: str, a: float, b: float) -> dict[str, Any]:
    return {"metric": f"top{k}", "about": about, "a": float(a), "b": float(b), "difference": float(b - a)}


def _claimed(claim: Claim) -> dict[str, float]:
    return {name: float(getattr(claim, name)) for name in ("low", "high", "p")}


def _cells(line: Mapping[str, Any]) -> list[Cell]:
    a, b = (f"{100 * line[name]:.{DECIMALS}f}" for name in ("a", "b"))
    ends = f"[{100 * line['low']:+.{DECIMALS}f}, {100 * line['high']:+.{DECIMALS}f}]" if "low" in line else ""
    counts = [str(line.get(name, "")) for name in ("only_a", "only_b")]
    difference = f"{100 * line['difference']:+.{DECIMALS}f}"
    return [
        Cell(each)
        for each in (
            line["metric"].replace("top", "top-"),
            line["about"],
            a,
            b,
            difference,
            ends,
            *counts,
            p_value(line["p"]),
        )
    ]
