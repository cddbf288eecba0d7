"""Percent, deviations, and the best in every data set."""

import pytest

from topkbench import report
from topkbench.report import Best
from topkbench.report.values import show_p_k


def folded(*records, **options):
    return report.rows(report.frame(records, **options))


def best(table, column):
    return [str(cell) for cell in table[column] if isinstance(cell, Best)]


def test_three_seeds_print_as_percent_with_their_deviation(run):
    table = report.table(folded(run(0.60), run(0.62, seed=1), run(0.64, seed=2)))
    assert table.iloc[0].to_dict() == {
        "data set": "wordnet826",
        "method": "softsort",
        "P_K": "[.5 .5]",
        "seeds": "3",
        "top-1": "62.00 ± 2.00",
        "top-5": "82.00 ± 2.00",
    }


def test_one_seed_has_no_plus_minus(run):
    assert report.table(folded(run(0.6234)))["top-1"].tolist() == ["62.34"]


def test_a_missing_figure_says_so(run):
    assert report.table(folded(run(None)))["top-1"].tolist() == ["n/a"]


def test_settings_are_shown_where_rows_differ_in_them(run):
    table = report.table(folded(run(m=16), run(m=50)))
    assert table["settings"].tolist() == ["m=16", "m=50"]


def test_the_best_is_marked_per_data_set_and_metric(run):
    rows = folded(
        run(0.70, method="a"),
        run(0.60, method="b"),
        run(0.10, dataset="other"),
        run(0.20, dataset="other", m=50),
    )
    rows.loc[rows["method"] == "b", "top5_mean"] = 0.95
    table = report.table(rows)
    assert best(table, "top-1") == ["20.00", "70.00"]
    assert best(table, "top-5") == ["40.00", "95.00"]
    assert not best(table, "method")


def test_means_that_print_alike_are_best_together(run):
    table = report.table(folded(run(0.620001, method="a"), run(0.620002, method="b"), run(0.61, method="c")))
    assert best(table, "top-1") == ["62.00", "62.00"]


@pytest.mark.parametrize(
    ("p_k", "shown"),
    [
        ((0.2,) * 5, "[.2 .2 .2 .2 .2]"),
        ((1.0,), "[1]"),
        ((0, 0, 0, 0, 1), "[0 0 0 0 1]"),
        ((0.25, 0.75), "[.25 .75]"),
        ((1 / 3, 2 / 3), "[.3333 .6667]"),
        ((0.005, 0.995), "[.005 .995]"),
    ],
)
def test_p_k_is_written_as_the_papers_do(p_k, shown):
    assert show_p_k(p_k) == shown


def test_the_caption_says_what_the_figures_are(run):
    one = folded(run())
    assert report.caption(one) == (
        "Test accuracy in percent, one seed; each metric at the evaluation that is best in it on validation. "
        "Bold: the best of its data set."
    )
    three = folded(run(), run(seed=1), run(seed=2), select="last")
    assert "standard deviation over 3 seeds; at the last evaluation" in report.caption(three)
    mixed = folded(run(), run(seed=1), run(method="b"), select="best_top1")
    assert "over 1 to 2 seeds; at the evaluation with the best top-1 on validation" in report.caption(mixed)


def test_what_mistakes_cost_is_shown_where_it_is_known_the_least_best(run):
    """AC 1.5 and 2.5 fold to 2 ± .71, and 3 has no deviation; mistakes that there are none of have no cost."""
    costs = [{"error_rate": 0.4, "average_cost": c, "mistake_cost": None, "best_cost5": c / 2} for c in (1.5, 2.5, 3)]
    records = [run(0.6, costs=costs[0]), run(0.6, seed=1, costs=costs[1]), run(0.7, method="bitonic", costs=costs[2])]
    rows = report.rows(report.frame(records))
    table = report.table(rows)
    assert list(table.columns[-4:]) == ["ER", "AC", "mistakes", "best of 5"]
    assert list(table["ER"]) == ["40.00", "40.00"]
    assert list(table["AC"]) == ["3.00", "2.00 ± 0.71"]
    assert list(table["best of 5"]) == ["1.50", "1.00 ± 0.35"]
    assert [isinstance(cell, report.Best) for cell in table["AC"]] == [False, True]
    assert list(table["mistakes"]) == ["n/a", "n/a"]
    assert "AC" not in report.table(report.rows(report.frame([run()])))


def test_costs_of_different_hierarchies_are_no_rivals(run):
    records = [run(method=m, costs={"average_cost": c}, hierarchy=h) for m, c, h in (("a", 1, "x"), ("b", 9, "y"))]
    assert best(report.table(folded(*records)), "AC") == ["1.00", "9.00"]


@pytest.mark.parametrize(
    ("select", "where"),
    [
        ("per_metric", "each metric at the evaluation that is best in it on validation. "
                       "Costs at the evaluation with the best top-1 on validation: ER, the share of mistakes"),
        ("last", "at the last evaluation. Costs at the last evaluation: ER"),
    ],
)  # fmt: skip
def test_the_caption_says_where_costs_come_from_and_no_unit(run, select, where):
    shown = report.caption(folded(run(costs={"average_cost": 1.0}), select=select))
    assert where in shown
    assert "edges" not in shown  # they may be a file's own distances
