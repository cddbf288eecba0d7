"""The rank of the true class, from which every top-k accuracy and every paired test follow; and what mistakes cost.

The cost of a prediction is its distance from the true class in a hierarchy (see `topkbench.hierarchy`).

Legend: H stacked heads, B batch, C classes.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

KS = (1, 5, 10, 20)
"""The k of the papers' tables."""


def ranks(scores_HBC: Tensor, target_B: Tensor) -> Tensor:
    """1 + the number of other classes scored at least as high as the true one.

    Ties count against the true class. If its score is NaN it ranks last; the NaN of another class counts as lower.

    Args:
        scores_HBC: [..., B, C].
        target_B: [B] or [..., B], integers in 0..C−1.

    Returns:
        [..., B] int64, in 1..C.

    >>> ranks(torch.tensor([[0.1, 0.7, 0.7, float("nan")]]), torch.tensor([2]))
    tensor([2])
    """
    index = target_B.long().expand(scores_HBC.shape[:-1]).unsqueeze(-1)
    own = scores_HBC.gather(-1, index)
    # The true class is as high as itself: counting it gives the 1; a comparison with NaN counts nobody.
    counted = (scores_HBC >= own).sum(-1)
    return torch.where(own.squeeze(-1).isnan(), scores_HBC.shape[-1], counted)


def predictions(scores_HBC: Tensor, target_B: Tensor, rank_HB: Tensor | None = None) -> Tensor:
    """The class with the highest score: the true one where its rank is 1, so that every other rank is a mistake.

    Of several others with the highest score it is the first; NaN counts as lowest.

    Args:
        scores_HBC: as of `ranks`.
        target_B: likewise.
        rank_HB: what `ranks` gives, where that is known already.

    Returns:
        [..., B] int64, in 0..C−1.

    >>> predictions(torch.tensor([[0.1, 0.7, 0.7, float("nan")]] * 2), torch.tensor([1, 2]))
    tensor([2, 1])
    """
    label_HB = target_B.long().expand(scores_HBC.shape[:-1])
    rank_HB = ranks(scores_HBC, target_B) if rank_HB is None else rank_HB
    return torch.where(rank_HB == 1, label_HB, _others(scores_HBC, target_B).argmax(-1))


def _others(scores_HBC: Tensor, target_B: Tensor) -> Tensor:
    """The scores with the true class below all others, the NaN of which are as low as −∞."""
    lowest = torch.finfo(scores_HBC.dtype).min
    target_HB1 = target_B.long().expand(scores_HBC.shape[:-1]).unsqueeze(-1)
    return scores_HBC.nan_to_num(nan=lowest, posinf=-lowest, neginf=lowest).scatter(-1, target_HB1, -torch.inf)


def top_k(ranks_B: Tensor, ks: Sequence[int] = KS) -> Mapping[str, float]:
    """Top-k accuracies, fractions 0..1: {"top1": …}; a k above the number of classes gives 1.

    >>> top_k(torch.tensor([1, 3, 6, 7]), ks=(1, 5))
    {'top1': 0.25, 'top5': 0.5}
    """
    hits = torch.stack([(ranks_B <= k).sum() for k in ks]).tolist()
    return {f"top{k}": hit / len(ranks_B) for k, hit in zip(ks, hits, strict=True)}


def costs(distances_CC: Tensor, prediction_B: Tensor, target_B: Tensor) -> Tensor:
    """The distance of each prediction from the truth.

    Args:
        distances_CC: [C, C], of any type, with 0 on the diagonal.
        prediction_B: [..., B], integers in 0..C−1.
        target_B: [B] or [..., B], likewise.

    Returns:
        [..., B] floating point: float32, or the distances' own type.

    >>> costs(torch.tensor([[0, 2, 4], [2, 0, 4], [4, 4, 0]]), torch.tensor([0, 1]), torch.tensor([0, 2]))
    tensor([0., 4.])
    """
    cost_B = distances_CC[target_B.long(), prediction_B.long()]
    return cost_B if cost_B.is_floating_point() else cost_B.float()


def average_cost(distances_CC: Tensor, prediction_B: Tensor, target_B: Tensor) -> Tensor:
    """AC: the mean distance of the prediction from the truth (Sainte Fare Garnot & Landrieu, BMVC 2021).

    Args:
        distances_CC: as of `costs`.
        prediction_B: likewise.
        target_B: likewise.

    Returns:
        [...] float64, whose sum over many rows keeps its digits.

    >>> average_cost(torch.tensor([[0, 2, 4], [2, 0, 4], [4, 4, 0]]), torch.tensor([0, 1]), torch.tensor([0, 2]))
    tensor(2., dtype=torch.float64)
    """
    return costs(distances_CC, prediction_B, target_B).double().mean(-1)


def mistake_cost(distances_CC: Tensor, prediction_B: Tensor, target_B: Tensor) -> Tensor:
    """The mean distance of the prediction from the truth over the mistakes alone; NaN where there are none.

    Args:
        distances_CC: as of `costs`.
        prediction_B: likewise.
        target_B: likewise.

    Returns:
        [...] float64.

    >>> mistake_cost(torch.tensor([[0, 2, 4], [2, 0, 4], [4, 4, 0]]), torch.tensor([0, 1]), torch.tensor([0, 2]))
    tensor(4., dtype=torch.float64)
    """
    cost_B = costs(distances_CC, prediction_B, target_B).double()
    return cost_B.sum(-1) / (prediction_B != target_B).sum(-1)  # what is right costs nothing


def best_costs(
    distances_CC: Tensor, scores_HBC: Tensor, target_B: Tensor, ks: Sequence[int], rank_HB: Tensor | None = None
) -> list[Tensor]:
    """The distance of the true class from the nearest of the k classes with the highest scores, for each k.

    It is 0 where the true class is among the k, which `ranks` decides: of classes scored as high as others it counts as
    the last. NaN counts as lowest.

    Args:
        distances_CC: [C, C], of any type, with 0 on the diagonal.
        scores_HBC: [..., B, C].
        target_B: [B] or [..., B], integers in 0..C−1.
        ks: each k; above the number of classes it counts as that.
        rank_HB: what `ranks` gives, where that is known already.

    Returns:
        [..., B] floating point, as of `costs`, for each k.

    >>> scores = torch.tensor([[0.1, 0.7, 0.2]])
    >>> best_costs(torch.tensor([[0, 2, 4], [2, 0, 4], [4, 4, 0]]), scores, torch.tensor([0]), ks=(1, 2, 3))
    [tensor([2.]), tensor([2.]), tensor([0.])]
    """
    rank_HB = ranks(scores_HBC, target_B) if rank_HB is None else rank_HB
    highest = _others(scores_HBC, target_B).topk(min(max(ks), scores_HBC.shape[-1])).indices
    nearest = costs(distances_CC, highest, target_B.long().unsqueeze(-1)).cummin(-1).values
    return [nearest[..., min(k, nearest.shape[-1]) - 1].masked_fill(rank_HB <= k, 0) for k in ks]
