"""`topkbench sweep` and `status` as a user runs them: exit codes, what is printed, and what a kill leaves."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
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
    assert done.stdout == "grid.toml on blobs: 12 of 12 runs done; see: topkbench report\n"
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


def test_what_a_users_loss_says_and_does_stays_out_of_the_results(topkbench, blobs, tmp_path):
    """One prints; one would end the program, as if all were well."""
    (tmp_path / "prints.py").write_text(
        "from topkbench.losses.softmax_cross_entropy import Loss as Softmax\nfrom dataclasses import dataclass\n"
        "@dataclass(frozen=True)\nclass Loss(Softmax):\n    def __call__(self, *a, **k):\n"
        "        print('HELLO')\n        return super().__call__(*a, **k)\n"
    )
    (tmp_path / "exits.py").write_text(
        (tmp_path / "prints.py").read_text().replace("print('HELLO')", "__import__('sys').exit(0)")
    )
    (tmp_path / "s.toml").write_text("method = ['bitonic', './prints.py', './exits.py']\nn_epochs = 1\nbatch_size = 50")
    done = topkbench("sweep", "s.toml", "--data", blobs, "--json")
    statuses = json.loads(done.stdout)["runs"]
    assert done.returncode == 3
    assert sorted(statuses.values()) == ["done", "done", "failed"]
    assert [run_id.partition("-")[0] for run_id, status in statuses.items() if status == "failed"] == ["exits"]
    assert "HELLO" in done.stderr
    assert topkbench("train", "--data", blobs, "--method", "./exits.py").returncode == 3


def test_a_machine_without_a_gpu_can_look_and_write_scripts(topkbench, blobs, tmp_path):
    (tmp_path / "s.toml").write_text("method = 'bitonic'\ndevice = 'cuda'")
    assert topkbench("status", "s.toml", "--data", blobs).returncode == 0
    script = topkbench("sweep", "s.toml", "--data", blobs, "--executor", "script", "--workers", "2")
    assert (script.returncode, script.stdout) == (0, "s.sbatch\n")
    assert topkbench("sweep", "s.toml", "--data", blobs).returncode == 2


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
        (["grid.toml", "--share", "1/2", "--workers", "3"], "--share is one worker's part"),
        (["grid.toml", "--share", "1/2", "--executor", "script"], "leave out --executor script"),
        (["grid.toml", "--json", "--executor", "script"], "--json has no effect with --executor script"),
        (["grid.toml", "--seeds", ""], 'seeds = ""'),
        (["grid.toml", "--seeds", "1", "--set", "seed=7"], "--seeds 1 and --set say the same"),
        (["grid.toml", "--set", "label_noise=0.1", "--set", "noise=siblings"], "these data have no class tree"),
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


LASTING = 'method = "bitonic"\nnloglr = [1, 2]\nn_epochs = 100000\nbatch_size = 50'


@contextlib.contextmanager
def two_lasting_workers(blobs: Path, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", list[psutil.Process]]]:
    """A sweep, and its workers, each in the middle of its run; nobody is left at the end."""
    (folder / "s.toml").write_text(LASTING)
    command = [*START, "sweep", "s.toml", "--data", str(blobs), "--workers", "2", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, text=True, stdout=pipe, stderr=pipe) as sweep:
        deadline = time.monotonic() + 120
        while len(list(folder.glob("results/blobs/*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = psutil.Process(sweep.pid).children()
        try:
            assert len(workers) == 2
            time.sleep(1)  # into the first steps
            yield sweep, workers
        finally:
            for process in (sweep, *workers):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


def told(error: str) -> list[str]:
    """What stderr holds beside the progress of a slow machine."""
    return [line for line in error.splitlines() if not line.startswith("sweep, 2 workers")]


def statuses(results: Path) -> list[str]:
    records, _ = runs.load_all(results)
    return sorted(record.status for record in records)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_workers_end_with_their_parent_and_save(blobs, tmp_path, signum, code):
    with two_lasting_workers(blobs, tmp_path) as (sweep, workers):
        sweep.send_signal(signum)
        _, error = sweep.communicate(timeout=60)
        assert sweep.returncode == code
        assert told(error) == ([] if code < 0 else ["error: interrupted"])
        assert psutil.wait_procs(workers, timeout=60)[1] == []
    assert statuses(tmp_path / "results") == ["interrupted"] * 2


def test_the_worst_worker_decides_and_the_sweep_is_concluded(blobs, tmp_path):
    with two_lasting_workers(blobs, tmp_path) as (sweep, (first, second)):
        first.kill()
        line = next(line for each in sweep.stderr for line in told(each))  # while the other goes on
        assert second.is_running()
        second.send_signal(signal.SIGINT)
        out, error = sweep.communicate(timeout=60)
    assert re.fullmatch(r"worker [12] of 2 was killed by signal 9; the same command goes on", line)
    other, last = told(error)
    assert re.fullmatch(r"worker [12] of 2 ended with 130; .*; its last line: error: interrupted", other)
    assert last.startswith("error: 2 of 2 workers ended too early; mend what is told above")
    assert sweep.returncode == 130
    assert sorted(json.loads(out)["runs"].values()) == ["interrupted", "missing"]


def test_names_that_only_slurm_cannot_read(topkbench, blobs, tmp_path):
    text = 'method = "bitonic"\nn_epochs = 1\nnloglr = [1, 2]\nbatch_size = 50'
    for name in ("a b.c%d.toml", "-x.toml"):
        (tmp_path / name).write_text(text)
    common = ("--data", blobs, "--results", "o'brien", "--workers", "2")
    done = topkbench("sweep", *common, "--", "-x.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == """-x.toml on blobs: 2 of 2 runs done; see: topkbench report --results 'o'"'"'brien'\n"""
    assert len(list((tmp_path / "o'brien" / "_sweeps" / "blobs" / "-x").iterdir())) == 2
    # all is done: nobody is started, wherever
    for executor in ("local", "slurm"):
        done = topkbench("sweep", "a b.c%d.toml", *common, "--executor", executor, PATH="/nowhere")
        assert (done.returncode, done.stderr) == (0, "")
    done = topkbench("sweep", "a b.c%d.toml", *common, "--seeds", "7")
    assert (done.returncode, done.stderr) == (0, "")
    refused = topkbench("sweep", "a b.c%d.toml", *common, "--seeds", "8", "--executor", "script")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "confuse SLURM" in refused.stderr


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 8])
def test_a_sweep_killed_twenty_times(topkbench, blobs, grid, tmp_path, workers):
    whole = histories(undisturbed(topkbench, blobs, tmp_path))
    assert histories(killed_and_continued(blobs, tmp_path, kills=20, workers=workers, seed=workers)) == whole
