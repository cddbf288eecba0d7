"""What mistakes cost."""

from dataclasses import replace

import pytest

from tests.report import drawn, expected, known
from topkbench import runs
from topkbench.errors import UsageError
from topkbench.report import gather, tables


def test_as_worked_by_hand(evidence):
    birds, ponds = tables.build("hierarchy", evidence)
    assert drawn.of(birds) == expected.grid(expected.HIERARCHY_BIRDS)
    assert drawn.of(ponds) == expected.grid(expected.HIERARCHY_PONDS)
    assert birds.caption.endswith("by the claim about these methods on these images (seeds alone vary).")
    once = "one seed; at the evaluation with the best top-1 on validation (best_top1)."
    assert ponds.caption.endswith(f"{once} Bold: the best; nothing was tested.")


def test_the_last_evaluation_where_that_is_asked_for(results):
    """80 − 10 of 200 rows right: 65 % mistakes of 4 edges."""
    table, *_ = tables.build("hierarchy", gather(results, "last"))
    assert [cell.text for cell in table.rows[0][3:6]] == ["65.00 ± 0.79", "2.60 ± 0.03", "4.00 ± 0.00"]
    assert "at the last evaluation (last)." in table.caption


def test_two_seeds_fold_and_what_nobody_has_is_not_there(run, tmp_path):
    """AC 1.5 and 2.5 fold to 2 ± .71, and 3 has no deviation; mistakes that there are none of have no cost."""
    costs = [{"error_rate": 0.4, "average_cost": c, "mistake_cost": None, "best_cost5": c / 2} for c in (1.5, 2.5, 3)]
    for record in (
        run(0.6, costs=costs[0]), run(0.6, seed=1, costs=costs[1]), run(0.7, method="bitonic", costs=costs[2])
    ):  # fmt: skip
        runs.save(tmp_path, record)
    (table,) = tables.build("hierarchy", gather(tmp_path))
    assert drawn.of(table)[1:] == [
        ["bitonic", "[.5 .5]", "1", "40.00*", "3.00", "n/a", "1.50", "n/a", "n/a"],
        ["softsort", "[.5 .5]", "2", "40.00 ± 0.00*", "2.00 ± 0.71*", "n/a", "1.00 ± 0.35*", "n/a", "n/a"],
    ]
    assert table.caption.endswith("Bold: the best; nothing was tested.")


def test_costs_of_different_hierarchies_are_no_rivals(run, tmp_path):
    for method, cost, hierarchy in (("a", 1, "x"), ("b", 9, "y")):
        runs.save(tmp_path, run(method=method, costs={"average_cost": cost}, hierarchy=hierarchy))
    assert [len(table.rows) for table in tables.build("hierarchy", gather(tmp_path))] == [1, 1]


def test_the_caption_names_no_unit(evidence):
    assert "edges" not in tables.build("hierarchy", evidence)[0].caption  # they may be a file's own distances


def test_published_costs_stand_beside(results, tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(
        "paper,dataset,backbone,method,metric,value,grade,source\n"
        "doe2020,birds,,softsort,average_cost,2.5,primary,table 1\n"
        "doe2020,birds,,softsort,error_rate,41.5,primary,table 1\n"
    )
    table, *_ = tables.build("hierarchy", gather(results, where=["method=softsort", "p_k=.2*"], published_files=[path]))
    assert [str(column) for column in table.columns][3:9] == ["ER", "published", "Δ", "AC", "published", "Δ"]
    assert [cell.text for cell in table.rows[0][3:9]] == [
        "40.00 ± 0.79",
        "41.50",
        "-1.50",
        "2.40 ± 0.05",
        "2.50",
        "-0.10",
    ]


def test_no_hierarchy_no_table(run, tmp_path):
    runs.save(tmp_path, run())
    with pytest.raises(
        UsageError, match=r"nothing for --table hierarchy in .*; prepare the data with .*--hierarchy FILE"
    ):
        tables.build("hierarchy", gather(tmp_path))


def test_older_records_that_name_no_hierarchy_have_one_table(tmp_path):
    for method in ("bitonic", "softsort"):
        within = known.birds(method, known.UNIFORM, 0)
        record = known.record("birds", method, known.UNIFORM, 0, within)
        data = {name: value for name, value in record.data.items() if name != "hierarchy"}
        known.save(tmp_path, replace(record, data=data), within)
    (table,) = tables.build("hierarchy", gather(tmp_path))
    assert len(table.rows) == 2


def test_unlike_data_of_one_name_are_not_paired_by_seed(run, tmp_path):
    """Five seeds of two methods on data of their own: were they paired, 1 and 3 would be told apart."""
    for method, checksum, cost in (("a", "aa" * 32, 1.0), ("b", "bb" * 32, 3.0)):
        for seed in range(5):
            costs = {"average_cost": cost + 0.01 * seed}
            runs.save(tmp_path, run(method=method, seed=seed, checksum=checksum, costs=costs, hierarchy="x"))
    one, other = tables.build("hierarchy", gather(tmp_path))
    assert (one.title, other.title) == ("wordnet826 (aaaaaaaa)", "wordnet826 (bbbbbbbb)")
    assert not one.figures["average_cost_bold"].any()


def test_what_papers_alone_have_stands_below(run, tmp_path):
    runs.save(tmp_path, run(dataset="MNIST", costs={"error_rate": 0.2, "average_cost": 1.0}))
    (table,) = tables.build("hierarchy", gather(tmp_path))
    headers = [column.name for column in table.columns]
    shown = {row[0].text: row[headers.index("AC") + 1].text for row in table.rows}
    assert shown["softsort"] == ""
    assert shown["metric_guided_prototypes, 2-D embedding"] == "0.52"
