"""One row a run → one row a configuration: its seeds become a mean and a standard deviation."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from topkbench.option_effects import NO_SETTING
from topkbench.report.frames import COSTS, METRICS, OUTCOME, SPENT, VALID, WHICH
from topkbench.report.values import show

_GROUP = ["dataset", "method", "p_k"]


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs in the order of tables, with the columns `configuration`, `settings` and `told`.

    A configuration is all of a run but its seed: the data and their checksum, the method, p_k and every option. It is
    numbered from 0; runs that are not done have −1. `settings` names the options in which the runs of one method and
    p_k differ on some data set, such as "nloglr=2 m=50": what differs between data sets alone is not told. `told` holds
    their names.
    """
    names = options(frame)
    done = frame[frame["status"] == "done"]
    numbers = done.groupby([*_GROUP, *names], dropna=False, sort=False).ngroup()
    number = numbers.reindex(frame.index, fill_value=-1).astype(int)
    told = _told(frame, [name for name in names if name != "checksum"])  # which tells data, no settings
    of_run = {"configuration": number, "settings": _settings(frame, told), "told": told}
    return _ordered(frame.assign(**of_run).sort_values("seed"))


def rows(runs: pd.DataFrame) -> pd.DataFrame:
    """Fold the seeds of every configuration; only runs that are done count.

    The standard deviation is the sample's (n − 1), NaN for one seed: .60, .62 and .64 fold to .62 and .02. Where costs
    were not all measured with one hierarchy, there are none.

    Args:
        runs: as `numbered` gives them.

    Returns:
        Columns configuration, told, dataset, method, p_k, settings, n_seeds, n_test, top1_mean, top1_std, …, top20_std,
        valid_top1_mean, …, error_rate_mean, …, seconds_mean, …, hierarchy, select, and every option.
    """
    done = runs[runs["status"] == "done"].copy()
    done.loc[of_several_hierarchies(runs).index, [*COSTS, "hierarchy"]] = None
    measured = (*METRICS, *VALID, *COSTS, *SPENT)
    folds = {f"{name}_{fold}": (name, fold) for name in measured for fold in ("mean", "std")}
    facts = ("hierarchy", "n_test", "n_classes", "dim", "select")
    shared = {name: (name, "first") for name in (*_GROUP, "settings", "told", *facts, *options(runs))}
    folded = done.groupby("configuration", sort=False, as_index=False).agg(
        n_seeds=("seed", "nunique"), **shared, **folds
    )
    first = ["configuration", "told", *_GROUP, "settings", "n_seeds", *facts, *folds]
    return folded[[*first, *options(runs)]]


def best_on_validation(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Of the configurations of a data set that agree in some columns, the one with the best validation top-1.

    Of equals the first is taken. The choice is made on validation rows, so that the test accuracies that are shown
    are not those of the luckiest.
    """
    best = rows.sort_values("valid_top1_mean", ascending=False, kind="stable", na_position="last")
    return rows.loc[best.drop_duplicates(["dataset", "checksum", *by]).index.sort_values()].reset_index(drop=True)


def representatives(runs: pd.DataFrame) -> pd.DataFrame:
    """Of every configuration the run with the lowest seed, of those that are done, in the order of `rows`."""
    done = runs[runs["status"] == "done"].sort_values("seed", kind="stable")
    return _ordered(done.drop_duplicates("configuration"))


def repeated(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that are done and agree with another in all, seed included: their configs miss something."""
    done = runs[runs["status"] == "done"]
    return done[done.duplicated(["configuration", "seed"], keep=False)]


def one_a_seed(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs without those that another repeats: of runs that agree in all the one that was started last stays."""
    done = runs[runs["status"] == "done"].sort_values("started", kind="stable")
    return runs.drop(done.index[done.duplicated(["configuration", "seed"], keep="last")])


def of_several_hierarchies(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that are done and whose costs are of another hierarchy than those of another seed, or are none."""
    done = runs[runs["status"] == "done"]
    return done[done["hierarchy"].fillna("").groupby(done["configuration"]).transform("nunique") > 1]


def _ordered(runs: pd.DataFrame) -> pd.DataFrame:
    """By data set, method, p_k and settings; what is equal in these stays in its order."""
    return runs.sort_values([*_GROUP, "settings"], key=lambda column: column.map(str), kind="stable")


def options(frame: pd.DataFrame) -> list[str]:
    """Whatever else than data set, method, p_k and seed may decide a run's result."""
    told = {*WHICH, *OUTCOME, *NO_SETTING, "configuration", "settings", "told"}
    return [name for name in frame.columns if name not in told] + ["checksum"]


def _told(frame: pd.DataFrame, options: list[str]) -> "pd.Series[Any]":
    """For each run, the names of the options in which others of its method and p_k differ on some data set."""
    shown = frame[options].map(show)
    by_data = shown.groupby(_alike(frame, _GROUP)).transform("nunique") > 1
    differs = by_data.groupby(_alike(frame, ["method", "p_k"])).transform("any")
    names = [tuple(name for name, is_told in zip(options, row, strict=True) if is_told) for row in differs.to_numpy()]
    return pd.Series(names, index=frame.index, dtype=object)


def _settings(frame: pd.DataFrame, told: "pd.Series[Any]") -> "pd.Series[Any]":
    """The same options with their values, in words."""
    words = [in_words(row, names) for names, (_, row) in zip(told, frame.iterrows(), strict=True)]
    return pd.Series(words, index=frame.index, dtype=object)


def in_words(row: Any, names: Iterable[str]) -> str:
    """Some options of a run or a configuration with their values.

    >>> in_words({"nloglr": 2.0, "m": 50, "seed": 1}, ["nloglr", "m"])
    'nloglr=2 m=50'
    """
    return " ".join(f"{name}={show(row[name])}" for name in names)


def _alike(frame: pd.DataFrame, columns: list[str]) -> "pd.Series[int]":
    """The number of the group of rows that agree in some columns."""
    return frame.groupby(columns, dropna=False, sort=False).ngroup()
