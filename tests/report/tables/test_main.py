"""Method × data set, beside what papers published."""

import math

import pytest
from statsmodels.stats.proportion import proportion_confint

from tests.report import drawn, expected, known
from topkbench import runs
from topkbench.report import gather, tables

CAPTION = (
    "Test accuracy in percent, mean ± sample standard deviation over up to 5 seeds (of one, in brackets Wilson's 95 % "
    "interval); each metric at the evaluation that is best in it on validation (per_metric). Bold: the best, and what "
    "is not distinguishable from it (α = 0.05, Holm's correction over up to 66 pairs) by the claim about these methods "
    "(seeds and images vary); † about these trained heads (images alone vary, as fewer than 5 seeds are common)."
)
PUBLISHED = """paper,dataset,backbone,method,metric,value,grade,source
doe2020,Birds,ResNet,diffsortnets,top1,58.5,primary,table 2
doe2020,birds,,softsort,top5,85,secondary,quoted in roe2021
roe2021,birds,ViT,lapsum,top1,70,primary,table 3
"""


def built(*arguments, **options):
    (table,) = tables.build("main", gather(*arguments, **options))
    return table


def test_as_worked_by_hand(evidence):
    (table,) = tables.build("main", evidence)
    assert drawn.of(table) == expected.grid(expected.MAIN)
    assert table.caption == CAPTION
    assert table.title == ""  # which the columns' groups name


def test_of_one_data_set_the_title_names_it(results):
    table = built(results, where=["dataset=ponds"])
    assert (table.title, {column.group for column in table.columns}) == ("ponds", {""})


@pytest.mark.parametrize("method", known.PONDS)
def test_one_seed_has_wilsons_interval_and_no_deviation(evidence, method):
    (table,) = tables.build("main", evidence)
    row = next(row for row in table.rows if (row[0].text, row[1].text) == (method, "[.2 .2 .2 .2 .2]"))
    for cell, count in zip(row[-2:], known.PONDS[method], strict=True):
        low, high = proportion_confint(count, 50, 0.05, method="wilson")
        assert cell.text == f"{2 * count:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


@pytest.mark.parametrize(
    ("select", "where", "top1", "top5"),
    [
        ("per_metric", "each metric at the evaluation that is best in it on validation (per_metric)", 55, 80),
        ("best_top1", "at the evaluation with the best top-1 on validation (best_top1)", 55, 77),
        ("last", "at the last evaluation (last)", 50, 75),
    ],
)
def test_the_rule_picks_the_evaluation_and_the_caption_names_it(results, select, where, top1, top5):
    """Of softsort's 110 and 160 rows best_top1 has 6 fewer within rank 5, the last evaluation 10 fewer at both."""
    table = built(results, select=select, where=["method=softsort", "p_k=.5*"])
    assert [str(cell) for cell in table.rows[0][-2:]] == [f"{top1:.2f} ± 0.79", f"{top5:.2f} ± 1.58"]
    assert f"; {where}." in table.caption


def test_a_missing_figure_says_so(run, tmp_path):
    runs.save(tmp_path, run(None))
    runs.save(tmp_path, run(0.6, method="bitonic"))
    table = built(tmp_path)
    assert [str(cell) for cell in table.rows[1]] == ["softsort", "[.5 .5]", "1", "n/a", "n/a"]
    assert not any(cell.bold for cell in table.rows[1])


def test_the_figures_are_fractions_with_what_was_found(evidence):
    figures = tables.build("main", evidence)[0].figures.set_index(["dataset", "method", "p_k"])
    row = figures.loc[("birds", "softsort", known.UNIFORM)]
    low, high = proportion_confint(120, 200, 0.05, method="wilson")  # of the mean accuracy
    assert (row["top1_low"], row["top1_high"]) == pytest.approx((low, high))
    assert (row["top1_bold"], row["top1_claim"]) == (True, "methods")
    best = figures.loc[("birds", "splitter_selection", known.UNIFORM)]
    assert (best["top1_claim"], math.isnan(best["top1_p"])) == ("", True)


def test_group_by_says_what_was_chosen(results):
    table = built(results, group_by=["method"], where=["dataset=birds"])
    assert [row[1].text for row in table.rows] == ["[0 0 0 0 1]", "[.2 .2 .2 .2 .2]", "[0 0 0 0 1]", "[.5 0 0 0 .5]"]
    assert "Of each method the configuration with the best validation top-1." in table.caption
    assert "over all 6 pairs" in table.caption


def test_sort_decides_the_order_of_rows(results):
    table = built(results, sort=["-top1", "method"], where=["dataset=birds"])
    assert [row[3].text[:5] for row in table.rows][:5] == ["60.50", "60.50", "60.00", "60.00", "59.00"]


def test_settings_stand_where_rows_differ_in_them(run, tmp_path):
    for m in (16, 50):
        runs.save(tmp_path, runs.Record(**{**vars(run(m=m)), "run_id": f"softsort-{m}"}))
    table = built(tmp_path)
    assert [str(column) for column in table.columns] == ["method", "P_K", "settings", "seeds", "top-1", "top-5"]
    assert [row[2].text for row in table.rows] == ["m=16", "m=50"]


