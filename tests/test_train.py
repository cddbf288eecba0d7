"""Whole runs: replayed by a plain loop, the same wherever the data lie, recorded however they end."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from tests import plain
from topkbench import losses, protocol, runs, settings, store, train
from topkbench.errors import DataError, RunError, UsageError
from topkbench.ops import linear, softsort
from topkbench.passes import Pass
from topkbench.problem import Problem
from topkbench.progress import silent
from topkbench.stack import Stack
from topkbench.store import open_store

QUICK = {"n_epochs": 2, "nloglr": 2.0, "batch_size": 50, "eval_every": 10}
TOP_K = {"bitonic": {}, "splitter_selection": {"p_k": (0.25, 0.0, 0.75)}, "softmax_cross_entropy": {}}


def write_loss(path: Path, body: str) -> str:
    """A user's own method."""
    path.write_text(
        "from dataclasses import dataclass\n"
        "from topkbench.losses import Method\n"
        "print('a word on import')\n"
        "@dataclass(frozen=True)\n"
        "class Loss(Method):\n"
        "    def __call__(self, logits, target, problem=None):\n"
        f"        {body}\n"
    )
    return str(path)


def run(data: Path, results: Path, method: str = "softmax_cross_entropy", **chosen: object) -> runs.Record:
    return train.train(data, results, method, {**QUICK, **chosen}).record


def stack_after(data: Path, steps: int, method: str, **chosen: object) -> Stack:
    """The trainer's own stack after some steps, in float64."""
    store = open_store(data)
    options = {**QUICK, "device": "cpu", "residency": "ram", "precision": "float64", **chosen}
    resolved = settings.resolve(method, options, train.facts(store))
    together = train.build(store, [resolved])
    for _, _, ((x_BD, y_B),) in islice(together.batches(), steps):
        together.stacks[0].step(x_BD, y_B)
    return together.stacks[0]


def plain_loop(
    data: Path, steps: int, loss, nloglr: float, hidden: tuple[int, ...] = (), seed: int = 0
) -> list[torch.Tensor]:
    """The weights that difftopk's training script comes to, in float64."""
    store = open_store(data)
    x = torch.from_numpy(np.array(store.splits["train"].embeddings))
    y = torch.from_numpy(np.array(store.splits["train"].labels)).long()
    valid_size = protocol.default_valid_size(len(x), store.n_classes)
    dims = (store.dim, *hidden, store.n_classes)
    model = plain.train(x, y, valid_size, loss, lr=10**-nloglr, batch_size=50, steps=steps, dims=dims, seed=seed)
    return [p.detach() for p in model.parameters()]


def independent(loss: losses.Method, method: str, problem: Problem):
    """The same loss out of the papers' definitions where they are written down, else its own mean."""
    if method in plain.METHODS:
        return plain.top_k_cross_entropy(method, loss.p_k, loss.m, loss.inverse_temperature)
    if method == "softmax_cross_entropy":
        return torch.nn.functional.cross_entropy
    noisy = replace(problem, generator=protocol.noise(0, "method"))  # of seed 0, as the trainer's
    return lambda logits, target: loss(logits, target, noisy).mean()


@pytest.mark.parametrize("method", [name for name in losses.names() if losses.find(name).head == "linear"])
def test_replayed_by_a_plain_loop(demo, method):
    """Weights within 1e-9 after 200 steps in float64 (DESIGN §5), at the papers' learning rate.

    At 1e-2 sorting networks amplify rounding: there the two differ by 1e-12 after 20 steps and by 0.1 after 50.
    """
    ours = stack_after(demo, 200, method, nloglr=4.5)
    expected = plain_loop(demo, 200, independent(ours.runs[0].loss, method, ours._problem), 4.5)
    for stacked, weights in zip(ours.head.parameters(), expected, strict=True):
        torch.testing.assert_close(stacked.detach()[0], weights, rtol=0, atol=1e-9)


def test_replayed_where_the_weights_gradient_is_summed_from_rows(demo, monkeypatch):
    """As it is from 256 dimensions on, of which the demo set has half."""
    sums = Mock(wraps=linear.embedding_bag)
    monkeypatch.setattr(linear, "embedding_bag", sums)
    monkeypatch.setattr(linear, "_WORTHWHILE_DIM", 128)
    test_replayed_by_a_plain_loop(demo, "splitter_selection")
    assert sums.call_count == 200


