"""The m classes that matter to a sample: its label and the m − 1 best others."""

import torch
from torch import Tensor

from topkbench.ops.scores import finite


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
    label_B1 = target_B.unsqueeze(-1).long()
    others_BC = logits_BC.scatter(-1, label_B1, float("-inf"))
    best_BM = others_BC.topk(m - 1, dim=-1).values
    return finite(torch.cat([logits_BC.gather(-1, label_B1), best_BM], dim=-1)), torch.zeros_like(target_B)
