"""Top-k for every k, from the ranks."""

import shutil
from statistics import mean, stdev

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from tests.report import known
from topkbench import runs
from topkbench.errors import UsageError
from topkbench.report import gather, tables


@pytest.mark.parametrize("select", runs.RULES)
def test_every_k_counted_by_a_plain_loop(results, select):
    evidence = gather(results, select, where=["dataset=birds", "method=neuralsort"])
    (table,) = tables.build("k", evidence)
    assert [row[0].text for row in table.rows] == [str(k) for k in range(1, 21)]
    assert [str(column) for column in table.columns[1:]] == [
        "neuralsort [0 0 0 0 1]", "neuralsort [.2 .2 .2 .2 .2]", "neuralsort [.5 0 0 0 .5]",
    ]  # fmt: skip
    for k, row in enumerate(table.rows, start=1):
        listed = max(each for each in known.KS if each <= k)
        name = f"per_metric_top{listed}" if select == "per_metric" else select
        for cell, p_k in zip(row[1:], known.P_KS, strict=True):
            shares = [100 * mean(known.hits("neuralsort", p_k, seed, k, name)) for seed in known.SEEDS]
            assert cell.text == f"{mean(shares):.2f} ± {stdev(shares):.2f}", (k, p_k)


def test_one_seed_has_wilsons_interval(evidence):
    _, ponds = tables.build("k", evidence)
    ranks = known.ranks(known.at(known.ponds("softsort"), "per_metric_top5"), 50, 0)
    count = sum(rank <= 7 for rank in ranks)
    low, high = proportion_confint(count, 50, 0.05, method="wilson")
    assert ponds.rows[6][2].text == f"{2 * count:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def test_listed_k_agree_with_the_main_table(evidence):
    birds, _ = tables.build("k", evidence)
    (main,) = tables.build("main", evidence)
    for k, column in ((1, 3), (5, 4)):
        assert [(c.text, c.bold) for c in birds.rows[k - 1][1:]] == [
            (r[column].text, r[column].bold) for r in main.rows
        ]


def test_the_caption_says_where_the_others_are_counted(evidence):
    birds, _ = tables.build("k", evidence)
    assert "a k other than 1, 5, 10, 20 is counted where the nearest of these below it is" in birds.caption
    assert "Rows are compared each for itself." in birds.caption
    assert birds.figures["top20_mean"].notna().all()


def test_no_k_is_above_the_classes(tmp_path):
    within = known.birds("softsort", known.UNIFORM, 0)
    record = known.record("birds", "softsort", known.UNIFORM, 0, within)
    few = runs.Record(**{**vars(record), "data": {**record.data, "n_classes": 7, "n_test": 3}})
    runs.save(tmp_path, few, dict.fromkeys(known.LOST, np.array([1, 3, 7])))
    (table,) = tables.build("k", gather(tmp_path))
    assert len(table.rows) == 7
    assert [row[1].text.partition(" ")[0] for row in table.rows] == ["33.33"] * 2 + ["66.67"] * 4 + ["100.00"]


def test_a_configuration_without_ranks_has_no_column(results, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    next(folder.glob("birds/softsort*/ranks.npz")).unlink()
    (table,) = tables.build("k", gather(folder, where=["dataset=birds", "method=softsort"]))
    assert len(table.columns) == 1 + 2
    for path in folder.rglob("ranks.npz"):
        path.unlink()
    with pytest.raises(UsageError, match=r"nothing for --table k in .*; run them again with 'topkbench train --force'"):
        tables.build("k", gather(folder))
