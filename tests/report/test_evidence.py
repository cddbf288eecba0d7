"""What a report is made from: the runs that are asked for, and notes on the rest."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from tests.report import known
from topkbench import report, runs
from topkbench.errors import UsageError
from topkbench.report import gather


def test_sixty_runs_are_twelve_configurations_and_those_of_ponds_three(evidence):
    assert len(evidence.runs) == 63
    assert evidence.rows.groupby("dataset").size().to_dict() == {"birds": 12, "ponds": 3}
    for _, row in evidence.rows.iterrows():
        members = evidence.members(row["configuration"])
        assert members["seed"].tolist() == (list(known.SEEDS) if row["dataset"] == "birds" else [0])
        assert set(members["method"]) == {row["method"]}
    assert evidence.notes == []


def test_records_stand_by_the_index_of_runs(evidence):
    for at, run in evidence.runs.iterrows():
        assert evidence.records[at].run_id == run["run_id"]


@pytest.mark.parametrize(
    ("select", "lost1", "lost5"), [("per_metric", 0, 0), ("best_top1", 0, 6), ("last", 10, 10)]
)  # fmt: skip
def test_each_rule_takes_its_own_evaluation(results, select, lost1, lost5):
    """By the table LOST: of birds the last evaluation has 10 rows fewer, that of the best top-1 6 within rank 5."""
    rows = gather(results, select).rows.set_index(["dataset", "method", "p_k"])
    row = rows.loc[("birds", "softsort", known.ENDS)]
    assert row["top1_mean"] == pytest.approx((110 - lost1) / 200)
    assert row["top5_mean"] == pytest.approx((160 - lost5) / 200)
    lost = 10 if select == "last" else 0  # of per_metric costs are those of the best top-1
    assert row["error_rate_mean"] == pytest.approx(1 - (110 - lost) / 200)


# What is left out


@pytest.fixture
def spoilt(results, tmp_path):
    """Birds and ponds, a failed run, a torn record, one of the future, and another program's JSON."""
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    known.write_spoilt(folder)
    return folder


def test_what_is_no_record_is_named_and_skipped(spoilt):
    evidence = gather(spoilt)
    unreadable, failed = evidence.notes
    birds = spoilt / "birds"
    assert unreadable == (
        f"3 runs left out, unreadable: {birds}/foreign/record.json: is not a run record: it has no schema number; "
        f"{birds}/future/record.json: has schema 2, this topkbench reads up to 1; upgrade topkbench; "
        f"{birds}/torn/record.json: is torn; delete its folder or run it again"
    )
    assert failed.startswith("1 run left out: birds/bitonic-")
    assert failed.endswith(" failed: ValueError: the loss is NaN")


def test_what_is_left_out_changes_no_figure(spoilt, evidence):
    whole, without = (report.rows(found.runs).drop(columns="configuration") for found in (gather(spoilt), evidence))
    assert whole.to_json() == without.to_json()


@pytest.mark.parametrize("name", report.tables.names())
def test_no_table_minds_what_is_left_out(spoilt, name):
    if name in ("noise", "subset"):
        with pytest.raises(UsageError, match=f"nothing for --table {name}"):
            report.tables.build(name, gather(spoilt))
    else:
        assert report.tables.build(name, gather(spoilt))


def test_unfinished_and_unreadable_runs_are_counted_and_named(run, tmp_path):
    runs.save(tmp_path, run())
    runs.save(tmp_path, run(seed=1, status="failed"))
    broken = runs.save(tmp_path, run(seed=2)) / "record.json"
    broken.write_text("{")
    assert gather(tmp_path).notes == [
        f"1 run left out, unreadable: {broken}: is torn; delete its folder or run it again",
        "1 run left out: wordnet826/softsort-1 failed: ValueError: the loss is NaN",
    ]


def test_a_long_list_is_cut(run, tmp_path):
    runs.save(tmp_path, run())
    for seed in range(1, 13):
        runs.save(tmp_path, run(seed=seed, status="interrupted"))
    (note,) = gather(tmp_path).notes
    assert note.startswith("12 runs left out: wordnet826/softsort-1 interrupted")
    assert note.endswith("; and 2 more")


def test_costs_that_do_not_compare_are_named(run, tmp_path):
    costs = {"average_cost": 2.0}
    for seed, hierarchy in enumerate("aab"):
        runs.save(tmp_path, run(seed=seed, costs=costs, hierarchy=hierarchy))
    assert gather(tmp_path).notes == [
        "3 runs without costs, as other seeds have those of another hierarchy, or none: "
        "wordnet826/softsort-0; wordnet826/softsort-1; wordnet826/softsort-2"
    ]
    runs.save(tmp_path, run(seed=2, costs=costs, hierarchy="a"))
    runs.save(tmp_path, run(method="emd", status="failed", hierarchy="b"))
    assert not any("hierarchies" in note for note in gather(tmp_path).notes)
    runs.save(tmp_path, run(method="emd", costs=costs, hierarchy="b"))
    assert gather(tmp_path).notes == ["costs of wordnet826 are of 2 hierarchies: rows of unlike ones do not compare"]


# Nothing to report


@pytest.mark.parametrize("name", [".", "missing"])
def test_no_records_say_where_and_what_to_do(tmp_path, name):
    with pytest.raises(UsageError) as caught:
        gather(tmp_path / name)
    where = f"{(tmp_path / name).resolve()}{', which does not exist' if name == 'missing' else ''}"
    cure = "start with 'topkbench train --method softmax_cross_entropy'"
    assert str(caught.value) == f"no finished run in {where}; {cure}"


