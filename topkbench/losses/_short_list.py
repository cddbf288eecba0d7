"""The m classes that matter to a sample: its label and the m − 1 best others."""

import torch
from torch import Tensor

from topkbench.ops.scores import finite
from topkbench.ops.selection import largest


def short_list(logits_BC: Tensor, target_B: Tensor, m: int | None) -> tuple[Tensor, Tensor]:
    """The label's score at index 0, then the m − 1 highest others, falling (Petersen et al. 2022).

    With m None nothing is left out: the classes keep their order.

    Args:
        logits_BC: [..., B, C]; ±∞ counts as ±1e18 (of which differences are finite), NaN stays.
        target_B: [..., B], integers in 0..C−1.
        m: how many classes to keep, 1..C, or None.

    Returns:
        Scores [..., B, M] of at least float32, and the label's index in them, [..., B].

    Raises:
        ValueError: m > C.

    >>> short_list(torch.tensor([[0.5, 3.0, 2.0, 1.0]]), torch.tensor([3]), 3)
    (tensor([[1., 3., 2.]]), tensor([0]))
    """
    classes = logits_BC.shape[-1]
    if m is None:
        return finite(logits_BC), target_B
    if m > classes:
        raise ValueError(f"m = {m} exceeds the {classes} classes; use m = {classes} or fewer, or none")
    index_BM = _index(logits_BC.detach(), target_B.unsqueeze(-1).long(), m)
    return finite(logits_BC.gather(-1, index_BM)), torch.zeros_like(target_B)


def _index(logits_BC: Tensor, label_B1: Tensor, m: int) -> Tensor:
    """The classes of the short-list: the best m without the label, or without the last where it is not among them."""
    best_BM = largest(logits_BC, m).indices
    is_past_label_BM = (best_BM == label_B1).cummax(-1).values
    others_BM = torch.where(is_past_label_BM[..., :-1], best_BM[..., 1:], best_BM[..., :-1])
    return torch.cat([label_B1, others_BM], dim=-1)
