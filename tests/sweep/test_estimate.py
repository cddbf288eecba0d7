"""What a plan is said to take."""

from types import SimpleNamespace

import psutil
import pytest

from topkbench import sweep, train
from topkbench.cli import _foretold
from topkbench.store import open_store
from topkbench.sweep import Estimate, Plan

SHORT = "n_epochs = 1\nbatch_size = 50\n"


def estimated(plan: Plan) -> Estimate:
    return sweep.estimate(plan, plan.todo(plan.members, retry_failed=False), 12)


def shown(plan: Plan, capsys: pytest.CaptureFixture[str]) -> str:
    _foretold.show(plan, estimated(plan), as_json=False)
    return capsys.readouterr().out


@pytest.mark.parametrize("hidden_dims", ["[[], [2048, 2048]]", "[[2048, 2048], []]"])
def test_each_kind_of_head_is_timed(planned, hidden_dims):
    """Whichever comes first: a linear head of 30 classes takes a thousandth of what layers of 2048 take."""
    plan = planned(f"method = 'softmax_cross_entropy'\n{SHORT}hidden_dims = {hidden_dims}")
    linear, deep = sorted(estimated(plan).passes, key=lambda each: len(each.members[0].settings.protocol.hidden_dims))
    assert deep.seconds > 5 * linear.seconds > 0


def test_runs_whose_steps_cost_the_same_are_timed_once(planned, monkeypatch):
    built, build = [], train.build
    monkeypatch.setattr(train, "build", lambda *given: built.append(given) or build(*given))
    text = "method = 'bitonic'\nseeds = '0-1'\nnloglr = [2, 3]\nbatch_size = 20\nn_epochs = [1, 2]\n"
    plan = planned(f"{text}p_k = [[0.5, 0.5], [0.2, 0.8]]\ntrain_per_class = [4, 5]")
    assert (len(estimated(plan).passes), len(built)) == (8, 1)


def test_a_loss_that_fails_is_not_timed(planned, tmp_path, capsys):
    (tmp_path / "broken.py").write_text(
        "from dataclasses import dataclass\nfrom topkbench.losses import Method\n@dataclass(frozen=True)\n"
        "class Loss(Method):\n    def __call__(self, logits, target, problem=None):\n"
        "        raise OSError('no luck\\nat all')\n"
    )
    plan = planned(f"method = ['{tmp_path}/broken.py', 'bitonic']\n{SHORT}")
    found = estimated(plan)
    (broken,) = (member.run_id for member in plan.members if "broken" in member.run_id)
    assert found.faults == {broken: "OSError: no luck"}
    assert [each.seconds for each in found.passes] == [None]
    out = shown(plan, capsys)
    assert f"{broken} is not timed, as its steps fail: OSError: no luck\n" in out
    assert "at most 0 s and 1 pass of unknown time" in out
    _foretold.show(plan, found, as_json=True)
    assert '"seconds": null' in capsys.readouterr().out


@pytest.mark.parametrize(("residency", "heads"), [("mmap", 5), ("ram", 1), ("device", 1)])
def test_embeddings_in_memory_leave_less_for_heads(blobs, tmp_path, monkeypatch, residency, heads):
    """With room for the embeddings, 1500 rows of 16, or half of it for heads of 4 · (4 · 16 · 30 + 8 · 30) bytes."""
    (tmp_path / "grid.toml").write_text("method = 'bitonic'\nbatch_size = 1")
    everywhere = {"device": "cpu", "residency": residency}
    plan = sweep.make(str(tmp_path / "grid.toml"), open_store(blobs), tmp_path, {}, everywhere)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=4 * 1500 * 16))
    assert sweep.heads_per_pass(plan) == heads


def test_what_is_done_and_what_has_failed_is_told_apart(planned, monkeypatch, capsys):
    plan = planned(f"method = 'bitonic'\nseeds = '0-3'\n{SHORT}")
    states = dict(zip((member.run_id for member in plan.members), ("done", "done", "failed", "missing"), strict=True))
    monkeypatch.setattr(Plan, "statuses", lambda *_: states)
    assert "4 runs on blobs: 2 done, 1 failed; 1 to train in 1 pass: at most 0." in shown(plan, capsys)
