"""Ranks against a count in plain Python."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from topkbench import metrics

SCORES = st.lists(
    st.lists(st.sampled_from([-math.inf, -1.0, 0.0, 1.0, 2.0, math.inf, math.nan]), min_size=4, max_size=4), min_size=1
)


def rank_by_count(scores: list[float], target: int) -> int:
    own = scores[target]
    if math.isnan(own):
        return len(scores)
    return 1 + sum(s >= own for c, s in enumerate(scores) if c != target and not math.isnan(s))


@given(SCORES, st.integers(0, 3))
def test_rank_is_one_plus_the_others_at_least_as_high(rows, target):
    ranks = metrics.ranks(torch.tensor(rows), torch.full((len(rows),), target))
    assert ranks.tolist() == [rank_by_count(row, target) for row in rows]


@given(SCORES)
def test_prediction_is_the_first_highest(rows):
    lowest = [[-math.inf if math.isnan(s) else s for s in row] for row in rows]
    assert metrics.predictions(torch.tensor(rows)).tolist() == [row.index(max(row)) for row in lowest]


def test_stacked_heads_share_the_labels():
    scores = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 6, 3, 2, 1])
    together = metrics.ranks(scores, target)
    assert together.shape == (3, 5)
    assert torch.equal(together[1], metrics.ranks(scores[1], target))


def test_top_k_of_known_ranks():
    accuracies = metrics.top_k(torch.tensor([1, 2, 5, 6, 10, 11, 20, 21]))
    assert accuracies == {"top1": 1 / 8, "top5": 3 / 8, "top10": 5 / 8, "top20": 7 / 8}
