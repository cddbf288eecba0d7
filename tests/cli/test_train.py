"""`topkbench train`, from the command line to the record."""

import inspect
import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ENVIRONMENT, START
from topkbench import runs, training_options
from topkbench.cli import train

QUICK = ("--n-epochs", "2", "--nloglr", "2", "--batch-size", "50")


def test_p_k_reaches_the_loss(topkbench, blobs):
    done = topkbench("train", "--data", blobs, "--method", "bitonic", "--p-k", ".5", "0", ".5", *QUICK, "--json")
    record = json.loads(done.stdout)
    assert record["config"]["p_k"] == [0.5, 0.0, 0.5]
    assert record["config"]["n_epochs"] == 2
    assert record["origin"]["p_k"] == record["origin"]["n_epochs"] == "user"


def test_every_option_reaches_the_record(topkbench, blobs):
    options = {
        "--seed": 3, "--m": "none", "--inverse-temperature": 2, "--distribution": "logistic_phi", "--art-lambda": 0.25,
        "--top1-mode": "smce", "--valid-size": 100, "--eval-every": 7, "--eval-test": "always", "--device": "cpu",
        "--residency": "mmap", "--precision": "high", "--optimizer": "sgd", "--momentum": 0.8, "--weight-decay": 1e-3,
        "--label-noise": 0.1, "--noise": "block", "--noise-block": 3, "--train-per-class": 9,
    }  # fmt: skip
    flat = [str(token) for pair in options.items() for token in pair]
    lists = [
        "--hidden-dims",
        "24",
        "20",
        "--apply-relu",
        "--apply-dropout",
        "--lr-steps",
        "2",
        "7",
        "--p-k",
        "0,1",
        "--nesterov",
    ]
    done = topkbench("train", "--data", blobs, "--method", "splitter_selection", *flat, *lists, *QUICK, "--json")
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)["config"]
    assert config == {
        "method": "splitter_selection", "p_k": [0, 1], "m": None, "top1_mode": "smce", "distribution": "logistic_phi",
        "inverse_temperature": 2, "art_lambda": 0.25, "n_epochs": 2, "nloglr": 2, "batch_size": 50, "seed": 3,
        "valid_size": 100, "hidden_dims": [24, 20], "apply_relu": True, "apply_dropout": True, "eval_every": 7,
        "eval_test": "always", "precision": "high", "device": "cpu", "residency": "mmap", "optimizer": "sgd",
        "momentum": 0.8, "nesterov": True, "weight_decay": 1e-3, "lr_steps": [2, 7], "label_noise": 0.1,
        "noise": "block", "noise_block": 3, "train_per_class": 9, "train_fraction": None,
        "cuda_graph": "auto",
    }  # fmt: skip


def test_the_flags_of_methods_are_known():
    """Messages say of every other option that it goes by --set."""
    flags = set(inspect.signature(train.train).parameters) - {*training_options.OPTIONS, *train._CONTROLS, "context"}
    assert {*flags, "method"} == set(training_options.FLAGS_OF_METHODS)


def test_set_gives_a_methods_own_option(topkbench, blobs):
    command = ("train", "--data", blobs, "--method", "bitonic", *QUICK, "--json")
    done = topkbench(*command, "--set", "m=8", "--set", "distribution=cauchy")
    config = json.loads(done.stdout)["config"]
    assert (config["m"], config["distribution"]) == (8, "cauchy")


def test_prints_one_line_and_says_when_it_is_done(topkbench, blobs):
    first, second = (topkbench("train", "--data", blobs, "--method", "softmax_cross_entropy", *QUICK) for _ in "12")
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stderr == ""
    assert first.stdout == second.stdout
    assert first.stdout.startswith("softmax_cross_entropy on blobs, seed 0: test top-1 ")
    assert second.stderr.startswith("already done: results/blobs/softmax_cross_entropy-")


def test_data_is_found(topkbench, blobs, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.h5").write_bytes(blobs.read_bytes())
    command = ("train", "--method", "softmax_cross_entropy", *QUICK)
    assert " on a, " in topkbench(*command).stdout
    (folder / "b.h5").write_bytes(blobs.read_bytes())
    several = topkbench(*command)
    assert several.returncode == 2
    assert "data/a.h5, data/b.h5" in several.stderr
    assert " on b, " in topkbench(*command, TOPKBENCH_DATA="data/b.h5").stdout


def test_an_option_that_the_method_does_not_have(topkbench, blobs):
    done = topkbench("train", "--data", blobs, "--method", "softmax_cross_entropy", "--m", "16")
    assert done.returncode == 2
    assert "softmax_cross_entropy has no option 'm'" in done.stderr
    assert not Path("results").exists()


def test_a_preset(topkbench, blobs):
    command = ("train", "--data", blobs, "--preset", "difftopk/table5-efficientnet", *QUICK, "--json")
    assert "leaves method open" in topkbench(*command).stderr
    record = json.loads(topkbench(*command, "--method", "bitonic").stdout)
    assert record["config"]["distribution"] == "logistic"
    assert record["origin"]["distribution"] == "presets/difftopk/table5-efficientnet"


def test_a_diverged_run_exits_3(topkbench, blobs):
    command = ("train", "--data", blobs, "--method", "softmax_cross_entropy", "--nloglr", "-10")
    done = topkbench(*command, "--hidden-dims", "8", "8", "8", "8")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "diverged" in done.stderr.splitlines()[-1]
    assert topkbench("report").returncode == 2


def test_interrupted_by_ctrl_c(demo, tmp_path):
    arguments = ["train", "--data", str(demo), "--method", "bitonic", "--batch-size", "50", "--n-epochs", "500"]
    process = _started(arguments, tmp_path)
    _wait_for(lambda: any((tmp_path / "results").glob("*/*")))  # its folder is made before the first step
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    (record,), skipped = runs.load_all(tmp_path / "results")
    assert (record.status, skipped) == ("interrupted", [])
    assert record.history


def kill_and_repeat(data: Path, folder: Path, after: float) -> None:
    """SIGKILL a run so long after its first sign of life; no record is torn, and the same command then succeeds."""
    arguments = ["train", "--data", str(data), "--method", "softmax_cross_entropy", *QUICK, "--n-epochs", "12"]
    process = _started(arguments, folder)
    _wait_for(lambda: any((folder / "results").glob("*/*")) or process.poll() is not None)
    time.sleep(after)
    process.kill()
    process.wait(30)
    records, skipped = runs.load_all(folder / "results")
    assert skipped == []
    assert all(record.status == "done" for record in records)
    assert _started(arguments, folder).wait(120) == 0
    (record,), skipped = runs.load_all(folder / "results")
    assert record.status == "done"
    assert len(runs.load_ranks(runs.folder(folder / "results", data.stem, record.run_id))) == 12
    assert not list(folder.rglob("*.partial"))


@pytest.mark.parametrize("at", range(3))
def test_killed(blobs, tmp_path, at):
    kill_and_repeat(blobs, tmp_path, random.Random(at).uniform(0, 1))


@pytest.mark.long
@pytest.mark.parametrize("at", range(20))
def test_killed_at_20_moments(blobs, tmp_path, at):
    kill_and_repeat(blobs, tmp_path, random.Random(100 + at).uniform(0, 1.5))


def _wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def _started(arguments: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*START, *arguments], cwd=folder, env=dict(ENVIRONMENT), stdout=quiet, stderr=quiet)
