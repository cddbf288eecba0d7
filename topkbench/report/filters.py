"""Which runs a report is about, and in which order: `--where`, `--group-by` and `--sort`."""

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from topkbench.errors import UsageError, did_you_mean
from topkbench.report.frames import COSTS, METRICS
from topkbench.report.values import show, show_p_k

_SPAN = re.compile(r"(-?[\d.]+(?:e-?\d+)?)-([\d.]+(?:e-?\d+)?)")


def where(frame: pd.DataFrame, conditions: Iterable[str]) -> pd.DataFrame:
    """The rows that meet every condition.

    A condition is NAME=VALUE, of any column; further values after commas are alternatives. A value is as tables show
    it, may hold * for any letters, and 0-4 means all numbers from 0 to 4.

    Args:
        frame: as `frames.frame` lays out runs.
        conditions: each one or several of them, joined by commas: "method=bitonic,softsort,seed=0-4".

    Raises:
        UsageError: a condition is none, there is no such column, or it holds test results.

    >>> runs = pd.DataFrame({"method": ["bitonic", "softsort", "softsort"], "seed": [1, 1, 7]})
    >>> list(where(runs, ["method=soft*,bitonic,seed=0-4"]).index)
    [0, 1]
    """
    for name, values in _parsed(conditions):
        _refuse_outcome(name)
        meets = [_meets(value) for value in values]
        named = frame[column(frame, name, "--where")]
        frame = frame[np.array([any(test(each) for test in meets) for each in named], dtype=bool)]
    return frame


def _refuse_outcome(name: str) -> None:
    if name in (*METRICS, *COSTS):
        cure = f"choose by an option, or by valid_{name}" if name in METRICS else "choose by an option"
        raise UsageError(f"--where {name}: runs that are chosen by their test results say what one likes; {cure}")


def column(frame: pd.DataFrame, name: str, flag: str) -> str:
    """The column that a user means, who may write n-epochs for n_epochs, and p-k or P_K for p_k.

    Raises:
        UsageError: there is none.
    """
    meant = name.strip().replace("-", "_").lower()
    known = [str(each) for each in frame.columns]
    if meant not in known:
        hint = did_you_mean(meant, known) or f"; it has {', '.join(known)}"
        raise UsageError(f"{flag}: the results have no {name!r}{hint}")
    return meant


def check_order(keys: Sequence[str], *tables: pd.DataFrame) -> None:
    """Refuse keys that no table can be ordered by; of configurations a metric means its mean.

    Raises:
        UsageError: there is no such column.
    """
    names = dict.fromkeys(str(name) for table in tables for name in table.columns)
    known = pd.DataFrame(columns=list(names | dict.fromkeys(name.removesuffix("_mean") for name in names)))
    for key in keys:
        column(known, key.removeprefix("-"), "--sort")


def ordered(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Runs or configurations in the order of some columns, the first deciding; a minus before a name turns it round.

    Of configurations a metric such as top1 means its mean. What has no value comes last; a column that the rows have
    not decides nothing.
    """
    for key in reversed(keys):
        name = key.removeprefix("-").strip().replace("-", "_").lower()
        by = f"{name}_mean" if f"{name}_mean" in rows else name
        if by in rows:
            rows = rows.sort_values(by, key=_comparable, ascending=not key.startswith("-"), kind="stable")
    return rows


def _comparable(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Numbers by size, equal where they differ by rounding alone; all else by how it is written."""
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers.round(12) if numbers.notna().any() else values.map(str)


def _parsed(conditions: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Names and their alternatives; a part without = is one more of the name before it."""
    found: list[tuple[str, list[str]]] = []
    for condition in conditions:
        if not re.match(r"[^=,]+=", condition):
            raise UsageError(f"--where {condition}: give NAME=VALUE, as in --where method=softsort,seed=0-4")
        for part in condition.split(","):
            name, equals, value = part.partition("=")
            if equals:
                found.append((name, [value]))
            else:
                found[-1][1].append(name)
    return found


def _meets(value: str) -> Callable[[Any], bool]:
    """Whether a column's value is what a user has written."""
    wanted = value.strip()
    span = _SPAN.fullmatch(wanted)
    pattern = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL)

    def test(each: Any) -> bool:
        if span and isinstance(each, int | float):
            return float(span[1]) <= each <= float(span[2])
        return any(map(pattern.fullmatch, _forms(each))) or _number(wanted) == each

    return test


def _forms(value: Any) -> set[str]:
    """The ways in which a value may be written."""
    forms = {show(value), str(value)}
    if isinstance(value, tuple) and all(isinstance(each, int | float) for each in value):
        bracketed = show_p_k(value)
        forms |= {bracketed, bracketed.strip("[]"), " ".join(map(show, value))}
    return forms


def _number(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(text)
    return None