def test_a_hidden_layer_is_replayed_too(blobs):
    ours = stack_after(blobs, 40, "softmax_cross_entropy", hidden_dims=(12,), seed=3)
    expected = plain_loop(blobs, 40, torch.nn.functional.cross_entropy, 2.0, (12,), seed=3)
    for stacked, weights in zip(ours.head.parameters(), expected, strict=True):
        torch.testing.assert_close(stacked.detach()[0], weights, rtol=0, atol=1e-9)


def test_float32_softmax_agrees_at_every_evaluation(demo, tmp_path):
    """To 0.2 points, against torch's loss and plain Adam on float32 (DESIGN §5)."""
    history = run(demo, tmp_path, eval_every=100).history
    store = open_store(demo)
    x = torch.from_numpy(np.array(store.splits["train"].embeddings))
    y = torch.from_numpy(np.array(store.splits["train"].labels)).long()
    torch.manual_seed(0)
    order = torch.randperm(len(x))
    valid, kept = order[:990], order[990:]
    model = torch.nn.Linear(store.dim, store.n_classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    found = []
    for _ in range(2):
        epoch = torch.randperm(len(kept))
        for at in range(178):
            rows = kept[epoch[at * 50 : (at + 1) * 50]]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows].float()), y[rows]).backward()
            optimizer.step()
            if at in (0, 99, 177):
                found.append(float((model(x[valid].float()).argmax(1) == y[valid]).float().mean()))
    assert [entry["valid"]["top1"] for entry in history] == pytest.approx(found, abs=0.002)


@pytest.mark.parametrize("stacked", [False, True])
def test_unlike_runs_of_one_pass_are_each_as_alone(blobs, stacked):
    """In float64: losses, learning rates, weight decays and seeds differ; weights and results are those of the runs."""
    store = open_store(blobs)

    def members(*runs: tuple[str, float, float, int]) -> list[settings.Settings]:
        base = {**QUICK, "device": "cpu", "residency": "ram", "precision": "float64"}
        return [
            settings.resolve(m, {**base, "nloglr": rate, "weight_decay": decay, "seed": seed}, train.facts(store))
            for m, rate, decay, seed in runs
        ]

    wanted = [
        ("softmax_cross_entropy", 2.0, 0.0, 0), ("softmax_cross_entropy", 3.0, 0.0, 0),
        ("softmax_cross_entropy", 2.0, 0.1, 0), ("splitter_selection", 3.0, 0.0, 0), ("perturbed_topk", 2.0, 0.0, 0),
        ("perturbed_topk", 3.0, 0.0, 0), ("fenchel_young", 3.0, 0.0, 0), ("splitter_selection", 3.0, 0.0, 1),
        ("softmax_cross_entropy", 2.0, 0.0, 1), ("bitonic", 3.0, 0.0, 7),
    ]  # fmt: skip
    together = train.build(store, members(*wanted), stacked=stacked)
    together.train(silent)
    weights = [view for stack in together.stacks for view in stack.views]
    assert [len(stack.runs) for stack in together.stacks] == ([7, 2, 1] if stacked else [1] * 10)
    for at, one in enumerate(wanted):
        alone = train.build(store, members(one))
        alone.train(silent)
        for stacked, single in zip(weights[at], alone.stacks[0].head.parameters(), strict=True):
            torch.testing.assert_close(stacked, single[0].detach(), rtol=0, atol=1e-9)
        assert together.runs[at].selection.selected() == alone.runs[0].selection.selected()
        assert [e["test"] for e in together.runs[at].history] == [e["test"] for e in alone.runs[0].history]
    with pytest.raises(ValueError, match="share their head and their protocol"):
        train.build(store, [*members(*wanted), settings.resolve("bitonic", {"device": "cpu"}, train.facts(store))])


def test_steps_in_a_row_end_where_an_evaluation_is_due(blobs):
    """Of 38 steps an epoch after the 1st, each 10th and the last; between these eight at a time."""
    store = open_store(blobs)
    base = {"device": "cpu", "residency": "ram", "n_epochs": 2, "eval_every": 10, "valid_size": 60, "batch_size": 30}
    pair = [settings.resolve("softmax_cross_entropy", {**base, "seed": s}, train.facts(store)) for s in (0, 1)]
    ends = [(epoch, step) for epoch, step, _ in train.build(store, pair).blocks()]
    assert ends == [(epoch, step) for epoch in (1, 2) for step in (1, 9, 10, 18, 20, 28, 30, 38)]