def test_no_run_that_is_done_says_what_there_is_instead(run, tmp_path):
    runs.save(tmp_path, run(status="failed"))
    with pytest.raises(
        UsageError, match=r"no finished run in .* \(1 run left out: .* failed: ValueError: the loss is NaN\); start"
    ):
        gather(tmp_path)


def test_conditions_that_no_run_meets_are_blamed_themselves(results):
    with pytest.raises(UsageError, match=r"no finished run in .* meets --where; ask for less"):
        gather(results, where=["method=emd"])


# As a library


def test_a_table_as_a_frame_of_plain_numbers(results):
    frame = report.table("main", results, where=["dataset=birds"], sort=["-top1"])
    assert (len(frame), frame["method"].iloc[0]) == (12, "splitter_selection")
    assert frame["top1_mean"].iloc[0] == pytest.approx(0.605)
    assert frame["top1_std"].iloc[0] == pytest.approx(2.5**0.5 / 200)
    whole = report.table("pk", results)
    assert len(whole) == 15  # both data sets, below each other
    assert json.loads(whole.to_json(orient="records"))[0]["dataset"] == "birds"


def test_the_report_needs_neither_torch_nor_rich(results):
    code = (
        "import sys; from pathlib import Path; from topkbench import report\n"
        f"report.render(report.tables.build('runs', report.gather(Path({str(results)!r}))), 'latex')\n"
        "print({'torch', 'rich', 'typer', 'matplotlib'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_records_are_only_read(results):
    def contents():
        return {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}

    before = contents()
    report.tables.every(gather(results))
    assert contents() == before


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """10,000 records of 19 KB, 75 evaluations each: five seeds of 2,000 configurations."""
    folder = tmp_path_factory.mktemp("many")
    accuracies = {"top1": 0.123456789, "top5": 0.5, "top10": 0.6, "top20": 0.7}
    evaluation = {"epoch": 3, "step": 210, "loss": 2.123456789, "valid": accuracies, "test": accuracies}
    within = known.birds("bitonic", known.UNIFORM, 0)
    record = replace(known.record("birds", "bitonic", known.UNIFORM, 0, within), history=[evaluation] * 75)
    for at in range(10_000):
        config = {**record.config, "seed": at % 5, "nloglr": at // 5 / 1000}
        text = replace(record, run_id=f"bitonic-{at:012x}", config=config).to_json()
        home = folder / "birds" / f"bitonic-{at:012x}"
        home.mkdir(parents=True)
        (home / runs.RECORD).write_text(text)
    return folder


@pytest.mark.long
def test_ten_thousand_records_load_in_five_seconds(many):
    """Or, on a slow machine, in no more than thrice the time of reading their JSON and throwing it away."""
    started = time.process_time()
    for path in many.glob("*/*/record.json"):
        json.loads(path.read_bytes())
    least = time.process_time() - started
    started = time.process_time()
    records, skipped = runs.load_all(many)
    took = time.process_time() - started
    assert (len(records), len(skipped)) == (10_000, 0)
    assert took < max(5, 3 * least), f"{took:.1f} s, of which JSON takes {least:.1f} s"


@pytest.mark.long
def test_one_torn_record_among_ten_thousand_is_named_and_skipped(many):
    torn = next(many.glob("*/*/record.json"))
    whole = torn.read_bytes()
    torn.write_bytes(whole[:1000])
    evidence = gather(many)
    assert len(evidence.runs) == 9_999
    assert evidence.notes == [f"1 run left out, unreadable: {torn}: is torn; delete its folder or run it again"]
    torn.write_bytes(whole)


def test_of_runs_that_agree_in_all_the_last_counts_whatever_the_order(run, tmp_path):
    """Two of seed 0, .5 and, a day later, .7; seed 1 has .6: mean .65 of two seeds, not of three runs."""
    for day, top1 in ((1, 0.5), (2, 0.7)):
        record = run(top1)
        again = {"run_id": f"softsort-of-day-{day}", "started": f"2026-01-0{day}T00:00:00+00:00"}
        runs.save(tmp_path, runs.Record(**{**vars(record), **again}))
    runs.save(tmp_path, run(0.6, seed=1))
    for sort in ((), ("top1",), ("-top1",)):
        evidence = gather(tmp_path, sort=sort)
        (row,) = evidence.rows.to_dict("records")
        assert (row["n_seeds"], row["top1_mean"]) == (2, pytest.approx(0.65))
        assert evidence.members(row["configuration"])["run_id"].tolist() == ["softsort-of-day-2", "softsort-1"]
    assert any("of the same settings and seed as another; of each the last counts" in note for note in evidence.notes)


def test_groups_of_unlike_data_of_one_name_both_stay(run, tmp_path):
    for checksum, top1 in (("a" * 64, 0.6), ("b" * 64, 0.45)):
        record = run(top1, checksum=checksum)
        runs.save(tmp_path, runs.Record(**{**vars(record), "run_id": f"softsort-{checksum[0]}"}))
    (lines,) = report.tables.build("runs", gather(tmp_path))
    assert [row[0].text for row in lines.rows] == ["wordnet826 (aaaaaaaa)", "wordnet826 (bbbbbbbb)"]
    for asked in ((), ("method",)):
        (table,) = report.tables.build("main", gather(tmp_path, group_by=asked))
        assert (len(table.rows), table.footnotes) == (1, {})  # side by side: nothing is missing
    groups = [column.group for column in table.columns if column.name == "top-1"]
    assert groups == ["wordnet826 (aaaaaaaa)", "wordnet826 (bbbbbbbb)"]
    (row,) = table.rows
    shown = [cell.text for column, cell in zip(table.columns, row, strict=True) if column.name == "top-1"]
    assert [text.split()[0] for text in shown] == ["60.00", "45.00"]
