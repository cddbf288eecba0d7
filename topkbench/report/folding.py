"""One row a run → one row a configuration: its seeds become a mean and a standard deviation."""

import pandas as pd

from topkbench.report.frames import COSTS, METRICS, OUTCOME, WHICH
from topkbench.report.values import show

# Where and how a run ran decides nothing about its result, so it tells no configurations apart.
NO_SETTING = frozenset({"device", "residency", "eval_test", "cuda_graph"})
_GROUP = ["dataset", "method", "p_k"]


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Fold the seeds of every configuration; only runs that are done count.

    A configuration is all of a run but its seed: the data and their checksum, the method, p_k and every
    option. `settings` names the options in which the rows of one data set, method and p_k differ, such as
    "nloglr=2 m=50". The standard deviation is the sample's (n − 1), NaN for one seed: .60, .62 and .64 fold
    to .62 and .02. Where costs were not all measured with one hierarchy, there are none.

    Returns:
        Columns dataset, method, p_k, settings, n_seeds, top1_mean, top1_std, …, top20_std, error_rate_mean, …,
        hierarchy, select.
    """
    done = frame[frame["status"] == "done"].copy()
    done.loc[of_several_hierarchies(frame).index, [*COSTS, "hierarchy"]] = None
    options = _options(frame)
    folds = {f"{metric}_{fold}": (metric, fold) for metric in (*METRICS, *COSTS) for fold in ("mean", "std")}
    folded = done.groupby([*_GROUP, *options, "select"], dropna=False, sort=False, as_index=False).agg(
        n_seeds=("seed", "nunique"), hierarchy=("hierarchy", "first"), **folds
    )
    folded["settings"] = _settings(folded, options)
    return _ordered(folded)[[*_GROUP, "settings", "n_seeds", *folds, "hierarchy", "select"]]


def representatives(frame: pd.DataFrame) -> pd.DataFrame:
    """Of every configuration the run with the lowest seed, of those that are done, in the order of `rows`.

    Returns:
        Whole rows of the frame, and `settings`, as `rows` has it.
    """
    options = _options(frame)
    done = frame[frame["status"] == "done"].sort_values("seed", kind="stable")
    lowest = done.drop_duplicates([*_GROUP, *options])
    return _ordered(lowest.assign(settings=_settings(lowest, options)))


def repeated(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs that are done and agree with another in all, seed included: their configs miss something."""
    done = frame[frame["status"] == "done"]
    return done[done.duplicated([*_GROUP, *_options(frame), "seed"], keep=False)]


def of_several_hierarchies(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs that are done and whose costs are of another hierarchy than those of another seed, or are none."""
    done = frame[frame["status"] == "done"]
    alike = done.groupby([*_GROUP, *_options(frame)], dropna=False, sort=False).ngroup()
    return done[done["hierarchy"].fillna("").groupby(alike).transform("nunique") > 1]


def _ordered(configurations: pd.DataFrame) -> pd.DataFrame:
    return configurations.sort_values([*_GROUP, "settings"], key=lambda column: column.map(str), ignore_index=True)


def _options(frame: pd.DataFrame) -> list[str]:
    """Whatever else than data set, method, p_k and seed may decide a run's result."""
    return [name for name in frame.columns if name not in {*WHICH, *OUTCOME, *NO_SETTING}] + ["checksum"]


def _settings(folded: pd.DataFrame, options: list[str]) -> list[str]:
    """For each row, the options in which it may differ from the others of its data set, method and p_k."""
    shown = folded[options].map(show)
    shown["checksum"] = shown["checksum"].str[:8]  # enough to tell two data sets of one name apart
    alike = folded.groupby(_GROUP, dropna=False, sort=False).ngroup()
    differs = shown.groupby(alike).transform("nunique") > 1
    named = shown.apply(lambda column: f"{column.name}=" + column)
    return [" ".join(row[told]) for row, told in zip(named.to_numpy(), differs.to_numpy(), strict=True)]
