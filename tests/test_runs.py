"""Records reach the disk whole or not at all, and what is no record never counts as one."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from topkbench import runs
from topkbench.errors import DataError
from topkbench.runs import Record

EVALUATION = {"top1": 0.62, "top5": 0.86, "top10": 0.9, "top20": 0.95}
DONE = Record(
    run_id="softsort-0123456789ab",
    status="done",
    error=None,
    started="2026-01-02T03:04:05+00:00",
    seconds=1.5,
    config={"method": "softsort", "p_k": [0.5, 0.5], "seed": 0},
    origin={"p_k": "user"},
    data={"name": "wordnet826", "checksum": "ab" * 32, "n_classes": 826},
    environment={"python": "3.12"},
    history=[{"epoch": 1, "step": 1, "loss": 2.5, "valid": EVALUATION, "test": None}],
    selected={rule: {"test": EVALUATION} for rule in ("per_metric", "best_top1", "last")},
)
RANKS = {"last": np.array([1, 826, 3]), "last_prediction": np.array([0, 825, 2])}
POINTS = np.array([[0.25, -1.0], [1e30, 3.0]])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_record_comes_back_as_it_was_saved(tmp_path):
    home = runs.save(tmp_path, DONE, RANKS)
    assert home == tmp_path / "wordnet826" / "softsort-0123456789ab" == runs.folder(tmp_path, "wordnet826", DONE.run_id)
    assert names(home) == {"record.json", "ranks.npz"}
    assert runs.load(home) == DONE == runs.find(tmp_path, "wordnet826", DONE.run_id)
    assert runs.load_all(tmp_path) == ([DONE], [])


def test_the_fields_of_the_file_are_those_of_the_contract():
    assert " ".join(json.loads(DONE.to_json())) == (
        "schema run_id status error started seconds config origin data environment history selected"
    )


def test_json_is_strict():
    diverged = replace(
        DONE,
        seconds=np.float64(2.0),
        config={"p_k": (0.5, np.float32(0.5)), "m": np.int64(16)},
        history=[{"loss": float("nan")}, {"loss": float("-inf")}],
    )
    document = json.loads(diverged.to_json(), parse_constant=pytest.fail)
    assert document["history"] == [{"loss": None}, {"loss": None}]
    assert document["config"] == {"p_k": [0.5, 0.5], "m": 16}
    assert document["seconds"] == 2.0


@pytest.mark.parametrize(("n_classes", "dtype"), [(65_535, np.uint16), (65_536, np.uint32)])
def test_ranks_are_as_small_as_the_classes_allow(tmp_path, n_classes, dtype):
    ranks = {"last": np.array([1, n_classes])}
    home = runs.save(tmp_path, replace(DONE, data={"name": "wide", "n_classes": n_classes}), ranks)
    loaded = runs.load_ranks(home)["last"]
    assert loaded.dtype == dtype
    assert loaded.tolist() == [1, n_classes]


def test_an_impossible_rank_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'last' are 1 to 827, not 0 to 826"):
        runs.save(tmp_path, DONE, {"last": np.array([1, 827])})


def test_ranks_that_are_missing_or_torn_are_named(tmp_path):
    with pytest.raises(DataError, match=r"ranks\.npz does not exist; run it again"):
        runs.load_ranks(tmp_path)
    (tmp_path / "ranks.npz").write_bytes(b"PK\x03\x04torn")
    with pytest.raises(DataError, match=r"ranks\.npz is torn; run it again"):
        runs.load_ranks(tmp_path)


def test_prototypes_come_back_in_float32(tmp_path):
    home = runs.save(tmp_path, DONE, RANKS, POINTS)
    assert names(home) == {"record.json", "ranks.npz", "prototypes.npz"}
    loaded = runs.load_prototypes(home)
    assert loaded.dtype == np.float32
    assert loaded.tolist() == [[0.25, -1.0], [float(np.float32(1e30)), 3.0]]
    with np.load(home / "prototypes.npz") as archive:
        assert archive.files == ["prototypes"]


def test_prototypes_take_less_room_than_their_numbers(tmp_path):
    home = runs.save(tmp_path, DONE, None, np.zeros((1000, 64)))
    assert (home / "prototypes.npz").stat().st_size < 1000 * 64


def test_prototypes_are_those_of_the_record_or_none(tmp_path):
    runs.save(tmp_path, DONE, RANKS, POINTS)
    home = runs.save(tmp_path, DONE, RANKS, 2 * POINTS)
    assert runs.load_prototypes(home)[0].tolist() == [0.5, -2.0]
    runs.save(tmp_path, replace(DONE, status="failed", selected={}))  # which does not replace one that is done
    assert runs.load_prototypes(home)[0].tolist() == [0.5, -2.0]
    runs.save(tmp_path, DONE, RANKS)
    assert names(home) == {"record.json", "ranks.npz"}


def test_prototypes_that_are_missing_or_torn_are_named(tmp_path):
    with pytest.raises(DataError, match=r"prototypes\.npz does not exist; run it again"):
        runs.load_prototypes(tmp_path)
    (tmp_path / "prototypes.npz").write_bytes(b"PK\x03\x04torn")
    with pytest.raises(DataError, match=r"prototypes\.npz is torn; run it again"):
        runs.load_prototypes(tmp_path)


# A run's name


def test_a_name_depends_on_every_setting_and_not_on_how_it_is_written():
    name = runs.run_id("softsort", {"m": 16, "nloglr": 2.0, "p_k": [0.5, 0.5]})
    assert name == runs.run_id("softsort", {"p_k": (0.5, 0.5), "nloglr": 2, "m": np.int64(16)})
    assert name != runs.run_id("softsort", {"m": 17, "nloglr": 2.0, "p_k": [0.5, 0.5]})
    assert name != runs.run_id("softsort", {"m": 16, "nloglr": None, "p_k": [0.5, 0.5]})
    assert len(name) == len("softsort-") + 12


def test_a_setting_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        runs.run_id("softsort", {"tau": float("nan")})


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b/c", "...", "/abs"])
def test_no_name_leads_out_of_the_results_folder(tmp_path, name):
    place = runs.folder(tmp_path, name, runs.run_id(name, {}))
    assert place.resolve().parent.parent == tmp_path.resolve()
    assert not place.name.startswith(".")


# Crashes


def crash_at(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    rename = os.replace

    def stand_in(source, target):
        if str(target).endswith(suffix):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "replace", stand_in)


@pytest.mark.parametrize("suffix", ["ranks.npz", "prototypes.npz", "record.json"])
def test_a_save_that_fails_leaves_no_record_and_no_rubbish(tmp_path, monkeypatch, suffix):
    crash_at(monkeypatch, suffix)
    with pytest.raises(DataError, match="No space left on device; choose another folder, or make room"):
        runs.save(tmp_path, DONE, RANKS, POINTS)
    assert "record.json" not in names(runs.folder(tmp_path, "wordnet826", DONE.run_id))
    assert not list(tmp_path.rglob("*.partial"))
    assert runs.load_all(tmp_path) == ([], [])


def test_a_save_that_fails_keeps_the_old_record(tmp_path, monkeypatch):
    home = runs.save(tmp_path, DONE, RANKS)
    crash_at(monkeypatch, "ranks.npz")
    with pytest.raises(DataError):
        runs.save(tmp_path, replace(DONE, seconds=9.0), {"last": np.array([7])})
    assert runs.load(home) == DONE
    assert runs.load_ranks(home)["last"].tolist() == [1, 826, 3]


def test_what_a_killed_saver_left_is_never_read_and_goes_with_the_next_save(tmp_path):
    home = runs.folder(tmp_path, "wordnet826", DONE.run_id)
    home.mkdir(parents=True)
    for name in (".record.json.1.partial", ".ranks.npz.1.partial", ".prototypes.npz.1.partial"):
        (home / name).write_text(DONE.to_json())
    assert runs.load_all(tmp_path) == ([], [])
    runs.save(tmp_path, DONE)
    assert names(home) == {"record.json"}


def test_savers_at_once_leave_one_whole_record(tmp_path):
    savers = [threading.Thread(target=runs.save, args=(tmp_path, replace(DONE, seconds=s), RANKS)) for s in range(8)]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    home = runs.folder(tmp_path, "wordnet826", DONE.run_id)
    assert runs.load(home).status == "done"
    assert names(home) == {"record.json", "ranks.npz"}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "wordnet826").write_text("a file in the way")
    with pytest.raises(DataError, match=r"cannot write in .*wordnet826.*choose another folder"):
        runs.save(tmp_path, DONE)


# Which record wins


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_that_is_done_is_not_lost_to_one_that_is_not(tmp_path, status):
    home = runs.save(tmp_path, DONE, RANKS)
    worse = replace(DONE, status=status, selected={})
    runs.save(tmp_path, worse)
    assert runs.load(home) == DONE
    assert names(home) == {"record.json", "ranks.npz"}
    runs.save(tmp_path, worse, force=True)
    assert runs.load(home) == worse
    assert names(home) == {"record.json"}  # the ranks were another record's


def test_a_run_that_is_done_replaces_any_other(tmp_path):
    runs.save(tmp_path, replace(DONE, status="failed", error="the loss is NaN", selected={}))
    home = runs.save(tmp_path, DONE)
    assert runs.load(home) == DONE


# What is no record


def spoilt(**changes: object) -> str:
    return json.dumps({**json.loads(DONE.to_json()), **changes})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is torn"),
        (DONE.to_json()[:100], "is torn"),
        ("[" * 100_000, "is torn"),
        ("\ufeff\x00", "is torn"),
        ("[1, 2]", "no schema number"),
        ('{"model": "resnet"}', "no schema number"),
        (spoilt(schema=2), "has schema 2, this topkbench reads up to 1; upgrade"),
        (spoilt(config={"method": "softsort"}), "config.p_k, config.seed missing"),
        (spoilt(data=None), "data missing or of another type"),
        (spoilt(selected={}), "selected.per_metric, selected.best_top1, selected.last missing"),
        ('{"schema": 1}', "run_id, status, error, started"),
        (spoilt(run_id="softsort-ffffffffffff"), "is a copy: its place is"),
    ],
)
def test_what_is_no_record_is_skipped_by_name(tmp_path, content, reason):
    runs.save(tmp_path, DONE)
    path = runs.folder(tmp_path, "wordnet826", "softsort-bad") / "record.json"
    path.parent.mkdir()
    path.write_text(content)
    records, skipped = runs.load_all(tmp_path)
    assert records == [DONE]
    assert [s.path for s in skipped] == [path]
    assert reason in skipped[0].reason


def test_a_torn_record_is_no_result_so_its_run_is_due(tmp_path):
    home = runs.save(tmp_path, DONE)
    (home / "record.json").write_text("{")
    assert runs.find(tmp_path, "wordnet826", DONE.run_id) is None
    with pytest.raises(DataError, match=r"record\.json: is torn"):
        runs.load(home)
    runs.save(tmp_path, replace(DONE, status="interrupted"))
    assert runs.load(home).status == "interrupted"


def test_no_folder_holds_no_records(tmp_path):
    assert runs.load_all(tmp_path / "nowhere") == ([], [])
    assert runs.find(tmp_path / "nowhere", "wordnet826", "softsort-1") is None


def test_records_need_neither_torch_nor_pandas():
    code = "import sys, topkbench.runs; print({'torch', 'pandas', 'h5py'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path):
    target, link, pipe = (tmp_path / name for name in ("target", "link", "pipe"))
    target.write_bytes(b"old")
    link.symlink_to(target)
    runs.write_atomically(link, b"new")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        runs.write_atomically(pipe, b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
