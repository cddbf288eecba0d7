"""Counts of pairs against plain loops."""

from importlib import import_module

import numpy as np
import pytest

from tests.report.statistics.conftest import differences
from topkbench.report.statistics import joint

SEEDS = [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [1, 3, 8], [7], [4, 3, 2]]  # in common: 5, 2, 0, 3, …


def by_loops(a, b, seeds):
    """The same counts of one pair: of each seed who is right alone, and the sum of squares over images."""
    both = [seed in a and seed in b for seed in seeds]
    only_a = [sum(a[s] & ~b[s]) if has else 0 for s, has in zip(seeds, both, strict=True)]
    only_b = [sum(b[s] & ~a[s]) if has else 0 for s, has in zip(seeds, both, strict=True)]
    d = differences(a, b)
    return both, only_a, only_b, sum(sum(column) ** 2 for column in d.T)


def check(hits):
    counts = joint(hits)
    seeds = sorted({seed for of_one in hits for seed in of_one})
    for a, one in enumerate(hits):
        for b, other in enumerate(hits):
            pair = counts.of(a, b)
            found = pair.common.tolist(), pair.only_a.tolist(), pair.only_b.tolist(), pair.image_squares
            assert found == by_loops(one, other, seeds)


@pytest.mark.parametrize("images", [1, 7, 100])
def test_as_plain_loops_count_where_configurations_lack_seeds(draw, images):
    for seed in range(5):
        check(draw(np.random.default_rng(seed), SEEDS, images))


def test_blocks_of_images_add_up(draw, monkeypatch):
    monkeypatch.setattr(import_module("topkbench.report.statistics.joint"), "_BLOCK", 16)
    check(draw(np.random.default_rng(0), SEEDS, 50))


def test_what_follows_from_the_counts(draw):
    hits = draw(np.random.default_rng(3), SEEDS)
    counts, d = joint(hits), differences(hits[0], hits[4])  # seeds 2, 3, 4 of 0, 1, 2, 3, 4, 7, 8
    pair = counts.of(0, 4)
    assert pair.n_seeds == 3
    assert pair.seed_sums.tolist() == [0, 0, *d.sum(1), 0, 0]
    assert pair.squares == (d**2).sum()
    np.testing.assert_allclose(pair.differences, [np.nan, np.nan, *d.mean(1), np.nan, np.nan], rtol=1e-15)


def test_pairs_are_picked_by_arrays(draw):
    counts = joint(draw(np.random.default_rng(4), SEEDS))
    pairs = counts.of([0, 2], [1, 4])
    assert pairs.only_a.shape == (7, 2)
    assert pairs.image_squares.tolist() == [counts.of(0, 1).image_squares, counts.of(2, 4).image_squares]


def test_the_order_of_configurations_and_of_seeds_says_nothing(draw):
    hits = draw(np.random.default_rng(5), SEEDS)
    counts, turned = joint(hits), joint([dict(reversed(of_one.items())) for of_one in hits[::-1]])
    assert (counts.only_a == turned.only_a[:, ::-1, ::-1]).all()
    assert (counts.only_a == counts.only_b.transpose(0, 2, 1)).all()
    assert (counts.image_squares == turned.image_squares[::-1, ::-1]).all()


@pytest.mark.parametrize(
    ("hits", "message"),
    [
        ([], "of \\[\\] images"),
        ([{0: np.ones(3, bool)}, {}], "no heads"),
        ([{0: np.ones(3, bool)}, {0: np.ones(4, bool)}], "of \\[3, 4\\] images"),
        ([{0: np.ones(0, bool)}], "of \\[0\\] images"),
    ],
)
def test_hits_that_cannot_be_paired(hits, message):
    with pytest.raises(ValueError, match=message):
        joint(hits)
