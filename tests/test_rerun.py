"""Runs trained once more: the record alone is enough, and it is not lost."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.test_train import run, write_loss
from topkbench import losses, option_effects, runs, settings, store, train
from topkbench.errors import RunError, UsageError
from topkbench.rerun import Rerun, rerun
from topkbench.runs import Record
from topkbench.store import open_store

EVERYWHERE = {
    "hidden_dims": (20,), "apply_relu": True, "apply_dropout": True, "optimizer": "sgd", "momentum": 0.5,
    "nesterov": True, "weight_decay": 1e-3, "lr_steps": (2,), "label_noise": 0.2, "noise_block": 3, "eval_every": 7,
    "eval_test": "always", "valid_size": 100, "seed": 3,
}  # fmt: skip
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "network": ("bitonic", {"p_k": (0.5, 0.0, 0.5), "m": None, "distribution": "cauchy", **EVERYWHERE}),
    "k": ("smooth_top1_svm", {"tau": 0.5}),
    "k-by-p_k": ("max_topk_svm", {"p_k": (0.0, 0.0, 1.0), "train_per_class": 9}),
    "judged": ("learnt_prototypes", {"loss": "splitter_selection", "p_k": (0.5, 0.5), "embedding_dim": 8}),
    "judged-with-k": ("deep_ncm", {"loss": "smooth_topk", "k": 3, "embedding_dim": 4}),
    "noisy": ("perturbed_topk", {"num_samples": 4, "precision": "float64"}),
    "fraction": ("softmax_cross_entropy", {"train_fraction": 0.5, "precision": "bf16"}),
}


def saved(results: Path) -> Record:
    """The only record, as it lies on the disk."""
    (record,), skipped = runs.load_all(results)
    assert skipped == []
    return record


def kept(results: Path, **changed: Any) -> Record:
    """The only record, changed in its file."""
    record = replace(saved(results), **changed)
    runs.save(results, record, force=True)
    return record


def files(results: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}


def spoilt(record: Record) -> list[dict[str, Any]]:
    """Its history with another figure in the second evaluation."""
    history = [dict(entry) for entry in record.history]
    history[1]["valid"] = {**history[1]["valid"], "top5": 0.125}
    return history


@pytest.mark.parametrize("kind", KINDS)
def test_options_of_every_kind_come_back_and_so_does_the_result(blobs, tmp_path, kind):
    method, chosen = KINDS[kind]
    run(blobs, tmp_path, method, **chosen)
    old, before = saved(tmp_path), files(tmp_path)
    again = rerun(old, blobs, tmp_path)
    assert again.difference is None
    assert again.new.config == {**old.config, "residency": again.new.config["residency"]}
    assert (again.new.run_id, again.new.origin) == (old.run_id, old.origin)
    assert (again.new.history, again.new.selected) == (old.history, old.selected)
    assert again.folder is None
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("method", "chosen"),
    [
        ("metric_guided_prototypes", {"guide": "rank", "huber_delta": 0.5, "embedding_dim": 4}),
        ("hierarchical_inference", {"loss": "fenchel_young"}),
        ("softmax_cross_entropy", {"label_noise": 0.3, "noise": "siblings"}),
    ],
)
def test_methods_and_noise_that_know_a_hierarchy(demo, tmp_path, method, chosen):
    run(demo, tmp_path, method, **chosen, n_epochs=1, batch_size=2000)
    assert rerun(saved(tmp_path), demo, tmp_path).difference is None


@pytest.mark.parametrize("method", losses.names())
def test_every_method_comes_back_from_its_record(demo, method):
    facts = train.facts(open_store(demo))
    resolved = settings.resolve(method, {}, facts)
    config = json.loads(json.dumps(resolved.config()))
    assert settings.of_record(config, resolved.origin, facts) == resolved


def test_a_record_from_before_an_option_is_the_run_that_it_was(blobs, tmp_path):
    run(blobs, tmp_path, residency="ram")
    whole = saved(tmp_path).config
    younger = {*option_effects.LEFT_ALONE, "momentum", "nesterov", "noise_block"}
    old = kept(tmp_path, config={option: value for option, value in whole.items() if option not in younger})
    again = rerun(old, blobs, tmp_path, residency="ram")
    assert again.difference is None
    assert again.new.run_id == old.run_id
    assert again.new.config == whole


def test_a_result_that_is_another_is_told_and_kept_out(blobs, tmp_path):
    record = run(blobs, tmp_path)
    old = kept(tmp_path, history=spoilt(record), environment={**record.environment, "torch": "1.0"})
    before = files(tmp_path)
    again = rerun(old, blobs, tmp_path)
    was = record.history[1]["valid"]["top5"]
    assert (again.difference.evaluation, again.difference.figure) == (2, "valid.top5")
    assert again.difference.values == (0.125, was)
    assert again.difference.by == was - 0.125
    assert again.environment == {"torch": ("1.0", record.environment["torch"])}
    assert again.folder is None
    assert files(tmp_path) == before


def test_what_is_selected_belongs_to_the_result(blobs, tmp_path):
    selected = dict(run(blobs, tmp_path).selected)
    old = kept(tmp_path, selected={**selected, "last": {**selected["last"], "step": 7}})
    assert rerun(old, blobs, tmp_path).difference.figure == "last.step"


def test_force_replaces_the_record(blobs, tmp_path):
    record = run(blobs, tmp_path)
    old = kept(tmp_path, history=spoilt(record))
    again = rerun(old, blobs, tmp_path, force=True)
    assert again.difference is not None
    assert again.folder == runs.folder(tmp_path, "blobs", record.run_id)
    assert saved(tmp_path).history == again.new.history != old.history


class Stops:
    def advance(self, n: int, note: str = "") -> None:
        raise KeyboardInterrupt


@contextmanager
def stops(total: int, unit: str, description: str) -> Iterator[Stops]:
    yield Stops()


@pytest.mark.parametrize("force", [False, True])
def test_a_finished_record_outlives_a_rerun_that_is_stopped(blobs, tmp_path, force):
    run(blobs, tmp_path)
    before = files(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        rerun(saved(tmp_path), blobs, tmp_path, force=force, progress=stops)
    assert files(tmp_path) == before


@pytest.mark.parametrize("force", [False, True])
def test_a_finished_record_outlives_a_rerun_that_diverges(blobs, tmp_path, force):
    diverging = {"nloglr": -10.0, "hidden_dims": (8, 8, 8, 8)}
    with pytest.raises(RunError):
        run(blobs, tmp_path, **diverging)
    done = run(blobs, tmp_path / "other")
    old = kept(tmp_path, status="done", error=None, selected=done.selected)
    before = files(tmp_path)
    again = rerun(old, blobs, tmp_path, force=force)
    assert again.new.error.startswith("diverged")
    assert again.difference is not None
    assert again.folder is None
    assert files(tmp_path) == before


def test_a_run_that_diverged_does_so_again(blobs, tmp_path):
    with pytest.raises(RunError):
        run(blobs, tmp_path, nloglr=-10.0, hidden_dims=(8, 8, 8, 8))
    old = saved(tmp_path)
    again = rerun(old, blobs, tmp_path)
    assert again.difference is None
    assert (again.new.status, again.new.error, again.new.history) == ("failed", old.error, old.history)


def test_an_interrupted_run_is_trained_to_its_end(blobs, tmp_path):
    whole = run(blobs, tmp_path)
    old = kept(tmp_path, status="interrupted", history=whole.history[:2], selected={})
    again = rerun(old, blobs, tmp_path)
    assert again.difference is None
    assert again.folder == runs.folder(tmp_path, "blobs", whole.run_id)
    assert saved(tmp_path).selected == whole.selected
    assert saved(tmp_path).status == "done"


def test_an_interrupted_run_that_went_another_way(blobs, tmp_path):
    whole = run(blobs, tmp_path)
    old = kept(tmp_path, status="interrupted", history=spoilt(whole)[:2], selected={})
    assert rerun(old, blobs, tmp_path).difference.figure == "valid.top5"
    assert saved(tmp_path).status == "done"


def test_a_copied_record_leaves_one_of_its_own_in_another_folder(blobs, tmp_path):
    run(blobs, tmp_path / "theirs")
    theirs = saved(tmp_path / "theirs")
    again = rerun(theirs, blobs, tmp_path / "ours")
    assert again.difference is None
    assert again.folder == runs.folder(tmp_path / "ours", "blobs", theirs.run_id)
    assert saved(tmp_path / "ours").history == theirs.history


def test_the_data_file_may_bear_another_name(blobs, tmp_path):
    run(blobs, tmp_path / "results")
    renamed = shutil.copy(blobs, tmp_path / "renamed.h5")
    again = rerun(saved(tmp_path / "results"), Path(renamed), tmp_path / "results", force=True)
    assert again.folder == runs.folder(tmp_path / "results", "blobs", again.old.run_id)


# Refusals


def test_other_data(blobs, demo, tmp_path):
    run(blobs, tmp_path)
    ours, theirs = open_store(blobs).checksum, open_store(demo).checksum
    message = f"has the checksum {theirs}, the data of softmax_cross_entropy-.* {ours}; give --data"
    with pytest.raises(UsageError, match=message):
        rerun(saved(tmp_path), demo, tmp_path)


def test_data_whose_classes_are_more(blobs, tmp_path):
    run(blobs, tmp_path)
    arrays = {name: (split.embeddings, split.labels) for name, split in open_store(blobs).splits.items()}
    store.create(tmp_path / "blobs.h5", arrays, n_classes=31)
    with pytest.raises(UsageError, match=r"is one of softmax_cross_entropy-.*: their classes or hierarchy"):
        rerun(saved(tmp_path), tmp_path / "blobs.h5", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_epochs": 3}, "the record itself have changed since; train it anew"),
        ({"n_epochs": "two"}, "the record: n_epochs = 'two'; it takes a whole number"),
        ({"method": "sofsort"}, "unknown method 'sofsort'; did you mean 'softsort'"),
    ],
)
def test_a_config_that_was_changed(blobs, tmp_path, change, message):
    run(blobs, tmp_path)
    old = kept(tmp_path, config={**saved(tmp_path).config, **change})
    with pytest.raises(UsageError, match=message):
        rerun(old, blobs, tmp_path)


def test_a_config_that_lacks_an_option(blobs, tmp_path):
    config = dict(run(blobs, tmp_path).config)
    del config["valid_size"]
    with pytest.raises(UsageError, match="the record's config lacks valid_size; train the run anew"):
        rerun(replace(saved(tmp_path), config=config), blobs, tmp_path)


class TestAFileOfTheUsers:
    BODY = "return (self.scale * logits.logsumexp(-1) - logits.gather(-1, target.unsqueeze(-1)).squeeze(-1))"

    @pytest.fixture
    def own(self, tmp_path):
        path = write_loss(tmp_path / "my_loss.py", self.BODY)
        text = Path(path).read_text().replace("class Loss(Method):\n", "class Loss(Method):\n    scale: float = 1.0\n")
        Path(path).write_text(text)
        return path

    @pytest.fixture
    def old(self, blobs, tmp_path, own):
        run(blobs, tmp_path / "results", own, scale=0.5)
        return saved(tmp_path / "results")

    def again(self, old: Record, blobs: Path, tmp_path: Path, method: str | None) -> Rerun:
        return rerun(old, blobs, tmp_path / "results", method=method)

    def test_it_is_given_again(self, old, blobs, tmp_path, own):
        found = self.again(old, blobs, tmp_path, own)
        assert found.difference is None
        assert found.new.config["scale"] == 0.5

    def test_under_another_name(self, old, blobs, tmp_path, own):
        moved = shutil.move(own, tmp_path / "moved.py")
        found = self.again(old, blobs, tmp_path, str(moved))
        assert found.difference is None
        assert found.new.run_id == old.run_id

    @pytest.mark.parametrize("method", [None, "bitonic"])
    def test_it_is_missed(self, old, blobs, tmp_path, method):
        with pytest.raises(UsageError, match=r"my_loss is a file of the user's.*; give --method \./my_loss\.py"):
            self.again(old, blobs, tmp_path, method)

    def test_it_is_not_there(self, old, blobs, tmp_path):
        with pytest.raises(UsageError, match=r"no file \./none\.py"):
            self.again(old, blobs, tmp_path, "./none.py")

    def test_it_has_changed(self, old, blobs, tmp_path, own):
        Path(own).write_text(Path(own).read_text() + "# a word\n")
        message = f"its hash is [0-9a-f]{{12}}, the record has {old.config['source']}; give the file as it was"
        with pytest.raises(UsageError, match=message):
            self.again(old, blobs, tmp_path, own)

    def test_the_run_is_of_a_method_of_ours(self, blobs, tmp_path, own):
        run(blobs, tmp_path / "results")
        with pytest.raises(UsageError, match="the run is of topkbench's own softmax_cross_entropy; leave it out"):
            self.again(saved(tmp_path / "results"), blobs, tmp_path, own)


def test_where_to_compute_is_the_users_choice(blobs, tmp_path):
    run(blobs, tmp_path, device="cpu", residency="ram")
    again = rerun(saved(tmp_path), blobs, tmp_path, residency="mmap")
    assert again.difference is None
    assert (again.new.config["device"], again.new.config["residency"]) == ("cpu", "mmap")
    elsewhere = replace(saved(tmp_path), config={**saved(tmp_path).config, "device": "cuda"})
    assert rerun(elsewhere, blobs, tmp_path, device="cpu").difference is None