def test_a_batch_of_a_block_outlives_the_next(blobs):
    """Gathering reuses its memory; the batches of steps in a row have their own."""
    store = open_store(blobs)
    pair = [
        settings.resolve("softmax_cross_entropy", {**QUICK, "device": "cpu", "seed": s}, train.facts(store))
        for s in (0, 1)
    ]
    kept = [x_BD for _, _, block in train.build(store, pair).blocks() for rows in block for x_BD, _ in rows]
    fresh = [x_BD.clone() for _, _, rows in train.build(store, pair).batches() for x_BD, _ in rows]
    assert all(map(torch.equal, kept, fresh))


@pytest.mark.parametrize("top1_mode", ["sm", "smce", "sort"])
def test_heads_that_differ_in_p_k_share_the_operators_call(blobs, monkeypatch, top1_mode):
    """And each is as alone; one whose ranks are not asked for is left out."""
    store = open_store(blobs)
    p_ks = [(0.5, 0.0, 0.5), (0.2, 0.3, 0.5), (0.2, 0.3, 0.5), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)]
    base = {**QUICK, "device": "cpu", "residency": "ram", "precision": "float64", "top1_mode": top1_mode}
    members = [settings.resolve("softsort", {**base, "p_k": p_k}, train.facts(store)) for p_k in p_ks]
    together = train.build(store, members, stacked=True)
    together.train(silent)
    for at, member in enumerate(members):
        alone = train.build(store, [member])
        alone.train(silent)
        for one, other in zip(list(together.stacks[0].views)[at], next(iter(alone.stacks[0].views)), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-9)
    calls = []
    operator = softsort.label_rank_distribution
    monkeypatch.setattr(softsort, "label_rank_distribution", lambda *a: calls.append(len(a[0])) or operator(*a))
    _, _, ((x_BD, y_B),) = next(together.batches())
    together.stacks[0].step(x_BD, y_B)
    assert calls == ([5] if top1_mode == "sort" else [4])


