"""What is left out is named."""

import subprocess
import sys

import pytest

from topkbench import report, runs
from topkbench.errors import UsageError


def test_unfinished_and_unreadable_runs_are_counted_and_named(run, tmp_path):
    runs.save(tmp_path, run())
    runs.save(tmp_path, run(seed=1, status="failed"))
    torn = runs.save(tmp_path, run(seed=2)) / "record.json"
    torn.write_text("{")
    assert report.build(tmp_path).notes == [
        f"1 run left out, unreadable: {torn}: is torn; delete its folder or run it again",
        "1 run left out: wordnet826/softsort-1 failed: ValueError: the loss is NaN",
    ]


def test_costs_that_do_not_compare_are_named(run, tmp_path):
    costs = {"average_cost": 2.0}
    for seed, hierarchy in enumerate("aab"):
        runs.save(tmp_path, run(seed=seed, costs=costs, hierarchy=hierarchy))
    assert report.build(tmp_path).notes == [
        "3 runs without costs, as other seeds have those of another hierarchy, or none: "
        "wordnet826/softsort-0; wordnet826/softsort-1; wordnet826/softsort-2"
    ]
    runs.save(tmp_path, run(seed=2, costs=costs, hierarchy="a"))
    runs.save(tmp_path, run(method="emd", status="failed", hierarchy="b"))
    assert not any("hierarchies" in note for note in report.build(tmp_path).notes)
    runs.save(tmp_path, run(method="emd", costs=costs, hierarchy="b"))
    assert report.build(tmp_path).notes == [
        "costs of wordnet826 are of 2 hierarchies: rows of unlike ones do not compare"
    ]


def test_a_long_list_is_cut(run, tmp_path):
    runs.save(tmp_path, run())
    for seed in range(1, 13):
        runs.save(tmp_path, run(seed=seed, status="interrupted"))
    (note,) = report.build(tmp_path).notes
    assert note.startswith("12 runs left out: wordnet826/softsort-1 interrupted")
    assert note.endswith("; and 2 more")


def test_nothing_left_out_is_nothing_said(run, tmp_path):
    runs.save(tmp_path, run())
    assert report.build(tmp_path).notes == []


@pytest.mark.parametrize("name", [".", "missing"])
def test_no_records_say_where_and_what_to_do(tmp_path, name):
    with pytest.raises(UsageError) as caught:
        report.build(tmp_path / name)
    where = f"{(tmp_path / name).resolve()}{', which does not exist' if name == 'missing' else ''}"
    cure = "start with 'topkbench train --method softmax_cross_entropy'"
    assert str(caught.value) == f"no finished run in {where}; {cure}"


def test_no_run_that_is_done_says_what_there_is_instead(run, tmp_path):
    runs.save(tmp_path, run(status="failed"))
    with pytest.raises(
        UsageError, match=r"no finished run in .* \(1 run left out: .* failed: ValueError: the loss is NaN\); start"
    ):
        report.build(tmp_path)


def test_the_report_needs_neither_torch_nor_rich():
    code = "import sys, topkbench.report; print({'torch', 'rich', 'typer'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
