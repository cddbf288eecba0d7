"""Plans: the runs of a sweep, their passes and their shares."""

import time
from itertools import groupby

import numpy as np
import pytest

from topkbench import settings, store, sweep, train
from topkbench.errors import UsageError
from topkbench.progress import silent
from topkbench.store import open_store


def test_every_run_is_planned_once_under_the_id_that_train_gives_it(planned, blobs):
    plan = planned()
    data = open_store(blobs)
    shared = {"n_epochs": 2, "batch_size": 50, "eval_every": 10}
    wanted = [("softmax_cross_entropy", {"nloglr": rate}) for rate in (1.5, 2)]
    wanted += [
        (method, {"nloglr": 2, "p_k": p_k})
        for method in ("splitter_selection", "neuralsort")
        for p_k in ((0.5, 0.5), (0.2,) * 5)
    ]
    expected = [
        train.plan(data, settings.resolve(method, {**shared, **own, "seed": seed}, train.facts(data)), None).run_id
        for method, own in wanted
        for seed in (0, 1)
    ]
    assert sorted(member.run_id for member in plan.members) == sorted(expected)
    doubled = planned("method = ['bitonic', 'bitonic']\nseeds = [0, 0]")
    assert len(doubled.members) == 1


def test_passes_hold_what_shares_split_and_order(planned):
    text = "[[runs]]\nmethod = 'bitonic'\nnloglr = [2, 3]\nseeds = '0-2'\nbatch_size = [20, 50]\n"
    text += "[[runs]]\nmethod = 'learnt_prototypes'\nembedding_dim = [2, 3]\n"
    text += "[[runs]]\nmethod = 'bitonic'\nseeds = '0-1'\ntrain_per_class = 4\nbatch_size = 10"
    plan = planned(text)
    sizes = [
        ({m.settings.loss.head for m in each}, {m.settings.protocol.batch_size for m in each}, len(each))
        for each in sweep.passes(plan.members, 100)
    ]
    heads = sorted((head, batch, size) for (head,), (batch,), size in sizes)
    assert heads == [
        ("linear", 10, 1), ("linear", 10, 1),  # subsets of several seeds need not take as many steps
        ("linear", 20, 6), ("linear", 50, 6), ("prototypes", 500, 1), ("prototypes", 500, 1),
    ]  # fmt: skip
    assert [len(each) for each in sweep.passes(plan.members, 4) if len(each) > 1] == [4, 2, 4, 2]


def test_seeds_lie_side_by_side_in_a_pass(planned):
    (together,) = sweep.passes(planned().members, 100)
    seeds = [seed for seed, _ in groupby(together, key=lambda member: member.settings.protocol.seed)]
    assert len(seeds) == 2


@pytest.mark.parametrize("parts", [1, 2, 5, 12, 40])
def test_shares_are_the_plan_whatever_is_done(planned, parts):
    plan = planned()
    before = [plan.share(part, parts) for part in range(1, parts + 1)]
    assert [member for share in before for member in share] == list(plan.members)
    assert max(map(len, before)) - min(map(len, before)) <= 1
    sweep.work(plan, plan.members[:3], 3, progress=silent, note=print)
    assert [planned().share(part, parts) for part in range(1, parts + 1)] == before


def test_a_run_that_cannot_be_is_refused_before_any_is_trained(planned, tmp_path):
    with pytest.raises(UsageError, match=r"\[\[runs\]\] block 2: softmax_cross_entropy has no option 'm'"):
        planned("[[runs]]\nmethod = 'bitonic'\n[[runs]]\nmethod = 'softmax_cross_entropy'\nm = 3")
    with pytest.raises(UsageError, match=r"soft_labels needs distances .*prepare --hierarchy"):
        planned("method = ['bitonic', 'soft_labels']")
    assert not (tmp_path / "results").exists()


def test_the_papers_plan_is_made_in_a_moment(tmp_path):
    rows = np.zeros((2000, 2048), np.float16), np.arange(2000) % 1000
    data = store.create(tmp_path / "imagenet.h5", {"train": rows, "test": rows}, n_classes=1000)
    began = time.monotonic()
    plan = sweep.make("difftopk/tables2+3-1k", data, tmp_path, {"valid_size": 500}, {"device": "cpu"})
    foretold = sweep.estimate(plan, plan.todo(plan.members, False), 12)
    assert time.monotonic() - began < 30  # 5 s on a machine that does nothing else
    assert [len(each.members) for each in foretold.passes] == [12, 12, 2]
    assert all(each.seconds > 0 and each.memory > 12 * 4 * 2048 * 1000 for each in foretold.passes[:2])
    # 20 epochs of 3 steps, of 500 rows each
    assert {each.steps for each in foretold.passes} == {60}
