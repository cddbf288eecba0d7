"""`topkbench diff`, as it is typed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer

from tests.report.conftest import run
from topkbench import runs
from topkbench.cli import _errors, diff

__all__ = ["run"]  # a fixture, by importing it

app = typer.Typer()
diff.register(app)
NAMES = [*(f"per_metric_top{k}" for k in (1, 5, 10, 20)), "best_top1", "last"]


@pytest.fixture
def call(tmp_path, capsys, monkeypatch, run):
    """Run the command beside two runs: `softsort-0`, whose top-1 is 60 %, and `bitonic-1` of 62.5 %."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPKBENCH_RESULTS", raising=False)
    ranks = {"softsort": np.array([1, 2, 9, 1]), "bitonic": np.array([1, 1, 1, 7])}
    entry = {"epoch": 1, "step": 1, "loss": 2.5, "valid": {"top1": 0.5}, "test": None}
    for method, seed, top1 in (("softsort", 0, 0.6), ("bitonic", 1, 0.625)):
        record = replace(run(top1, method=method, seed=seed), history=[{**entry, "loss": top1}])
        runs.save(tmp_path / "results", record, dict.fromkeys(NAMES, ranks[method]))

    def run_(*arguments: object) -> tuple[int, str, str]:
        code = _errors.run(app, list(map(str, arguments)))
        return (code, *capsys.readouterr())

    return run_


def test_tables_of_what_differs_and_of_the_results(call):
    code, out, err = call("soft", "bit")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[:2] == ["A: results/wordnet826/softsort-0", "B: results/wordnet826/bitonic-1"]
    assert "config method softsort bitonic" in lines
    assert "config seed 0 1" in lines
    assert "per_metric top-1 60.00 62.50 +2.50 1 2" in lines
    assert "last top-5 80.00 82.50 +2.50 1 1" in lines
    assert lines[-1] == "The results differ first at evaluation 1 (epoch 1, step 1): loss 0.6 → 0.625 (+0.025)."


def test_json_is_one_document(call):
    code, out, _ = call("soft", "bit", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["a"] == {
        "run_id": "softsort-0", "dataset": "wordnet826", "status": "done", "folder": "results/wordnet826/softsort-0",
    }  # fmt: skip
    assert document["differences"]["config"] == {"method": ["softsort", "bitonic"], "seed": [0, 1]}
    assert document["scores"][0]["points"] == pytest.approx(2.5)
    assert document["first_difference"]["figure"] == "loss"


def test_a_copied_run_is_found_by_its_path_and_is_the_same(call):
    shutil.copytree("results/wordnet826/softsort-0", "elsewhere/copy")
    code, out, _ = call("softsort-0", "elsewhere/copy")
    assert code == 0
    assert "B: elsewhere/copy" in out
    assert "No difference in settings, data or environment." in out
    assert out.endswith("The same result: every evaluation and what is selected.\n")


def test_runs_without_ranks_and_without_results(call, run):
    failed = run(None, method="neuralsort", status="failed")
    runs.save(Path("results"), failed)
    code, out, _ = call("soft", "neural")
    assert code == 0
    assert "Rows are not counted: results/wordnet826/neuralsort-0/ranks.npz does not exist" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "run status done failed" in lines
    assert "last top-1 60.00 n/a n/a n/a n/a" in lines
    assert call("neural", "neural")[1].endswith("No result to compare: the runs are not done.\n")


def test_no_such_run(call):
    code, out, err = call("soft", "bitnic")
    assert (code, out) == (2, "")
    assert err == "error: no run 'bitnic' in results; did you mean 'wordnet826/bitonic-1'?\n"
