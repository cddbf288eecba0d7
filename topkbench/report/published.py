"""Published figures: which papers' belong beside a measured one.

published.csv, and any file of the same columns that the user adds:

    paper,dataset,backbone,method,metric,value,grade,source

Accuracies and error rates are in percent. `grade` is primary where the source is the paper's own authors', secondary
where others quote it; `source` says where the figure stands, and none comes without.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from topkbench.errors import DataError, UsageError, did_you_mean
from topkbench.report.frames import COSTS, METRICS

COLUMNS = ("paper", "dataset", "backbone", "method", "metric", "value", "grade", "source")
GRADES = ("primary", "secondary")
FAMILIES: Mapping[str, Sequence[str]] = {"diffsortnets": ("bitonic", "odd_even", "splitter_selection")}
"""Names under which papers publish, and the methods that they may mean."""

_PERCENT = (*METRICS, "error_rate")
_EMBEDDINGS = {
    (1000, 2048): ("ImageNet-1K", "ResNeXt-101 WSL head"),
    (1000, 5504): ("ImageNet-1K", "EfficientNet-L2 Noisy Student head"),
    (10450, 2048): ("ImageNet-21K-P", "ResNeXt-101 WSL head"),
}
"""By number of classes and dimension, what the published dumps of embeddings are of (Petersen et al. 2022)."""


class Known(NamedTuple):
    """What a measured data set is called in papers.

    Attributes:
        dataset: its name there.
        backbone: what embedded it; None where the name alone decides.
    """

    dataset: str
    backbone: str | None


def load(further: Iterable[Path] = ()) -> pd.DataFrame:
    """The figures that ship, and those of further files.

    Raises:
        UsageError: a file is missing or lacks a column.
        DataError: a line of it is damaged.
    """
    shipped = _read(files("topkbench.report").joinpath("published.csv"), "published.csv")
    tables = [shipped, *(_checked(_read(path, str(path)), path) for path in further)]
    return pd.concat(tables, ignore_index=True).astype({"value": float})


def known_as(name: str, n_classes: Any, dim: Any) -> Known:
    """What papers call a data set: by its classes and dimensions where these are a known dump's, else by its name.

    >>> known_as("in21k", 10450, 2048), known_as("cifar_100", 100, 512)
    (Known(dataset='ImageNet-21K-P', backbone='ResNeXt-101 WSL head'), Known(dataset='cifar_100', backbone=None))
    """
    return Known(*_EMBEDDINGS.get((n_classes, dim), (name, None)))


def of(published: pd.DataFrame, known: Known, metrics: Sequence[str]) -> pd.DataFrame:
    """The figures of a data set in some metrics; `same` says whether they are of its backbone, too."""
    named = published["dataset"].map(_plain) == _plain(known.dataset)
    part = published[named & published["metric"].isin(metrics)]
    return part.assign(same=True if known.backbone is None else part["backbone"] == known.backbone)


def methods(name: str) -> Sequence[str]:
    """The methods that a published name may mean."""
    return FAMILIES.get(name, (name,))


def _plain(name: str) -> str:
    """A name without case and punctuation: ImageNet-1K is imagenet_1k."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _read(file: Any, name: str) -> pd.DataFrame:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            table = pd.read_csv(lines, dtype=str, keep_default_na=False)
    except OSError as error:
        raise UsageError(f"--published {name} cannot be read ({error.strerror}); give a CSV file") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"--published {name} is no CSV in UTF-8: {str(error).strip()}; mend it") from error
    if not isinstance(table.index, pd.RangeIndex):  # what pandas makes of fields beyond the header's
        raise DataError(f"--published {name} has lines of more fields than its header names; quote commas")
    return table


def _checked(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise UsageError(f"--published {path} has no column {', '.join(missing)}; give {','.join(COLUMNS)}")
    for at, row in table.iterrows():
        if fault := _fault(row):
            raise DataError(f"--published {path}, line {int(str(at)) + 2}: {fault}")
    return table[list(COLUMNS)]


def _fault(row: "pd.Series[Any]") -> str | None:
    """What is wrong with a line, if anything is."""
    known = (*METRICS, *COSTS)
    if row["metric"] not in known:
        hint = did_you_mean(row["metric"], known) or f"; give one of {', '.join(known)}"
        return f"unknown metric {row['metric']!r}{hint}"
    value, in_percent = pd.to_numeric(row["value"], errors="coerce"), row["metric"] in _PERCENT
    if not (math.isfinite(value) and 0 <= value <= (100 if in_percent else value)):
        return f"value {row['value']!r} is no {'percentage from 0 to 100' if in_percent else 'cost, a number from 0'}"
    if row["grade"] not in GRADES:
        return f"grade {row['grade']!r}; give {' or '.join(GRADES)}"
    empty = [name for name in ("paper", "dataset", "method", "source") if not row[name].strip()]
    return f"{', '.join(empty)} empty; a figure without its source is none" if empty else None
