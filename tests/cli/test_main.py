"""The program's outside: help, exit codes, one line an error."""

import subprocess
import time

import pytest
import typer

from tests.cli.conftest import ENVIRONMENT, START
from topkbench.cli import _errors
from topkbench.cli._command import repeated
from topkbench.errors import DataError, RunError, UnsafeInputError, UsageError

LISTS = ("--p-k", "--hidden-dims")


@pytest.mark.parametrize(
    ("given", "rewritten"),
    [
        ("--method a b --json", "--method a --method b --json"),
        ("--method=a,b c -h", "--method a --method b --method c -h"),
        ("--batch 5 --method ./my.py --m 8", "--batch 5 --method ./my.py --m 8"),
        ("--method --json", "--method --json"),
    ],
)
def test_names_up_to_the_next_option(given, rewritten):
    assert repeated(given.split(), (), ("--method",)) == rewritten.split()


def test_methods_lists_the_values_that_an_option_takes(topkbench):
    shown = topkbench("methods", "bitonic").stdout
    assert "distribution = logistic_phi (logistic, logistic_phi, gaussian, reciprocal, cauchy, optimal)" in shown
    assert "top1_mode = sm (sm, smce, sort)" in shown


def test_help_answers_in_half_a_second(topkbench):
    def seconds() -> float:
        start = time.perf_counter()
        assert "prepare" in topkbench("--help").stdout
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.5


@pytest.mark.parametrize(
    "command", ["prepare", "info", "train", "report", "methods", "bench", "doctor", "rerun", "diff"]
)
def test_every_command_helps_without_torch(topkbench, command):
    done = topkbench(command, "--help", PYTHONVERBOSE="1")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    assert "import 'torch" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "trian"),
        (["train", "--method"], "--method"),
        (["train", "--method", "bitonic", "surplus"], "surplus"),
        (["train", "--seed", "one"], "one"),
        (["train", "--top1-mode", "hard"], "hard"),
        (["train", "--m", "few"], "'few' is neither a whole number nor none"),
        (["train", "--p-k", ""], "--p-k"),
        (["train", "--p-k="], "--p-k"),
        (["train", "--p-k=.5,,.5"], "--p-k"),
        (["prepare", "--map", "train_labels=a", "--map", "train_labels=b"], "train_labels is mapped twice"),
        (["prepare", "--split-seed", "-1"], "--split-seed -1"),
        (["train", "--method", "bitonic"], "no prepared data in data/; run: topkbench prepare"),
        (["train", "--data", "none.h5"], "no file none.h5"),
        (["train", "--data", "none.h5", "--set", "m"], "--set m: give NAME=VALUE"),
        (["methods", "sofsort"], "unknown method 'sofsort'"),
        (["report"], "topkbench train"),
        (["rerun", "bitonic"], "no run 'bitonic' in results"),
        (["diff", "bitonic"], "RUN_B"),
        (["info", "nothing.pt"], "nothing.pt"),
        (["prepare", "nothing.pt"], "nothing.pt"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(topkbench, arguments, message):
    done = topkbench(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_debug_shows_the_traceback(topkbench):
    done = topkbench("train", "--data", "none.h5", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: no file none.h5")


def test_bare_it_helps(topkbench):
    done = topkbench()
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: topkbench ")
    assert done.stderr == ""


def test_a_reader_that_leaves_is_no_error(topkbench, tmp_path):
    program = f"{START[0]} -c '{START[2]}'"
    shell = f"{{ {program} methods splitter_selection; echo code $? >&2; }} | head -0"
    command = ["bash", "-c", shell]
    done = subprocess.run(command, cwd=tmp_path, env=dict(ENVIRONMENT), capture_output=True, text=True, check=True)
    assert done.stderr == "code 0\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("a"), 2),
        (RunError("a"), 3),
        (DataError("a"), 4),
        (UnsafeInputError("a"), 5),
        (MemoryError(), 4),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("a"), 1),
    ],
)
def test_exit_codes(error, code, capsys):
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise error

    assert _errors.run(app, []) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "given",
    [
        ["--p-k", ".5", "0", ".5", "--seed", "1"],
        ["--p-k", ".5,0,.5", "--seed", "1"],
        ["--p-k=.5,0,.5", "--seed", "1"],
        ["--p-k", ".5", "--p-k", "0", "--p-k", ".5", "--seed", "1"],
        ["--p-k=.5", "0", ".5", "--seed", "1"],
        ["--p-k", ".5, 0, .5", "--seed", "1"],
    ],
)
def test_number_lists_in_every_form(given):
    expected = ["--p-k", ".5", "--p-k", "0", "--p-k", ".5", "--seed", "1"]
    assert [token.strip() for token in repeated(given, LISTS)] == expected


def test_two_lists_and_what_follows():
    given = ["--p-k", "1e0", "-1", "nan", "--hidden-dims", "64", "32", "--force"]
    assert repeated(given, LISTS) == [
        "--p-k", "1e0", "--p-k", "-1", "--p-k", "nan", "--hidden-dims", "64", "--hidden-dims", "32", "--force"
    ]  # fmt: skip


@pytest.mark.parametrize("given", [["--p-k", "--seed", "1"], ["--p-k", ""], ["--p-k", ".5,,.5"], ["--p-k", ","]])
def test_a_list_without_a_value_is_left_to_the_parser(given):
    assert repeated(given, LISTS) == given
