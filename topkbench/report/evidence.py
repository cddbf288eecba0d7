"""What a report is made from: the runs of a results folder that are asked for, and the configurations they fold to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from topkbench import runs
from topkbench.errors import DataError, UsageError
from topkbench.report import filters, folding, notes, published
from topkbench.report.frames import frame
from topkbench.runs import AnyArray, Record, Rule

_KEPT = 2000  # arrays: 200 MB of ImageNet's 50,000 rows


@dataclass(frozen=True)
class Evidence:
    """Runs and configurations.

    Attributes:
        folder: of the results.
        select: the rule that picks the evaluation which counts.
        runs: one row a run, whether or not it is done (`folding.numbered`), in the order that tables show them.
        configurations: one row a configuration (`folding.rows`), likewise.
        rows: those of them that --group-by leaves; all where it is not given.
        records: by the index of `runs`.
        published: figures of papers (`published.load`).
        sorted_by: the columns that were asked for, of runs or of configurations.
        grouped: the options of which each value has but its best configuration in `rows`; empty where all are there.
        notes: what is left out or looks odd.
    """

    folder: Path
    select: Rule
    runs: pd.DataFrame
    configurations: pd.DataFrame
    rows: pd.DataFrame
    records: Mapping[int, Record]
    published: pd.DataFrame
    sorted_by: Sequence[str]
    grouped: Sequence[str]
    notes: Sequence[str]

    def members(self, configuration: int) -> pd.DataFrame:
        """The runs of a configuration, one a seed, in the order of seeds."""
        return self._members[configuration]

    @cached_property
    def _members(self) -> Mapping[Any, pd.DataFrame]:
        return dict(iter(self.runs.sort_values("seed").groupby("configuration")))

    @cached_property
    def _load(self) -> Callable[[Path, str, Any], AnyArray]:
        return lru_cache(_KEPT)(_ranks)

    def ranks(self, run: "pd.Series[Any]", name: str) -> AnyArray:
        """An array of ranks.npz of a run, which is read once though every k and every table asks for it.

        Raises:
            DataError: it is missing or torn, or not of the record's test rows.
        """
        home = runs.folder(self.folder, run["dataset"], run["run_id"])
        try:
            return self._load(home, name, run["n_test"])
        except DataError as error:
            self._unread[home] = str(error)
            raise

    def unread(self) -> list[str]:
        """Notes on the ranks that some table has asked for and that could not be read."""
        return notes.of_ranks(list(self._unread.values()))

    @cached_property
    def _unread(self) -> dict[Path, str]:
        return {}


def gather(
    folder: Path,
    select: Rule = "per_metric",
    where: Iterable[str] = (),
    group_by: Sequence[str] = (),
    sort: Sequence[str] = (),
    published_files: Iterable[Path] = (),
) -> Evidence:
    """Read the records of a results folder.

    Args:
        folder: of the results.
        select: which evaluation counts.
        where: conditions that runs must meet, as `filters.where` reads them.
        group_by: options; of the configurations that agree in these, the best on validation stays.
        sort: columns, as `filters.ordered` reads them.
        published_files: further tables of published figures.

    Raises:
        UsageError: there is no such selection rule or column, a condition is none, or no run that is done is left.
        DataError: a table of published figures is damaged.
    """
    records, skipped = runs.load_all(folder)
    whole = frame(records, select)
    of_runs = filters.where(whole, where)
    of_runs = folding.numbered(of_runs)
    said = [
        *notes.of_unreadable(skipped),
        *notes.of_unfinished(of_runs),
        *notes.of_repeated(of_runs),
        *notes.of_hierarchies(of_runs),
    ]
    if not (of_runs["status"] == "done").any():
        raise UsageError(_nothing(folder, said, asked=len(of_runs) < len(whole)))
    of_runs = folding.one_a_seed(of_runs)
    configurations = folding.rows(of_runs)
    filters.check_order(sort, configurations, of_runs)
    named = [filters.column(configurations, name, "--group-by") for name in group_by]
    return Evidence(
        folder=folder,
        select=select,
        runs=filters.ordered(of_runs, sort),
        configurations=filters.ordered(configurations, sort),
        rows=filters.ordered(folding.best_on_validation(configurations, named) if named else configurations, sort),
        records=dict(enumerate(records)),
        published=published.load(published_files),
        sorted_by=sort,
        grouped=named,
        notes=said,
    )


def _ranks(home: Path, name: str, n_test: Any) -> AnyArray:
    ranks = runs.load_ranks(home, [name])[name]
    if pd.notna(n_test) and len(ranks) != n_test:
        rows = f"{len(ranks)} test rows, its record of {n_test}"
        raise DataError(f"{home / runs.RANKS} is of {rows}; run it again with 'topkbench train --force'")
    return ranks


def _nothing(folder: Path, said: Sequence[str], *, asked: bool) -> str:
    found = "".join(f" ({note})" for note in said)
    if asked:
        return f"no finished run in {folder.resolve()} meets --where{found}; ask for less"
    cure = "start with 'topkbench train --method softmax_cross_entropy'"
    where = "" if folder.is_dir() else ", which is no folder" if folder.exists() else ", which does not exist"
    return f"no finished run in {folder.resolve()}{where}{found}; {cure}"
