"""The rank of the true class, from which every top-k accuracy and every paired test follow.

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


def predictions(scores_HBC: Tensor) -> Tensor:
    """The first of the classes with the highest score, [..., B] int64; NaN counts as lowest.

    >>> predictions(torch.tensor([[0.1, 0.7, 0.7, float("nan")]]))
    tensor([1])
    """
    return scores_HBC.nan_to_num(nan=float("-inf"), posinf=float("inf"), neginf=float("-inf")).argmax(-1)


def top_k(ranks_B: Tensor, ks: Sequence[int] = KS) -> Mapping[str, float]:
    """Top-k accuracies, fractions 0..1: {"top1": …}; a k above the number of classes gives 1.

    >>> top_k(torch.tensor([1, 3, 6, 7]), ks=(1, 5))
    {'top1': 0.25, 'top5': 0.5}
    """
    hits = torch.stack([(ranks_B <= k).sum() for k in ks]).tolist()
    return {f"top{k}": hit / len(ranks_B) for k, hit in zip(ks, hits, strict=True)}
