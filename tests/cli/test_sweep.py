"""`topkbench sweep` and `status` as a user runs them: exit codes, what is printed, and what a kill leaves."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import ENVIRONMENT, START
from tests.sweep.conftest import GRID
from topkbench import runs


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def histories(results: Path) -> dict[str, tuple[object, object]]:
    """What came of every run; nothing may be torn, and no temporary may be left."""
    records, skipped = runs.load_all(results)
    assert skipped == []
    assert [str(path) for path in results.rglob("*.partial")] == []
    for record in records:
        if record.status == "done":
            runs.load_ranks(runs.folder(results, record.data["name"], record.run_id))
    return {record.run_id: (record.history, record.selected) for record in records if record.status == "done"}


def test_a_sweep_from_plan_to_end(topkbench, blobs, grid, tmp_path):
    common = ("grid.toml", "--data", blobs)
    plan = topkbench("sweep", *common, "--dry-run")
    assert (plan.returncode, plan.stderr) == (0, "")
    assert "12 runs on blobs: 0 done, 0 failed; 12 to train in 1 pass: at most " in plan.stdout
    assert not (tmp_path / "results").exists()
    status = topkbench("status", *common)
    assert [line.split() for line in status.stdout.splitlines()][-1] == ["all", "12", "0", "0", "0", "12"]
    done = topkbench("sweep", *common)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "grid.toml on blobs: 12 of 12 runs done; see 'topkbench report'\n"
    again = json.loads(topkbench("sweep", *common, "--json").stdout)
    assert set(again["runs"].values()) == {"done"}
    foretold = json.loads(topkbench("sweep", *common, "--dry-run", "--json").stdout)
    assert (foretold["passes"], foretold["bytes_to_read"]) == ([], 0)
    status = topkbench("status", *common)
    assert ["neuralsort", "4", "4", "0", "0", "0"] in [line.split() for line in status.stdout.splitlines()]
    assert topkbench("report", "--json").returncode == 0


def test_seeds_and_options_in_place_of_the_specifications(topkbench, blobs, grid):
    found = topkbench(
        "sweep",
        "grid.toml",
        "--data",
        blobs,
        "--seeds",
        "5",
        "--set",
        "n_epochs=1",
        "--set",
        "nloglr=[2, 2.5]",
        "--json",
    )
    assert found.returncode == 0
    assert len(json.loads(found.stdout)["runs"]) == 10  # 2 rates of softmax and of 2 methods × 2 P_K
    records, _ = runs.load_all(Path("results"))
    assert {(r.config["seed"], r.config["n_epochs"]) for r in records} == {(5, 1)}


def test_a_failed_run_ends_with_3_and_is_told_by_status(topkbench, blobs, tmp_path):
    (tmp_path / "broken.py").write_text(
        "from dataclasses import dataclass\nfrom topkbench.losses import Method\n@dataclass(frozen=True)\n"
        "class Loss(Method):\n    def __call__(self, logits, target, problem=None):\n        raise OSError('no luck')\n"
    )
    (tmp_path / "s.toml").write_text("method = ['./broken.py', 'bitonic']\nn_epochs = 1\nbatch_size = 50")
    done = topkbench("sweep", "s.toml", "--data", blobs)
    assert done.returncode == 3
    assert "1 of 2 runs done" in done.stdout
    assert "error: 1 of 2 runs failed: broken-" in done.stderr
    assert "--retry-failed" in done.stderr
    assert topkbench("sweep", "s.toml", "--data", blobs).returncode == 3  # it stays so
    status = topkbench("status", "s.toml", "--data", blobs)
    assert status.returncode == 0
    assert "OSError: no luck" in status.stdout
    assert "Traceback" not in status.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.toml"], "nowhere.toml does not exist"),
        (["difftopk/nothing"], "unknown preset 'difftopk/nothing'"),
        (["grid.toml", "--share", "5/4"], "is no share; give 1/4 to 4/4"),
        (["grid.toml", "--heads-per-pass", "0"], "neither a number of heads nor auto"),
        (["grid.toml", "--workers", "0"], "--workers"),
        (["grid.toml", "--seeds", "x"], 'seeds = "x"'),
        (["grid.toml", "--slurm", "cpus=3"], "--slurm has no effect with --executor local"),
        (["grid.toml", "--out", "a.sh", "--executor", "slurm"], "--out has no effect with --executor slurm"),
        (["grid.toml", "--executor", "script", "--slurm", "cpus=0"], "cpus is 0; give a whole number from 1"),
        (["grid.toml", "--executor", "slurm"], "SLURM is not on this machine"),
        (["grid.toml", "--set", "m=3"], "softmax_cross_entropy has no option 'm'"),
    ],
)
def test_refused(topkbench, blobs, grid, arguments, message):
    done = topkbench("sweep", *arguments, "--data", blobs, PATH="/nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert message in line
    assert not Path("results").exists()


def test_a_script_for_sbatch_runs_every_share(topkbench, blobs, grid, tmp_path):
    done = topkbench("sweep", "grid.toml", "--data", blobs, "--executor", "script", "--workers", "3", "--out", "a.sh")
    assert (done.returncode, done.stdout) == (0, "a.sh\n")
    for task in (1, 2, 3):
        own = {**ENVIRONMENT, "SLURM_ARRAY_TASK_ID": str(task)}
        assert subprocess.run(["bash", "a.sh"], env=own, capture_output=True, check=False).returncode == 0
    assert len(histories(tmp_path / "results")) == 12


def killed_and_continued(blobs: Path, folder: Path, kills: int, workers: int, seed: int) -> Path:
    """Kill the sweep, with all its workers, so many times, each at a random moment; then let it end."""
    results, random_ = folder / "killed", random.Random(seed)
    command = [*START, "sweep", "grid.toml", "--data", str(blobs), "--results", str(results)]
    command += ["--heads-per-pass", "3", "--workers", str(workers)]
    quiet = {"cwd": folder, "env": ENVIRONMENT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for _ in range(kills):
        with subprocess.Popen(command, start_new_session=True, **quiet) as sweep:
            time.sleep(random_.uniform(2, 7))
            os.killpg(sweep.pid, signal.SIGKILL)
    assert subprocess.run(command, **quiet, check=False).returncode == 0
    return results


def undisturbed(topkbench, blobs: Path, folder: Path) -> Path:
    assert topkbench("sweep", "grid.toml", "--data", blobs, "--results", folder / "whole").returncode == 0
    return folder / "whole"


def test_a_killed_sweep_goes_on_and_comes_to_the_same(topkbench, blobs, grid, tmp_path):
    whole = histories(undisturbed(topkbench, blobs, tmp_path))
    assert len(whole) == 12
    assert histories(killed_and_continued(blobs, tmp_path, kills=3, workers=1, seed=0)) == whole


def test_two_workers_come_to_the_same(topkbench, blobs, grid, tmp_path):
    whole = histories(undisturbed(topkbench, blobs, tmp_path))
    assert histories(killed_and_continued(blobs, tmp_path, kills=0, workers=2, seed=0)) == whole
    logs = sorted(path.name for path in (tmp_path / "killed" / "_sweeps").rglob("*.log"))
    assert logs == ["worker-1.log", "worker-2.log"]


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 8])
def test_a_sweep_killed_twenty_times(topkbench, blobs, grid, tmp_path, workers):
    whole = histories(undisturbed(topkbench, blobs, tmp_path))
    assert histories(killed_and_continued(blobs, tmp_path, kills=20, workers=workers, seed=workers)) == whole
