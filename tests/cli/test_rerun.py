"""`topkbench rerun`, as it is typed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from tests.test_train import run
from topkbench import runs
from topkbench.cli import _errors, rerun
from topkbench.errors import RunError

app = typer.Typer()
rerun.register(app)


@pytest.fixture
def call(tmp_path, capsys, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    """Run the command in the folder of the results; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for name in ("TOPKBENCH_RESULTS", "TOPKBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run_(*arguments: object) -> tuple[int, str, str]:
        code = _errors.run(app, list(map(str, arguments)))
        return (code, *capsys.readouterr())

    return run_


@pytest.fixture
def record(blobs, tmp_path) -> runs.Record:
    return run(blobs, tmp_path / "results")


def spoil(record: runs.Record, **changed: object) -> None:
    history = [dict(entry) for entry in record.history]
    history[1]["loss"] = 0.5
    runs.save(Path("results"), replace(record, history=history, **changed), force=True)


def test_the_same_result(call, record, blobs):
    code, out, err = call("soft", "--data", blobs)
    assert (code, err) == (0, "")
    assert (
        out
        == f"{record.run_id} on blobs: the same result, all {len(record.history)} evaluations and what is selected\n"
    )


def test_a_process_of_its_own(topkbench, blobs):
    quick = ("--n-epochs", "1", "--batch-size", "50", "--hidden-dims", "8", "--method", "softsort", "--p-k", "0", "1")
    trained = topkbench("train", "--data", blobs, *quick)
    done = topkbench("rerun", "softsort", TOPKBENCH_DATA=str(blobs))
    assert (trained.returncode, done.returncode, done.stderr) == (0, 0, "")
    assert "the same result" in done.stdout


def test_another_result_exits_3_and_says_where(call, record, blobs):
    spoil(record, environment={**record.environment, "torch": "1.0"})
    code, out, err = call(record.run_id, "--data", blobs)
    assert (code, out) == (3, "")
    entry = record.history[1]
    by = entry["loss"] - 0.5
    assert err == (
        f"error: {record.run_id} on blobs: another result, first at evaluation 2 (epoch {entry['epoch']}, step "
        f"{entry['step']}): loss 0.5 → {entry['loss']} ({by:+.3g}); since then torch 1.0 → "
        f"{record.environment['torch']}; the record stays as it was; --force replaces it\n"
    )


def test_force_replaces_and_still_says_so(call, record, blobs):
    spoil(record)
    code, _, err = call(record.run_id, "--data", blobs, "--force")
    assert code == 3
    assert err.endswith(f"; in the same environment; the new record is in results/blobs/{record.run_id}\n")
    assert runs.load(Path("results/blobs") / record.run_id).history == record.history
    code, out, _ = call(record.run_id, "--data", blobs, "--force")
    assert code == 0
    assert out.endswith(f"   results/blobs/{record.run_id}\n")


def test_json_holds_the_new_record(call, record, blobs):
    spoil(record)
    code, out, err = call(record.run_id, "--data", blobs, "--json")
    document = json.loads(out)
    assert code == 3
    assert "another result" in err
    assert (document["run_id"], document["dataset"]) == (record.run_id, "blobs")
    assert (document["same"], document["environment"], document["folder"]) == (False, {}, None)
    assert document["difference"]["values"] == [0.5, record.history[1]["loss"]]
    assert document["record"]["history"] == record.history
    code, out, err = call(record.run_id, "--data", blobs, "--json", "--force")  # one JSON document, whatever is found
    assert json.loads(out)["folder"] == f"results/blobs/{record.run_id}"


def test_a_run_that_was_interrupted(call, record, blobs):
    cut = replace(record, status="interrupted", history=record.history[:2], selected={})
    runs.save(Path("results"), cut, force=True)
    code, out, _ = call(record.run_id, "--data", blobs)
    assert code == 0
    told = "done; its record, interrupted, had 2 evaluations, which are the same   results/blobs/"
    assert told in out


def test_a_run_that_diverges_again_exits_3(call, blobs):
    with pytest.raises(RunError):
        run(blobs, Path("results"), nloglr=-10.0, hidden_dims=(8, 8, 8, 8))
    code, out, err = call("softmax", "--data", blobs)
    assert (code, out) == (3, "")
    assert "on blobs: diverged: loss or weights are not finite" in err
    assert err.endswith("; its record says so, too\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sofmax"], "no run 'sofmax' in results; did you mean 'blobs/softmax_cross_entropy-"),
        (["soft", "--method", "./my_loss.py"], "leave it out"),
        (["soft", "--device", "tpu"], "tpu"),
        ([], "RUN_ID"),
    ],
)
def test_refusals_are_one_line_and_exit_2(call, record, blobs, arguments, message):
    code, out, err = call(*arguments, "--data", blobs)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err


def test_other_data_exit_2(call, record, demo):
    code, _, err = call("soft", "--data", demo)
    assert code == 2
    assert f"{record.data['checksum']}; give --data the file blobs.h5 as it was then" in err
