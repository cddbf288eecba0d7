"""Which rows a run sees, and which labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from topkbench import partition, protocol, settings, store, train
from topkbench.errors import DataError, UsageError
from topkbench.store import open_store


def parts(path, **chosen):
    data = open_store(path)
    resolved = settings.resolve("softmax_cross_entropy", {"batch_size": 5, **chosen}, train.facts(data))
    return partition.parts(data, resolved.protocol, protocol.stream(chosen.get("seed", 0)))


def label_counts(part: partition.Part) -> list[int]:
    return torch.bincount(part.labels[part.index]).tolist()


@pytest.fixture
def long_tailed(tmp_path):
    """Class c has c + 1 rows, c = 0..9."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(10), np.arange(1, 11)))
    split = (rng.normal(size=(len(labels), 4)).astype(np.float32), labels)
    path = tmp_path / "tailed.h5"
    store.create(path, {"train": split, "test": split})
    return path


@pytest.fixture
def with_valid(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 6
    split = (rng.normal(size=(60, 4)).astype(np.float32), labels)
    path = tmp_path / "own.h5"
    store.create(path, {"train": split, "valid": split, "test": split})
    return path


def test_a_balanced_subset_and_a_balanced_validation(blobs):
    """30 classes of 40 rows: valid_size 100 is 3 of each class, and 7 others of each are trained on."""
    found = parts(blobs, train_per_class=7, valid_size=100)
    assert label_counts(found["valid"]) == [3] * 30
    assert label_counts(found["train"]) == [7] * 30
    assert not set(found["valid"].index.tolist()) & set(found["train"].index.tolist())
    assert label_counts(found["test"]) == [10] * 30


def test_a_fraction_is_of_the_average_class(blobs):
    assert label_counts(parts(blobs, train_fraction=0.25, valid_size=30)["train"]) == [10] * 30


def test_subsets_grow_and_validation_stays(blobs):
    """Subsets of one seed contain each other, so that sizes are compared on one validation."""
    few, more = parts(blobs, train_per_class=3), parts(blobs, train_per_class=9)
    assert set(few["train"].index.tolist()) < set(more["train"].index.tolist())
    assert torch.equal(few["valid"].index, more["valid"].index)
    other = parts(blobs, train_per_class=3, seed=1)
    assert not torch.equal(other["valid"].index, few["valid"].index)


def test_a_subset_consumes_the_streams_one_permutation(blobs):
    """So that the head's initial values are those of the whole set's run."""
    whole, subset = protocol.stream(0), protocol.stream(0)
    protocol.split(100, 10, whole)
    protocol.balanced_split(torch.arange(100) % 5, 5, 10, 3, subset)
    assert torch.equal(torch.rand(3, generator=whole), torch.rand(3, generator=subset))


def test_small_classes_give_what_they_have_the_last_row_for_training(long_tailed):
    found = parts(long_tailed, train_per_class=4, valid_size=20)
    assert label_counts(found["valid"]) == [0, 1, 2, 2, 2, 2, 2, 2, 2, 2]
    assert label_counts(found["train"]) == [1, 1, 1, 2, 3, 4, 4, 4, 4, 4]


def test_a_validation_of_ones_own_stays_whole(with_valid):
    found = parts(with_valid, train_per_class=4)
    assert len(found["valid"].index) == 60
    assert label_counts(found["train"]) == [4] * 6
    assert found["valid"].split == "valid"
    assert torch.equal(parts(with_valid)["train"].index, torch.arange(60))


def test_only_the_training_labels_are_noisy(blobs):
    clean, noisy = parts(blobs), parts(blobs, label_noise=0.8)
    for role in ("valid", "test"):
        assert torch.equal(noisy[role].labels, clean[role].labels)
        assert torch.equal(noisy[role].index, clean[role].index)
    changed = (noisy["train"].labels != clean["train"].labels).double().mean()
    assert 0.58 < changed < 0.70  # .8 · 4/5, and 5 standard deviations of 1,200 draws
    assert not torch.equal(parts(blobs, label_noise=0.8, seed=1)["train"].labels, noisy["train"].labels)


def test_a_batch_is_bounded_by_the_rows_that_there_are(long_tailed, with_valid):
    """1 + 1 + 1 + 2 + 3 + 5 · 4 rows, of the classes whose validation has 0, 1, 2, 2 … of them."""
    data = open_store(long_tailed)
    subset = {"train_per_class": 4, "valid_size": 20}
    found = settings.resolve("softmax_cross_entropy", subset, train.facts(data)).protocol
    assert found.batch_size == len(parts(long_tailed, **subset)["train"].index) == 28
    with pytest.raises(UsageError, match="--batch-size 29 exceeds the 28 rows"):
        parts(long_tailed, batch_size=29, **subset)
    own = settings.resolve("softmax_cross_entropy", {"train_per_class": 4}, train.facts(open_store(with_valid)))
    assert own.protocol.batch_size == 24


def test_labels_out_of_range_are_damage(blobs):
    data = open_store(blobs)
    resolved = settings.resolve("softmax_cross_entropy", {}, train.facts(data))
    with pytest.raises(DataError, match="info FILE --verify"):
        partition.parts(replace(data, n_classes=29), resolved.protocol, protocol.stream(0))
