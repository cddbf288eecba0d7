"""The doctor's findings, on healthy and on damaged ground."""

from topkbench import doctor, runs


def findings(*arguments, **options):
    return {finding.check: finding for finding in doctor.examine(*arguments, **options)}


def test_healthy(blobs, tmp_path):
    found = findings([blobs], tmp_path / "results")
    assert all(finding.verdict != "bad" for finding in found.values())
    assert {"versions", "device", "memory", "disk", "locks", "records", "data", "baseline"} == found.keys()
    assert "30 classes, 16 dimensions" in found["data"].detail
    assert "after 40 steps" in found["baseline"].detail  # 20 epochs of 2 batches of 500
    assert not (tmp_path / "results").exists()


def test_damaged_data(blobs, tmp_path):
    torn = tmp_path / "torn.h5"
    torn.write_bytes(blobs.read_bytes()[:-5000])
    found = findings([torn], tmp_path, baseline=False)
    assert found["data"].verdict == "bad"
    assert "torn.h5" in found["data"].detail


def test_no_data_and_a_torn_record(tmp_path):
    home = tmp_path / "set" / "run"
    home.mkdir(parents=True)
    (home / runs.RECORD).write_text("{")
    found = findings([], tmp_path)
    assert found["data"].detail == "no prepared data; run: topkbench prepare"
    assert found["records"].verdict == "note"
    assert "record.json" in found["records"].detail


def test_the_baseline_ends_when_its_time_is_up(blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "BASELINE_SECONDS", -1.0)
    assert "after 1 steps" in findings([blobs], tmp_path)["baseline"].detail
