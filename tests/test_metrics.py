"""Ranks against a count in plain Python, costs against hand-worked and published ones."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
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


@given(SCORES, st.integers(0, 3))
def test_prediction_is_the_label_at_rank_one_and_else_the_first_highest_other(rows, target):
    """So that the rate of mistakes is 1 − top-1, ties included."""
    found = metrics.predictions(torch.tensor(rows), torch.full((len(rows),), target)).tolist()
    for row, predicted in zip(rows, found, strict=True):
        high = [-math.inf if math.isnan(s) else s for s in row]
        others = [c for c in range(4) if c != target]
        is_right = rank_by_count(row, target) == 1
        assert predicted == (target if is_right else max(others, key=lambda c: (high[c], -c)))


def test_predictions_of_stacked_heads():
    scores = torch.tensor([[[1.0, 2.0, 2.0], [3.0, 0.0, 1.0]], [[0.0, 5.0, 1.0], [2.0, 2.0, 2.0]]])
    assert metrics.predictions(scores, torch.tensor([1, 0])).tolist() == [[2, 0], [1, 1]]


def test_stacked_heads_share_the_labels():
    scores = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 6, 3, 2, 1])
    together = metrics.ranks(scores, target)
    assert together.shape == (3, 5)
    assert torch.equal(together[1], metrics.ranks(scores[1], target))


def test_top_k_of_known_ranks():
    accuracies = metrics.top_k(torch.tensor([1, 2, 5, 6, 10, 11, 20, 21]))
    assert accuracies == {"top1": 1 / 8, "top5": 3 / 8, "top10": 5 / 8, "top20": 7 / 8}


# ---- what mistakes cost

APART = torch.tensor([[0, 2, 4, 4], [2, 0, 4, 4], [4, 4, 0, 3], [4, 4, 3, 0]], dtype=torch.uint8)


def test_costs_by_hand():
    prediction, target = torch.tensor([[0, 1, 3, 2], [0, 0, 2, 2]]), torch.tensor([0, 0, 2, 0])
    assert metrics.costs(APART, prediction, target).tolist() == [[0, 2, 3, 4], [0, 0, 0, 4]]
    assert metrics.average_cost(APART, prediction, target).tolist() == [9 / 4, 1]
    assert metrics.mistake_cost(APART, prediction, target).tolist() == [3, 4]


def test_without_a_mistake_there_is_no_mean_of_them():
    right = torch.tensor([0, 3])
    assert metrics.average_cost(APART, right, right).item() == 0
    assert metrics.mistake_cost(APART, right, right).isnan()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int64, torch.float32])
def test_costs_are_exact_in_every_type(dtype):
    costs = metrics.costs(APART.to(dtype), torch.tensor([0, 3]), torch.tensor([2, 2]))
    assert (costs.dtype, costs.tolist()) == (torch.float32, [4, 3])


def test_means_are_of_double_precision():
    """Two costs of a tenth, as float32 has it, among three rows: float32 would round their mean once more."""
    distances = torch.tensor([[0.0, 0.1], [0.1, 0.0]])
    predicted, target = torch.tensor([1, 1, 1]), torch.tensor([0, 0, 1])
    tenth = float(np.float32(0.1))
    assert metrics.average_cost(distances, predicted, target).item() == 2 * tenth / 3
    assert metrics.mistake_cost(distances, predicted, target).item() == tenth


def test_of_double_precision_nothing_is_lost():
    assert metrics.costs(APART.double() / 3, torch.tensor([1]), torch.tensor([0])).item() == 2 / 3


def test_average_costs_as_published():
    """torch_prototypes' values, in float32."""
    with np.load(Path(__file__).parent / "golden" / "prototypes_public.npz") as cases:
        for i, case in enumerate(json.loads(str(cases["meta"]))):
            scores, target, distances = (torch.from_numpy(cases[f"{name}{i}"]) for name in "zyD")
            cost = metrics.average_cost(distances, metrics.predictions(scores, target), target)
            assert cost.item() == pytest.approx(case["average_cost"], rel=1e-6)


@given(SCORES, st.integers(0, 3), st.integers(1, 6))
def test_the_best_cost_is_the_least_of_the_first_k(rows, target, k):
    scores, targets = torch.tensor(rows), torch.full((len(rows),), target)
    (found,) = metrics.best_costs(APART, scores, targets, (k,))
    for row, cost in zip(rows, found.tolist(), strict=True):
        is_hit = rank_by_count(row, target) <= k
        assert (cost == 0) == is_hit
        high = [-math.inf if math.isnan(s) else s for s in row]
        others = sorted((c for c in range(4) if c != target), key=lambda c: -high[c])
        clearly = [c for c in others if sum(high[o] >= high[c] for o in others) <= k]  # whatever becomes of ties
        if not is_hit and len(clearly) == min(k, 3):
            assert cost == min(APART[target, c].item() for c in clearly)
        elif not is_hit:
            assert cost in [APART[target, c].item() for c in others]


@given(SCORES, st.integers(0, 3))
def test_the_best_of_more_costs_no_more(rows, target):
    scores, targets = torch.tensor(rows), torch.full((len(rows),), target)
    best = metrics.best_costs(APART, scores, targets, (1, 2, 3, 4))
    assert (best[3] == 0).all()
    distinct = torch.tensor([len({s for s in row if s == s}) == 4 for row in rows], dtype=torch.bool)
    for more, fewer in zip(best[1:], best, strict=False):
        assert (more <= fewer)[distinct].all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_best_costs_of_stacked_heads_in_other_types(dtype):
    scores = torch.tensor([[[0.1, 0.7, 0.2, 0.3]], [[0.1, 0.2, 0.3, 0.7]]], dtype=dtype)
    target = torch.tensor([0])
    assert metrics.best_costs(APART, scores, target, [1])[0].tolist() == [[2], [4]]
    assert metrics.best_costs(APART, scores, target, [3])[0].tolist() == [[2], [2]]
    assert metrics.best_costs(APART, scores, target, [4])[0].tolist() == [[0], [0]]
