"""Captured steps: what is replayed is what would have been done. Work that is simply done again stands for a graph."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from topkbench import settings, train
from topkbench.passes import Pass
from topkbench.progress import silent
from topkbench.replayed import Replayed
from topkbench.stack import is_captured
from topkbench.store import open_store

QUICK = {"n_epochs": 3, "batch_size": 50, "eval_every": 10, "device": "cpu", "residency": "ram", "lr_steps": (3,)}


def trained(blobs, methods: list[str], capture=None, **chosen: object) -> Pass:
    store = open_store(blobs)
    members = [
        settings.resolve(method, {**QUICK, "nloglr": 2.0, **chosen, "seed": seed}, train.facts(store))
        for seed in (0, 1)
        for method in methods
    ]
    together = train.build(store, members)
    if capture:
        together.replayed = Replayed(capture)
    together.train(silent)
    return together


@pytest.mark.parametrize("methods", [["softmax_cross_entropy", "bitonic"], ["deep_ncm"]])
def test_replayed_steps_are_those_that_would_have_been_taken(blobs, methods):
    captured = []

    def again(work):
        captured.append(work)
        return work

    replayed, eager = trained(blobs, methods, again), trained(blobs, methods)
    assert len(captured) == 2  # the rate falls once
    for one, other in zip(replayed.runs, eager.runs, strict=True):
        assert (one.history, one.error) == (other.history, None)
    for one, other in zip(replayed.stacks, eager.stacks, strict=True):
        for p, q in zip(one.head.state_dict().values(), other.head.state_dict().values(), strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=0)


def test_a_run_that_diverges_is_left_out_of_the_next_capture(blobs):
    captured = []

    def again(work):
        captured.append(work)
        return work

    together = trained(blobs, ["softmax_cross_entropy"], again, nloglr=-10.0, hidden_dims=(8, 8, 8, 8))
    assert all(run.error for run in together.runs)
    assert len(captured) <= 1


def test_what_cannot_be_captured_is_done_as_it_comes(blobs):
    def fails(_):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    stubborn, eager = trained(blobs, ["bitonic"], fails), trained(blobs, ["bitonic"])
    assert stubborn.replayed.error == "operation not permitted when stream is capturing"
    assert [run.history for run in stubborn.runs] == [run.history for run in eager.runs]


def test_what_is_not_the_same_work_every_time_is_not_captured(blobs, tmp_path):
    own = tmp_path / "own.py"
    own.write_text("from topkbench.losses.softmax_cross_entropy import Loss")
    facts = train.facts(open_store(blobs))
    for method, chosen, can in [
        ("bitonic", {}, True),
        ("bitonic", {"apply_dropout": True}, False),
        ("perturbed_topk", {}, False),
        (str(own), {}, False),
    ]:
        resolved = settings.resolve(method, {**QUICK, "device": "cuda", **chosen}, facts)
        assert is_captured(resolved) is can
        off = replace(resolved.protocol, cuda_graph="off")
        on_cpu = replace(resolved.protocol, device="cpu")
        assert not any(is_captured(replace(resolved, protocol=other)) for other in (off, on_cpu))


def test_a_pass_goes_with_its_last_name(blobs):
    """On a GPU its memory would outlive it, were it in a circle."""
    gc.disable()
    try:
        together = trained(blobs, ["bitonic"], lambda work: work)
        together.replayed._replay = None  # as a graph, which does not hold the work
        gone = weakref.ref(together)
        del together
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_graph_trains_as_eager_steps_do(blobs):
    methods = ["softmax_cross_entropy", "bitonic", "softsort"]
    here = {"device": "cuda", "residency": "device"}
    graphed, eager = trained(blobs, methods, **here), trained(blobs, methods, **here, cuda_graph="off")
    assert (graphed.replayed.error, eager.replayed) == (None, None)
    for one, other in zip(graphed.runs, eager.runs, strict=True):
        assert [entry["valid"] for entry in one.history] == [entry["valid"] for entry in other.history]
        assert [entry["loss"] for entry in one.history] == pytest.approx([entry["loss"] for entry in other.history])
