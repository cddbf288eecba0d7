"""Hostile and broken dumps through the whole program: §2's exit code, one line, nothing executed, nothing left."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.dumps.hostile import cases
from topkbench.cli import _errors, app

HOSTILE = {name: (write, error) for name, write, error in cases()}
X, Y = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32), np.arange(40) % 4
GOOD = {"train_embeddings": X, "train_labels": Y, "test_embeddings": X[:8], "test_labels": Y[:8]}
NAN = np.where(np.arange(40)[:, None] == 7, np.nan, X).astype(np.float32)

# What is wrong, its cure's exit code, and what the line must say.
BROKEN = {
    "labels as floats": (GOOD | {"train_labels": Y + 0.5}, 4, "train labels are float64, not integers"),
    "a negative label": (GOOD | {"train_labels": Y - 1}, 4, "train label -1 of row 0 is out of range"),
    "a label of two thousand million": (GOOD | {"train_labels": np.where(Y == 3, 2**31 - 2, Y)}, 4, "2147483646"),
    "counts that disagree": (GOOD | {"train_labels": Y[:-1]}, 4, "39"),
    "a row of NaN": (GOOD | {"train_embeddings": NAN}, 4, "1 rows hold NaN"),
    "no train split": ({k: v for k, v in GOOD.items() if k.startswith("test")}, 2, "--map train_embeddings=KEY"),
    "no test split": ({k: v for k, v in GOOD.items() if k.startswith("train")}, 2, "--test-fraction .1"),
    "two dimensions": (GOOD | {"test_embeddings": X[:8, :5]}, 4, "5"),
    "an empty dict": ({}, 2, "train"),
}


def prepare(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = _errors.run(app, ["prepare", str(path), "--out", str(path.parent / "out.h5")])
    out, err = capsys.readouterr()
    assert out == ""
    return code, err


def refused(path: Path, code: int, capsys: pytest.CaptureFixture[str]) -> str:
    found, err = prepare(path, capsys)
    assert found == code, err
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert err.endswith(line + "\n")
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no store, no partial file, no canary
    return line


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name, tmp_path, capsys):
    write, error = HOSTILE[name]
    write(tmp_path / "dump")
    assert "dump" in refused(tmp_path / "dump", error.exit_code, capsys)


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name, tmp_path, capsys):
    arrays, code, message = BROKEN[name]
    torch.save({key: torch.from_numpy(array) for key, array in arrays.items()}, tmp_path / "dump.pt")
    assert message in refused(tmp_path / "dump.pt", code, capsys)


def test_the_good_one_is_not_refused(tmp_path, capsys):
    np.savez(tmp_path / "dump.npz", **GOOD)
    assert _errors.run(app, ["prepare", str(tmp_path / "dump.npz"), "--out", str(tmp_path / "out.h5")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out.h5'}\n"


@pytest.mark.parametrize("zipped", [True, False])
def test_cut_at_50_places(zipped, tmp_path, capsys):
    path = tmp_path / "dump.pt"
    torch.save({k: torch.from_numpy(v) for k, v in GOOD.items()}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for size in np.random.default_rng(0).integers(0, len(whole), 50):
        path.write_bytes(whole[:size])
        code, _ = prepare(path, capsys)
        assert code in (2, 4, 5), size
        assert [p.name for p in tmp_path.iterdir()] == [path.name]
