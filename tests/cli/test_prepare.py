"""`topkbench prepare` and `topkbench info`, as they are typed: exit codes, stdout, stderr, and what a kill leaves."""

import json
import os
import pty
import random
import signal
import subprocess
import sys
import termios
import time

import h5py
import numpy as np
import pytest

from topkbench import store
from topkbench.cli import _errors, _progress, app

RUN = "from topkbench.cli import main; main()"
# A disk slow enough to be caught in the act: 30 MB take a second.
SLOWLY = "import os, time; fast = os.pwrite; os.pwrite = lambda *a: (time.sleep(.03), fast(*a))[1]; " + RUN


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder; give its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def ran(*arguments):
        code = _errors.run(app, [str(a) for a in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ran


def save(path, rows=60, dim=4, **changed):
    labels = np.arange(rows) % 3
    x = np.random.default_rng(0).standard_normal((rows, dim), np.float32)
    arrays = {"train_embeddings": x, "train_labels": labels, "test_embeddings": x[:6], "test_labels": labels[:6]}
    with path.open("wb") as file:
        np.savez(file, **{key: a for key, a in {**arrays, **changed}.items() if a is not None})
    return path


def test_bare_prepares_the_demo_and_then_is_done(run, tmp_path):
    code, out, err = run("prepare")
    assert (code, out) == (0, "data/wordnet826.h5\n")
    assert "demo" in err
    assert "text, not images" in err
    found = store.open_store(tmp_path / "data" / "wordnet826.h5")
    assert (found.n_classes, found.dim, len(found.splits["train"].labels)) == (826, 128, 9908)
    code, out, err = run("prepare")
    assert (code, out) == (0, "")
    assert "all done" in err


def test_a_dump_by_name(run, tmp_path):
    save(tmp_path / "a.npz")
    assert run("prepare", "a.npz") == (0, "data/a.h5\n", "")
    assert run("prepare", "a.npz") == (0, "data/a.h5\n", "already prepared: data/a.h5\n")
    assert run("prepare", "a.npz", "--out", "b.hdf5")[:2] == (0, "b.hdf5\n")
    code, out, err = run("prepare", "a.npz", "--dtype", "float16")
    assert (code, out) == (2, "")
    assert "--overwrite" in err
    assert run("prepare", "a.npz", "--dtype", "float16", "--overwrite")[0] == 0


def test_json(run, tmp_path):
    save(tmp_path / "a.npz")
    code, out, _ = run("prepare", "a.npz", "--json")
    (found,) = json.loads(out)
    assert code == 0
    assert found == {
        "path": "data/a.h5",
        "rows": {"train": 60, "test": 6},
        "classes": 3,
        "dim": 4,
        "dtype": "float32",
        "checksum": store.open_store(tmp_path / "data" / "a.h5").checksum,
    }


def test_map_and_test_fraction(run, tmp_path):
    x = np.random.default_rng(0).standard_normal((60, 4), np.float32)
    with (tmp_path / "a.npz").open("wb") as file:
        np.savez(file, layer4=x, kind=np.arange(60) % 3)
    arguments = ["prepare", "a.npz", "--map", "train_embeddings=layer4", "--map", "train_labels=kind"]
    code, _, err = run(*arguments)
    assert code == 2
    assert "--test-fraction .1" in err
    assert run(*arguments, "--test-fraction", ".1", "--split-seed", "3")[0] == 0
    assert len(store.open_store(tmp_path / "data" / "a.h5").splits["test"].labels) == 6


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nan.npz"], 4, "2 rows hold NaN or infinite values"),
        (["float.npz"], 4, "not integers"),
        (["evil.pkl"], 5, "evil.pkl"),
        (["text.txt"], 2, "text.txt"),
        (["none.pt"], 2, "none.pt"),
        (["nan.npz", "--map", "train_labels"], 2, "ROLE=KEY"),
        (["nan.npz", "--map", "=x"], 2, "ROLE=KEY"),
        (["nan.npz", "--dtype", "int8"], 2, "int8"),
        (["nan.npz", "--classes", "imagenet"], 2, "imagenet-1k"),
        (["nan.npz", "--out", "x.pt"], 2, ".h5"),
        (["--out", "x.h5"], 2, "--out needs"),
        (["whole.npz", "--hierarchy", "cifar-10"], 2, "did you mean 'cifar-100'?"),
        (["whole.npz", "--hierarchy", "circle.csv"], 4, "circle.csv, line 4: 'a' with parent 'a' is part of a circle"),
        (["whole.npz", "--hierarchy", "cifar-100"], 4, "cifar-100: 3 of 3 classes are in no line"),
        (
            ["whole.npz", "--hierarchy", "lopsided.npy"],
            4,
            "lopsided.npy, row 0, column 1 (from 0): 1.0, but 0.0",
        ),
        (["whole.npz", "--hierarchy", "objects.npy"], 5, "objects.npy holds Python objects"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run, tmp_path, arguments, code, message):
    x = np.zeros((60, 4), np.float32)
    x[[3, 9], 1] = np.nan
    save(tmp_path / "nan.npz", train_embeddings=x)
    save(tmp_path / "float.npz", train_labels=np.zeros(60))
    (tmp_path / "evil.pkl").write_bytes(b"\x80\x02cos\nsystem\nX\x0a\x00\x00\x00touch evil\x85R.")
    (tmp_path / "text.txt").write_text("hello")
    save(tmp_path / "whole.npz")
    (tmp_path / "circle.csv").write_text("0,a\n1,a\n2,a\na,a\n")
    np.save(tmp_path / "lopsided.npy", np.triu(np.ones((3, 3)), 1))
    np.save(tmp_path / "objects.npy", np.zeros((3, 3), object))
    got, out, err = run("prepare", *arguments)
    assert (got, out) == (code, "")
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert message in err
    assert not [*tmp_path.rglob("*.h5*"), *tmp_path.rglob("evil")]


def test_info(run, tmp_path):
    save(tmp_path / "a.npz")
    run("prepare", "a.npz")
    for file in ("a.npz", "data/a.h5"):
        code, out, err = run("info", file)
        assert (code, err) == (0, "")
        assert "60 × 4" in out
        assert "train_embeddings" in out
    code, out, err = run("info", "data/a.h5", "--verify", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["verified"] is True


def test_a_hierarchy(run, tmp_path):
    save(tmp_path / "a.npz", class_names=np.array(["cat", "dog", "oak"]))
    (tmp_path / "tree.json").write_text('{"cat": "pet", "dog": "pet", "pet": "being", "oak": "being"}')
    assert run("prepare", "a.npz")[0] == 0
    assert "hierarchy: none\n" in run("info", "data/a.h5")[1]
    assert run("prepare", "a.npz", "--hierarchy", "tree.json", "--overwrite")[:2] == (0, "data/a.h5\n")
    told = "hierarchy: nodes 5, edges 4, depth 2, classes above others 0, distance (min 2, mean 2.667, max 3)\n"
    assert told in run("info", "data/a.h5")[1]
    assert json.loads(run("info", "data/a.h5", "--json")[1])["hierarchy"]["classes_above_others"] == 0
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["a.h5"]  # who tells of it writes nothing


def test_info_verify_finds_damage(run, tmp_path):
    save(tmp_path / "a.npz")
    run("prepare", "a.npz")
    path = tmp_path / "data" / "a.h5"
    with h5py.File(path, "r+") as file:
        file["test/embeddings"][2, 1] += 1
    assert run("info", path)[0] == 0
    code, out, err = run("info", path, "--verify")
    assert (code, out) == (4, "")
    assert "block 0 of test/embeddings" in err


def test_info_verify_of_a_dump(run, tmp_path):
    save(tmp_path / "a.npz")
    code, _, err = run("info", "a.npz", "--verify")
    assert code == 2
    assert "topkbench prepare" in err


# ---- progress


def test_progress_off_a_terminal_is_a_line_now_and_then(capsys, monkeypatch):
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    with _progress.progress(8_000_000, "B", "copying") as bar:
        for i in range(4):
            bar.advance(2_000_000, note=f"loss {i}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "copying: 50%, 4.00M of 8.00M, 100kB/s, 00:40 left, loss 1",
        "copying: 100%, 8.00M of 8.00M, 100kB/s, 00:00 left, loss 3",
    ]


def test_progress_on_a_terminal_is_a_bar():
    """A terminal of its own: the bar is drawn on it, and is gone when the work is done."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    code = (
        "import time; from topkbench.cli._progress import note, progress\n"
        "with progress(3, 'step', 'training') as bar:\n"
        "    for i in range(3): time.sleep(.15); bar.advance(1, note=f'loss {i}'); note(f'epoch {i}')\n"
    )
    subprocess.run([sys.executable, "-c", code], stderr=slave, check=True)
    os.close(slave)
    drawn = os.read(master, 100_000).decode()
    os.close(master)
    assert "training" in drawn
    assert "loss 2" in drawn
    assert "epoch 1" in drawn


# ---- processes


def start(folder, code=SLOWLY):
    return subprocess.Popen(
        [sys.executable, "-c", code, "prepare", "big.npz"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path):
    end = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size > 1e6):
        assert time.monotonic() < end
        time.sleep(0.005)


def kill_at_random_moments(folder, times, seed):
    save(folder / "big.npz", rows=7_500, dim=1000)
    out, left = folder / "data" / "big.h5", folder / "data" / "big.h5.partial"
    rng = random.Random(seed)
    for _ in range(times):
        process = start(folder)
        wait_for(left)
        time.sleep(rng.uniform(0, 1))
        process.kill()
        process.communicate()
        if out.exists():  # then it is whole: the kill came after the rename
            store.verify(out)
            out.unlink()
        else:
            assert left.exists()
    process = start(folder, RUN)
    assert process.communicate() == ("data/big.h5\n", "")
    assert process.returncode == 0
    store.verify(out)
    assert not left.exists()


def test_killed_at_three_moments(tmp_path):
    kill_at_random_moments(tmp_path, 3, seed=0)


@pytest.mark.long
def test_killed_at_twenty_moments(tmp_path):
    kill_at_random_moments(tmp_path, 20, seed=1)


def test_ctrl_c_and_a_second_prepare(tmp_path):
    save(tmp_path / "big.npz", rows=7_500, dim=1000)
    first = start(tmp_path)
    wait_for(tmp_path / "data" / "big.h5.partial")
    second = start(tmp_path)
    assert "another prepare is writing" in second.communicate()[1]
    assert second.returncode == 2
    first.send_signal(signal.SIGINT)
    assert first.communicate()[0] == ""
    assert first.returncode == 130
    assert not [*(tmp_path / "data").iterdir()]
