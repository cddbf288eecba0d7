"""Which run a name means."""

import shutil
from dataclasses import replace

import pytest

from tests.test_runs import DONE
from topkbench import lookup, runs
from topkbench.errors import DataError, UsageError


@pytest.fixture
def results(tmp_path):
    """Three runs, one id of which is that of runs on two data sets, and one the beginning of another."""
    for dataset, run_id in [("a", "bitonic-12"), ("b", "bitonic-12"), ("b", "bitonic-123"), ("b", "softsort-5")]:
        runs.save(tmp_path / "results", replace(DONE, run_id=run_id, data={**DONE.data, "name": dataset}))
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("softsort-5", "b/softsort-5"),
        ("so", "b/softsort-5"),
        ("a/bitonic-12", "a/bitonic-12"),
        ("a/b", "a/bitonic-12"),
        ("b/bitonic-12", "b/bitonic-12"),  # a whole name is no beginning
        ("bitonic-123", "b/bitonic-123"),
    ],
)
def test_a_whole_name_or_its_beginning(results, name, folder):
    found = lookup.find(results, name)
    assert found.folder == results / folder
    assert found.record.run_id == found.folder.name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bitonic-12", r"'bitonic-12' is the name of several runs: a/bitonic-12, b/bitonic-12; .* DATASET/RUN_ID"),
        ("b/bit", r"'b/bit' is the name of several runs: b/bitonic-12, b/bitonic-123; give more of it"),
        ("sofsort", r"no run 'sofsort' in .*results; did you mean 'b/softsort-5'\?"),
        ("a/softsort-5", r"no run 'a/softsort-5' in .*; did you mean 'b/softsort-5'\?"),
        ("quux", r"it holds a/bitonic-12, b/bitonic-12, b/bitonic-123, b/softsort-5$"),
        ("", r"no run ''"),
    ],
)
def test_no_run_or_several(results, name, message):
    with pytest.raises(UsageError, match=message):
        lookup.find(results, name)


def test_many_runs_are_counted(tmp_path):
    for number in range(13):
        runs.save(tmp_path, replace(DONE, run_id=f"bitonic-{number:02}"))
    with pytest.raises(UsageError, match=r"wordnet826/bitonic-09, and 3 more; give more"):
        lookup.find(tmp_path, "bitonic")


def test_a_folder_without_runs(tmp_path):
    with pytest.raises(UsageError, match="which holds none; start with 'topkbench train"):
        lookup.find(tmp_path / "none", "bitonic")


def test_a_path_leads_anywhere(results, tmp_path):
    shutil.copytree(results / "b/softsort-5", tmp_path / "copied")
    assert lookup.find(tmp_path / "none", str(tmp_path / "copied")).record.run_id == "softsort-5"


def test_a_torn_record_is_named(results):
    (results / "b/softsort-5/record.json").write_text("{")
    with pytest.raises(DataError, match=r"softsort-5/record\.json: is torn"):
        lookup.find(results, "softsort")
