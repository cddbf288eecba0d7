"""Sweeps, done: each run is the one that it would be alone, whatever happens to the others."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from topkbench import batches, runs, sweep, train
from topkbench.progress import silent
from topkbench.sweep import Plan


def work(plan: Plan, heads: int = 100, *, retry_failed: bool = False) -> list[str]:
    """Do what is left, and return what was said."""
    said: list[str] = []
    sweep.work(plan, plan.todo(plan.members, retry_failed), heads, progress=silent, note=said.append)
    return said


def results(plan: Plan) -> dict[str, tuple[object, object]]:
    records = {member.run_id: plan.record(member) for member in plan.members}
    assert all(record and record.status == "done" for record in records.values())
    return {run_id: (record.history, record.selected) for run_id, record in records.items()}


def test_every_run_of_a_pass_is_to_the_bit_what_it_is_alone(planned):
    together, alone = planned(), planned(results="alone")
    work(together)
    work(alone, heads=1)
    assert results(together) == results(alone)
    ranks = [
        [runs.load_ranks(runs.folder(plan.results, "blobs", member.run_id)) for member in plan.members]
        for plan in (together, alone)
    ]
    for one, other in zip(*ranks, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert {plan.record(plan.members[0]).environment["heads"] for plan in (together, alone)} == {12, 1}


def test_a_pass_says_what_train_says(planned, blobs, tmp_path):
    plan = planned("method = 'bitonic'\nnloglr = [2, 3]\nn_epochs = 1\nbatch_size = 50")
    work(plan)
    outcome = train.train(blobs, tmp_path / "results", "bitonic", {"nloglr": 3, "n_epochs": 1, "batch_size": 50})
    assert outcome.was_done


def own_loss(folder: Path, name: str, body: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(
        "import torch\nfrom dataclasses import dataclass\nfrom topkbench.losses import Method\n"
        "@dataclass(frozen=True)\nclass Loss(Method):\n"
        f"    def __call__(self, logits, target, problem=None):\n        {body}\n"
    )
    return str(path)


def test_a_run_that_fails_is_recorded_and_the_others_go_on(planned, tmp_path):
    broken = own_loss(tmp_path, "broken", "raise ZeroDivisionError('no such luck')")
    text = f"n_epochs = 1\nbatch_size = 50\nnloglr = 2\nmethod = ['bitonic', '{broken}', 'softmax_cross_entropy']\n"
    plan = planned(text + "seeds = '0-1'")
    said = work(plan)
    statuses = plan.statuses()
    assert sorted(statuses.values()) == ["done"] * 4 + ["failed"] * 2
    assert "a pass of 6 heads failed: ZeroDivisionError: no such luck; going on with 3 at a time" in said
    (error, *trace), _ = (plan.record(m).error.splitlines() for m in plan.members if "broken" in m.run_id)
    assert error == "ZeroDivisionError: no such luck"
    assert any("broken.py" in line for line in trace)
    assert work(plan) == []  # what has failed stays so
    assert len(plan.todo(plan.members, True)) == 2
    (tmp_path / "broken.py").write_text((tmp_path / "broken.py").read_text() + "# another file is another run\n")
    assert "missing" in planned(text).statuses().values()


def test_a_run_that_diverges_is_recorded_and_the_others_go_on(planned):
    plan = planned("method = 'softmax_cross_entropy'\nnloglr = [-10, 2]\nhidden_dims = [8, 8, 8, 8]\nbatch_size = 50")
    work(plan)
    assert sorted(plan.statuses().values()) == ["done", "failed"]
    failed = next(record for member in plan.members if (record := plan.record(member)).status == "failed")
    assert failed.error.startswith("diverged: loss or weights are not finite at epoch 1")
    assert failed.error.count("\n") == 0


def test_interrupted_runs_are_recorded_and_done_again(planned):
    plan = planned()

    class StopsAt:
        def __enter__(self):
            self.seen = 0
            return self

        def __exit__(self, *_):
            return None

        def advance(self, n, note=""):
            self.seen += n
            if self.seen >= 15:  # several steps at once
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.work(plan, plan.members, 4, progress=lambda *_: StopsAt(), note=print)
    assert sorted(plan.statuses().values()) == ["interrupted"] * 4 + ["missing"] * 8
    work(plan)
    assert set(plan.statuses().values()) == {"done"}


def test_one_run_that_is_too_large_does_not_slow_the_others(planned, tmp_path):
    hungry = own_loss(tmp_path, "hungry", "raise MemoryError('1 PiB')")
    text = f"[[runs]]\nmethod = '{hungry}'\n[[runs]]\nmethod = 'softmax_cross_entropy'\nnloglr = [2, 3, 4, 5, 6, 7, 8]"
    plan = planned("n_epochs = 1\nbatch_size = 200\nseeds = '0-1'\n" + text)
    work(plan, heads=4)
    statuses = plan.statuses()
    assert sorted(statuses.values()) == ["done"] * 14 + ["failed"] * 2
    done = [plan.record(member) for member in plan.members if statuses[member.run_id] == "done"]
    # The passes of four that have one that is too large are cut to two, and those to one.
    assert sorted(record.environment["heads"] for record in done) == [1, 1, 2, 2, 2, 2, *[4] * 8]


def test_shares_are_the_same_wherever_they_are_computed(planned, monkeypatch):
    """`auto` may lead to memory here and to the disk there, and to another place a moment later."""
    text = "nloglr = [2, 3]\n[[runs]]\nmethod = 'bitonic'\nresidency = 'auto'\n"
    text += "[[runs]]\nmethod = 'softsort'\nresidency = 'mmap'\n[[runs]]\nmethod = 'neuralsort'\nresidency = 'auto'"
    found = []
    for answers in (["ram"] * 6, ["mmap", "ram"] * 3):
        left = iter(answers)
        monkeypatch.setattr(batches, "choose", lambda *_, left=left: next(left))
        plan = sweep.make(planned(text).name, planned(text).store, planned(text).results, {}, {"device": "cpu"})
        found.append([member.run_id for member in plan.members])
        assert len({m.settings.protocol.residency for m in plan.members if m.settings.method != "softsort"}) == 1
    assert found[0] == found[1]


def test_out_of_memory_halves_the_pass(planned, tmp_path):
    """A limit on the process's memory stands for a small machine: 23 heads of 16 → 8000 → 30 need some 130 MB."""
    text = "method = ['softmax_cross_entropy', 'bitonic']\nnloglr = [2, 3, 4]\nseeds = '0-3'\nn_epochs = 1\n"
    plan = planned(text + "batch_size = 100\nhidden_dims = [8000]")
    (tmp_path / "small.py").write_text(
        "import resource, sys\nfrom pathlib import Path\nimport psutil, torch\n"
        "from topkbench import sweep\nfrom topkbench.progress import silent\nfrom topkbench.store import open_store\n"
        "torch.set_num_threads(1)\n"
        "plan = sweep.make(sys.argv[1], open_store(Path(sys.argv[2])), Path(sys.argv[3]), {}, {'device': 'cpu'})\n"
        "sweep.work(plan, plan.members[:1], 1, progress=silent, note=print)\n"  # what the first step maps for good
        "limit = psutil.Process().memory_info().vms + 50 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "sweep.work(plan, plan.todo(plan.members, False), 23, progress=silent, note=print)\n"
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "small.py", plan.name, plan.store.path, plan.results],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "a pass of 23 heads failed: RuntimeError" in done.stdout
    assert "going on with 12 at a time" in done.stdout
    assert set(plan.statuses().values()) == {"done"}
    heads = [plan.record(member).environment["heads"] for member in plan.members]
    assert max(heads) < 23
