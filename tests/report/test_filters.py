"""Which runs count, and in which order."""

import math

import pandas as pd
import pytest

from tests.report import known
from topkbench.errors import UsageError
from topkbench.report import filters, gather

RUNS = pd.DataFrame(
    {
        "method": ["bitonic", "softsort", "softsort", "splitter_selection"],
        "p_k": [known.UNIFORM, known.UNIFORM, (1 / 3, 2 / 3), (1.0,)],
        "seed": [0, 1, 4, 12],
        "nloglr": [2.0, 2.0, 4.5, -1.0],
        "m": pd.Series([16, None, 50, 16], dtype=object),
        "hidden_dims": pd.Series([(), (64, 32), (), ()], dtype=object),
        "top1": [0.5, math.nan, 0.7, 0.6],
    }
)


def kept(*conditions):
    return filters.where(RUNS, conditions).index.tolist()


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], [0, 1, 2, 3]),
        (["method=softsort"], [1, 2]),
        (["method=bitonic,softsort"], [0, 1, 2]),
        (["method=s*"], [1, 2, 3]),
        (["method=*sort,bit*"], [0, 1, 2]),
        (["seed=0-4"], [0, 1, 2]),
        (["seed=0-1,12"], [0, 1, 3]),
        (["seed=1,method=softsort"], [1]),
        (["method=softsort", "seed=4"], [2]),
        (["method=softsort,bitonic,seed=0,4"], [0, 2]),
        (["method=softsort", "method=bitonic"], []),
        (["p_k=.2 .2 .2 .2 .2"], [0, 1]),
        (["p_k=[.2 .2 .2 .2 .2]"], [0, 1]),
        (["p-k=0.2 0.2 0.2 0.2 0.2"], [0, 1]),
        (["P_K=.3333 .6667"], [2]),
        (["p_k=1,.2*"], [0, 1, 3]),
        (["nloglr=2"], [0, 1]),
        (["nloglr=2.0"], [0, 1]),
        (["nloglr=4.5"], [2]),
        (["nloglr=-2-2"], [0, 1, 3]),
        (["m=none"], [1]),
        (["m=16"], [0, 3]),
        (["hidden-dims=64,32"], []),  # one of two alternatives, neither of which is the list
        (["hidden_dims=64 32"], [1]),
        (["hidden_dims=none"], [0, 2, 3]),
        ([" method = softsort "], [1, 2]),
    ],
)
def test_runs_that_meet_every_condition(conditions, expected):
    assert kept(*conditions) == expected


@pytest.mark.parametrize("name", ["top1", "average_cost"])
def test_nobody_chooses_runs_by_their_test_results(name):
    with pytest.raises(UsageError, match=f"--where {name}: runs that are chosen by their test results say what one"):
        filters.where(RUNS, [f"{name}=.5-.65"])


def test_brackets_are_no_class_of_letters():
    runs = pd.DataFrame({"p_k": [(1.0,), (1.0, 0.0, 0.0)]})
    assert filters.where(runs, ["p_k=[1 0 0]"]).index.tolist() == [1]


def test_a_condition_that_nothing_meets_leaves_the_columns():
    none = filters.where(RUNS, ["seed=99", "seed=0"])
    assert none.columns.tolist() == RUNS.columns.tolist()
    assert none.empty


@pytest.mark.parametrize("condition", ["method", "", "=softsort", ",method=softsort", "softsort,method=bitonic"])
def test_what_is_no_condition(condition):
    with pytest.raises(UsageError, match="give NAME=VALUE, as in --where method=softsort,seed=0-4"):
        kept(condition)


def test_an_unknown_column_is_told_with_the_nearest():
    with pytest.raises(UsageError, match=r"--where: the results have no 'metod'; did you mean 'method'\?"):
        kept("metod=softsort")
    with pytest.raises(UsageError, match="--where: the results have no 'zzz'; it has method, p_k, seed, nloglr, m"):
        kept("zzz=1")


# Order


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], [0, 1, 2, 3]),
        (["seed"], [0, 1, 2, 3]),
        (["-seed"], [3, 2, 1, 0]),  # by size, not 4 before 12
        (["top1"], [0, 3, 2, 1]),  # what is missing last
        (["-top1"], [2, 3, 0, 1]),  # here, too
        (["-method", "seed"], [3, 1, 2, 0]),
        (["method", "-seed"], [0, 2, 1, 3]),
        (["nloglr", "method"], [3, 0, 1, 2]),
        (["-Top1"], [2, 3, 0, 1]),
        (["another"], [0, 1, 2, 3]),
    ],
)
def test_rows_in_the_order_of_columns(keys, expected):
    assert filters.ordered(RUNS, keys).index.tolist() == expected


def test_of_configurations_a_metric_is_its_mean():
    rows = pd.DataFrame({"top1_mean": [0.5, math.nan, 0.7], "top1_std": [3, 2, 1]})
    assert filters.ordered(rows, ["-top1"]).index.tolist() == [2, 0, 1]


def test_a_column_that_is_nowhere_is_refused():
    filters.check_order(["-seed", "top1_mean"], RUNS, pd.DataFrame(columns=["top1_mean"]))
    with pytest.raises(UsageError, match=r"--sort: the results have no 'top2'; did you mean 'top1'\?"):
        filters.check_order(["-top2"], RUNS)


# All of it together


def test_where_counts_before_seeds_are_folded(results):
    """Seeds 0 and 1 of bitonic vary by −2 and −1 rows."""
    rows = gather(results, where=["seed=0-1", "dataset=birds", "method=bitonic", "p_k=.2*"]).rows
    assert rows["n_seeds"].item() == 2
    assert rows["top1_mean"].item() == pytest.approx(98.5 / 200)


def test_group_by_takes_the_best_on_validation(results):
    """Bitonic's is the one that is worst on test by 40 rows."""
    evidence = gather(results, where=["dataset=birds"], group_by=["method"])
    assert dict(zip(evidence.rows["method"], evidence.rows["p_k"], strict=True)) == known.BEST_ON_VALIDATION
    assert evidence.grouped == ["method"]
    both = gather(results, where=["dataset=birds"], group_by=["Method", "p-k"])
    assert (len(both.rows), both.grouped) == (12, ["method", "p_k"])


def test_group_by_keeps_data_sets_apart(results):
    assert gather(results, group_by=["method"]).rows.groupby("dataset").size().to_dict() == {"birds": 4, "ponds": 3}


def test_sort_orders_rows_and_runs(results):
    evidence = gather(results, where=["dataset=birds"], sort=["-top1", "method"])
    top1 = [round(200 * mean) for mean in evidence.rows["top1_mean"]]
    assert top1 == sorted(top1, reverse=True)
    tied = [method for method, count in zip(evidence.rows["method"], top1, strict=True) if count == 120]
    assert tied == ["bitonic", "softsort"]  # though their means differ by rounding
    of_runs = evidence.runs["top1"].tolist()
    assert of_runs == sorted(of_runs, reverse=True)


@pytest.mark.parametrize("flag", ["group_by", "sort"])
def test_unknown_columns_are_one_line(results, flag):
    with pytest.raises(
        UsageError, match=rf"--{flag.replace('_', '-')}: the results have no 'metho'; did you mean 'method'\?"
    ):
        gather(results, **{flag: ["metho"]})
