"""Noise within blocks: how often, how evenly, and nested."""

from math import sqrt

import pytest
import torch

from topkbench.label_noise import among_siblings, within_blocks

ROWS = 50_000


def noisy(probability: float, classes: int = 23, block: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.arange(ROWS) % classes
    return labels, within_blocks(labels, classes, probability, block, torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("probability", "block"), [(0.0, 5), (0.2, 5), (0.6, 5), (1.0, 5), (1.0, 1), (0.6, 100)])
def test_how_many_change_and_where_to(probability, block):
    """A label changes with probability p (1 − 1 / size of its block); within 5 standard deviations of 50,000 draws."""
    labels, changed = noisy(probability, block=block)
    assert torch.equal(changed // block, labels // block)
    assert 0 <= changed.min() <= changed.max() <= 22
    size = (23 - labels // block * block).clamp(max=block).double()
    expected = (probability * (1 - 1 / size)).mean()
    assert abs((changed != labels).double().mean() - expected) <= 5 * sqrt(0.25 / ROWS)


def test_every_class_of_a_block_is_as_likely():
    """Class 7's 2,174 rows fall on the five classes of its block alike: within 5 standard deviations each."""
    labels, changed = noisy(1.0)
    counts = torch.bincount(changed[labels == 7], minlength=23)
    rows = int((labels == 7).sum())
    assert int(counts[5:10].sum()) == rows
    assert (counts[5:10] - rows / 5).abs().max() <= 5 * sqrt(rows * 0.2 * 0.8)


def test_the_last_block_may_be_small():
    labels, changed = noisy(1.0)
    assert set(changed[labels >= 20].tolist()) == {20, 21, 22}


def test_more_noise_keeps_what_less_has_changed():
    labels, little = noisy(0.2)
    _, much = noisy(0.6)
    assert torch.equal(much[little != labels], little[little != labels])


FAMILIES = torch.tensor([9, 4, 9, 0, 4, 9, 7])  # {0, 2, 5}, {1, 4}, {3}, {6}


def among(probability: float) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.arange(ROWS) % 7
    return labels, among_siblings(labels, FAMILIES, probability, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_siblings_make_labels_wrong_as_often_as_asked_where_there_are_any(probability):
    """Within 5 standard deviations of the draws."""
    labels, changed = among(probability)
    assert torch.equal(FAMILIES[changed], FAMILIES[labels])
    has_siblings = (labels != 3) & (labels != 6)
    assert torch.equal(changed[~has_siblings], labels[~has_siblings])
    rows = int(has_siblings.sum())
    share = (changed != labels)[has_siblings].double().mean()
    assert abs(share - probability) <= 5 * sqrt(0.25 / rows) * (0 < probability < 1)


def test_every_sibling_is_as_likely_and_noise_is_nested():
    labels, changed = among(1.0)
    counts = torch.bincount(changed[labels == 2], minlength=7)
    rows = int((labels == 2).sum())
    assert counts[[1, 2, 3, 4, 6]].sum() == 0
    assert (counts[[0, 5]] - rows / 2).abs().max() <= 5 * sqrt(rows / 4)
    _, little = among(0.2)
    assert torch.equal(changed[little != labels], little[little != labels])