def test_settings_of_several_words_are_repeated_as_one(tmp_path):
    for own, dataset in (("two words", "birds"), ("one", "birds"), ("one", "ponds")):
        within = known.birds("softsort", known.UNIFORM, 0) if dataset == "birds" else known.ponds("softsort")
        known.save(tmp_path, known.record(dataset, "softsort", known.UNIFORM, 0, within, own=own), within)
    (note,) = built(tmp_path).footnotes.values()
    assert note.endswith("--data data/ponds.h5 --method softsort --p-k .2 .2 .2 .2 .2 --nloglr 2 --set 'own=two words'")


# Beside what papers published


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(PUBLISHED)
    return [path]


def test_published_figures_stand_beside_the_measured_with_their_difference(results, published):
    table = built(results, published_files=published, where=["dataset=birds"])
    assert [str(column) for column in table.columns] == [
        "method", "P_K", "seeds", "top-1", "published", "Δ", "top-5", "published", "Δ",
    ]  # fmt: skip
    rows = {(row[0].text, row[1].text): row for row in table.rows}
    of_family = rows["splitter_selection", "[.5 0 0 0 .5]"]
    assert [cell.text for cell in of_family[3:]] == ["60.50 ± 0.79", "58.50", "+2.00", "85.00 ± 1.58", "", ""]
    assert [cell.text for cell in rows["bitonic", "[0 0 0 0 1]"][3:6]] == ["40.00 ± 0.79", "58.50", "-18.50"]
    by_own_name = rows["softsort", "[.2 .2 .2 .2 .2]"]
    assert [cell.text for cell in by_own_name[3:]] == ["60.00 ± 0.79", "", "", "84.00 ± 1.58", "85.00", "-1.00"]
    assert [cell.text for cell in rows["neuralsort", "[.5 0 0 0 .5]"][4:6]] == ["", ""]


def test_sources_are_footnotes_and_secondary_ones_say_so(results, published):
    table = built(results, published_files=published, where=["dataset=birds"])
    sources = {cell.text: table.footnotes[cell.mark] for row in table.rows for cell in row[4:] if cell.mark}
    assert sources == {
        "58.50": "doe2020, diffsortnets, ResNet: table 2",
        "85.00": "doe2020, softsort: quoted in roe2021 (secondary source)",
        "70.00": "roe2021, lapsum, ViT: table 3",
    }
    marks = [cell.mark for row in table.rows for cell in row if cell.text == "58.50"]
    assert len(marks) == 6
    assert len(set(marks)) == 1


def test_a_method_that_nobody_has_measured_has_a_row_of_its_own(results, published):
    *_, last = built(results, published_files=published, where=["dataset=birds"]).rows
    assert [cell.text for cell in last] == ["lapsum, ViT", "", "", "n/a", "70.00", "", "n/a", "", ""]


def test_columns_of_published_figures_stand_where_there_are_any(results, published):
    table = built(results, published_files=published)
    assert [str(column) for column in table.columns if "published" in str(column)] == ["birds published"] * 2
    assert not any("published" in str(column) for column in built(results).columns)


def test_the_name_counts_before_the_family_and_primary_before_secondary(results, tmp_path):
    lines = [
        "x,birds,,bitonic,top1,11,primary,own", "x,birds,,diffsortnets,top1,22,primary,family",
        "x,birds,,softsort,top1,33,primary,authors", "y,birds,,softsort,top1,44,secondary,hearsay",
        "x,birds,,neuralsort,top1,55,primary,first", "x,birds,,neuralsort,top1,66,primary,second",
    ]  # fmt: skip
    path = tmp_path / "published.csv"
    path.write_text("\n".join([PUBLISHED.splitlines()[0], *lines]))
    table = built(results, published_files=[path], where=["dataset=birds", "p_k=.5*"])
    shown = {row[0].text: row[4].text for row in table.rows}
    assert shown == {"bitonic": "11.00", "neuralsort": "66.00", "softsort": "33.00", "splitter_selection": "22.00"}


def test_embeddings_are_known_by_their_shape(run, tmp_path):
    record = run(0.61, dataset="mine", method="splitter_selection", p_k=[0.2] * 5)
    data = {**record.data, "n_classes": 10450, "dim": 2048}
    runs.save(tmp_path, runs.Record(**{**vars(record), "data": data}))
    table = built(tmp_path)
    assert "mine is taken for ImageNet-21K-P, embedded by ResNeXt-101 WSL head, by its classes and dimensions." in (
        table.caption
    )
    (measured, lapsum) = table.rows
    assert [cell.text for cell in measured][3:6] == ["61.00 [59.06, 62.90]", "40.22", "+20.78"]
    assert [cell.text for cell in lapsum][:2] == ["lapsum, ResNeXt-101 WSL head", ""]
    low, high = proportion_confint(0.61 * 2478, 2478, 0.05, method="wilson")
    assert measured[3].text == f"61.00 [{100 * low:.2f}, {100 * high:.2f}]"


def test_a_figure_of_another_backbone_is_compared_with_nothing(run, tmp_path):
    record = run(0.61, dataset="mine", method="splitter_selection", p_k=[0.2] * 5)
    runs.save(tmp_path, runs.Record(**{**vars(record), "data": {**record.data, "n_classes": 1000, "dim": 2048}}))
    rows = [[cell.text for cell in row] for row in built(tmp_path).rows]
    assert rows[0][:3] == ["splitter_selection", "[.2 .2 .2 .2 .2]", "1"]
    others = {row[0]: row[2:] for row in rows[1:]}
    assert others["diffsortnets, EfficientNet-L2 Noisy Student head"] == ["", "", "88.37", "", "", "", ""]