def test_one_run_that_diverges_leaves_the_others_of_its_stack_alone(blobs):
    """Theirs are the weights of a pass without it."""
    store = open_store(blobs)
    base = {**QUICK, "device": "cpu", "residency": "ram", "hidden_dims": (8, 8, 8, 8)}

    def trained(*powers: float) -> Pass:
        options = [{**base, "nloglr": power} for power in powers]
        found = train.build(
            store, [settings.resolve("softmax_cross_entropy", o, train.facts(store)) for o in options], stacked=True
        )
        found.train(silent)
        return found

    both, alone = trained(-10.0, 2.0), trained(2.0)
    first, second = both.runs
    assert first.error is not None
    assert first.error.startswith("diverged")
    assert (second.error, len(second.history)) == (None, len(alone.runs[0].history))
    for stacked, single in zip(both.stacks[0].head.parameters(), alone.stacks[0].head.parameters(), strict=True):
        torch.testing.assert_close(stacked[1], single[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("method", TOP_K)
def test_the_same_result_wherever_the_data_lie(blobs, tmp_path, method):
    """On a CPU auto, device and ram hold the same tensor; mmap reads the file as it goes."""
    records = [
        run(blobs, tmp_path / residency, method, residency=residency, **TOP_K[method])
        for residency in ("auto", "device", "ram", "mmap")
    ]
    again = run(blobs, tmp_path / "again", method, **TOP_K[method])
    assert all(r.history == again.history and r.selected == again.selected for r in records)
    assert len({r.run_id for r in [*records, again]}) == 1


def test_history_follows_the_protocol(blobs, tmp_path):
    """1,080 rows, 21 steps an epoch; evaluated after the first, every 10th and the last."""
    record = run(blobs, tmp_path)
    assert [(e["epoch"], e["step"]) for e in record.history] == [
        (1, 1), (1, 10), (1, 20), (1, 21), (2, 22), (2, 31), (2, 41), (2, 42)
    ]  # fmt: skip
    assert record.data["n_train"] == 1080
    assert record.data["n_valid"] == 120
    assert record.selected["last"]["step"] == 42


def test_loss_is_the_mean_since_the_last_evaluation(blobs, tmp_path):
    every, tenth = (run(blobs, tmp_path, eval_every=n, n_epochs=1).history for n in (1, 10))
    steps = [entry["loss"] for entry in every]
    assert [entry["loss"] for entry in tenth] == pytest.approx(
        [steps[0], np.mean(steps[1:10]), np.mean(steps[10:20]), steps[20]], rel=1e-5
    )


def test_eval_test_changes_what_is_looked_at_and_nothing_else(blobs, tmp_path):
    picked, always = (run(blobs, tmp_path / mode, eval_test=mode) for mode in ("picked", "always"))
    assert picked.run_id == always.run_id
    assert picked.selected == always.selected
    assert all(entry["test"] for entry in always.history)
    for a, b in zip(picked.history, always.history, strict=True):
        assert a["loss"] == b["loss"]
        assert a["valid"] == b["valid"]
        assert a["test"] in (None, b["test"])


def test_ranks_belong_to_the_selected_accuracies(blobs, tmp_path):
    record = run(blobs, tmp_path, "bitonic")
    arrays = runs.load_ranks(runs.folder(tmp_path, "blobs", record.run_id))
    assert len(arrays) == 12
    for k in (1, 5, 10, 20):
        ranks = arrays[f"per_metric_top{k}"]
        assert ranks.dtype == np.uint16
        assert (ranks <= k).mean() == record.selected["per_metric"]["test"][f"top{k}"]
    labels = open_store(blobs).splits["test"].labels
    right = arrays["last_prediction"] == labels
    assert right.mean() == record.selected["last"]["test"]["top1"]
    assert np.array_equal(right, arrays["last"] == 1)


def test_training_does_not_touch_the_global_stream(blobs, tmp_path):
    before = torch.get_rng_state()
    run(blobs, tmp_path, "bitonic", apply_dropout=True)
    assert torch.equal(before, torch.get_rng_state())


def test_done_already(blobs, tmp_path):
    first = train.train(blobs, tmp_path, "softmax_cross_entropy", QUICK)
    second = train.train(blobs, tmp_path, "softmax_cross_entropy", QUICK)
    forced = train.train(blobs, tmp_path, "softmax_cross_entropy", QUICK, force=True)
    assert [outcome.was_done for outcome in (first, second, forced)] == [False, True, False]
    assert json.loads(second.record.to_json()) == json.loads(first.record.to_json())
    assert forced.record.history == first.record.history


def test_a_data_sets_own_validation_is_used_whole(blobs, tmp_path):
    parts = {name: (np.array(s.embeddings), np.array(s.labels)) for name, s in open_store(blobs).splits.items()}
    store.create(tmp_path / "own.h5", {**parts, "valid": parts["test"]})
    record = run(tmp_path / "own.h5", tmp_path)
    assert (record.data["n_train"], record.data["n_valid"]) == (1200, 300)
    assert record.selected["last"]["valid"] == record.selected["last"]["test"]


def test_interrupted(blobs, tmp_path):
    def stop_at_20(total, unit, description):
        class Bar:
            def __enter__(self):
                self.seen = 0
                return self

            def __exit__(self, *_):
                return None

            def advance(self, n, note=""):
                self.seen += n
                if self.seen == 20:
                    raise KeyboardInterrupt

        return Bar()

    with pytest.raises(KeyboardInterrupt):
        train.train(blobs, tmp_path, "softmax_cross_entropy", QUICK, progress=stop_at_20)
    (record,), skipped = runs.load_all(tmp_path)
    assert (record.status, record.error, skipped) == ("interrupted", "interrupted by the user", [])
    assert [e["step"] for e in record.history] == [1, 10, 20]
    assert not train.train(blobs, tmp_path, "softmax_cross_entropy", QUICK).was_done
    assert train.train(blobs, tmp_path, "softmax_cross_entropy", QUICK).was_done


def test_diverged(blobs, tmp_path):
    with pytest.raises(RunError, match="diverged: loss or weights are not finite at epoch 1, step"):
        run(blobs, tmp_path, nloglr=-10.0, hidden_dims=(8, 8, 8, 8))
    (record,), _ = runs.load_all(tmp_path)
    assert record.status == "failed"
    assert record.history[-1]["loss"] is None


def test_a_weight_spoilt_by_the_last_step_is_a_divergence(blobs, tmp_path):
    """Its loss was still finite: the gradient is not."""
    own = write_loss(tmp_path / "spoils.py", "return (logits.sum(-1) * 0).sqrt()")  # whose slope at 0 is infinite
    with pytest.raises(RunError, match="diverged"):
        run(blobs, tmp_path / "results", own, n_epochs=1, eval_every=1000, batch_size=1000)


def test_a_failing_loss_leaves_a_failed_record(blobs, tmp_path):
    own = write_loss(tmp_path / "broken.py", "raise RuntimeError('no such luck')")
    with pytest.raises(RunError, match="RuntimeError: no such luck"):
        run(blobs, tmp_path / "results", own)
    (record,), _ = runs.load_all(tmp_path / "results")
    error, *trace = (record.error or "").splitlines()
    assert (record.status, error) == ("failed", "RuntimeError: no such luck")
    assert any("broken.py" in line for line in trace)


@pytest.mark.parametrize(
    ("body", "message"),
    [("logits.mean()", r"a tensor \[\]"), ("logits[..., :-1, 0]", "one loss a sample"), ("None", "nothing")],
)
def test_a_loss_of_the_wrong_shape_is_no_result(blobs, tmp_path, body, message):
    own = write_loss(tmp_path / "shape.py", f"return {body}")
    with pytest.raises(RunError, match=message):
        run(blobs, tmp_path / "results", own)


def test_options_without_effect(blobs, tmp_path):
    one = run(blobs, tmp_path, "bitonic", distribution="cauchy")
    with pytest.raises(UsageError, match=r"art_lambda = 0\.3 has no effect"):
        run(blobs, tmp_path, "bitonic", distribution="cauchy", art_lambda=0.3)
    assert run(blobs, tmp_path, "bitonic", art_lambda=0.3).run_id != one.run_id


def test_a_changed_file_is_another_run(blobs, tmp_path):
    own = tmp_path / "mine.py"
    text = (
        "from topkbench.losses.softmax_cross_entropy import Loss as Softmax\n"
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class Loss(Softmax):\n"
        "    pass\n"
    )
    own.write_text(text)
    first = run(blobs, tmp_path / "results", str(own))
    own.write_text(text + "# changed\n")
    second = run(blobs, tmp_path / "results", str(own))
    assert first.config["method"] == "mine"
    assert first.run_id != second.run_id
    assert first.config["source"] != second.config["source"]
    assert first.history == second.history


@pytest.mark.parametrize("precision", ["high", "bf16", "float64"])
def test_precisions_train(blobs, tmp_path, precision):
    record = run(blobs, tmp_path, "bitonic", precision=precision)
    reference = run(blobs, tmp_path, "bitonic")
    assert record.run_id != reference.run_id
    assert record.selected["last"]["test"]["top5"] == pytest.approx(
        reference.selected["last"]["test"]["top5"], abs=0.03
    )


def test_more_classes_make_another_run(blobs, tmp_path):
    parts = {name: (np.array(s.embeddings), np.array(s.labels)) for name, s in open_store(blobs).splits.items()}
    ids = []
    for classes in (30, 31):
        store.create(tmp_path / "set.h5", parts, n_classes=classes)
        ids.append(run(tmp_path / "set.h5", tmp_path).run_id)
    assert ids[0] != ids[1]


def test_results_that_cannot_be_written_are_noticed_before_training(blobs, tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(DataError, match="cannot write in"):
        train.train(blobs, tmp_path / "results", "bitonic", QUICK, progress=lambda *_: pytest.fail("it was trained"))


def test_out_of_memory_is_no_fault_of_the_method(blobs, tmp_path):
    with pytest.raises(DataError, match="out of memory"):
        run(blobs, tmp_path, hidden_dims=(10**13,))


def test_no_such_device(blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="--device cuda: this machine has no CUDA device"):
        run(blobs, tmp_path, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains_to_the_same_accuracy(blobs, tmp_path):
    on_gpu, on_cpu = (run(blobs, tmp_path / d, "bitonic", device=d) for d in ("cuda", "cpu"))
    assert on_gpu.selected["last"]["test"]["top5"] == pytest.approx(on_cpu.selected["last"]["test"]["top5"], abs=0.02)
