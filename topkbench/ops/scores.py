"""What operators and losses ask of scores and labels."""

import torch
from torch import Tensor


def float_type(scores: Tensor) -> torch.dtype:
    """What is computed with for such scores: float32 for half precision, else their own type.

    Raises:
        TypeError: scores that are not floating point.
    """
    if not scores.is_floating_point():
        raise TypeError(f"the scores are {scores.dtype}; give floating point scores")
    return torch.float32 if scores.dtype in (torch.float16, torch.bfloat16) else scores.dtype


def at_least_float32(scores: Tensor) -> Tensor:
    """Scores that can be computed with: half precision becomes float32, the rest stays as it is."""
    return scores.to(float_type(scores))


def finite(scores: Tensor) -> Tensor:
    """Scores of which differences are finite: at least float32, ±∞ counting as ±1e18; NaN stays.

    >>> finite(torch.tensor([1.0, float("inf")]))
    tensor([1.0000e+00, 1.0000e+18])
    """
    return at_least_float32(scores).clamp(-1e18, 1e18)


def check_scores(scores: Tensor, target: Tensor) -> None:
    """Refuse scores and labels that do not fit together.

    Raises:
        TypeError: scores that are not floating point, or labels that are not integers.
        ValueError: shapes that differ, or a label out of range; looked for on the CPU alone, where looking costs no
            wait for the device.
    """
    float_type(scores)
    if scores.shape[:-1] != target.shape:
        raise ValueError(
            f"scores {list(scores.shape)} need a target {list(scores.shape[:-1])}, got {list(target.shape)}"
        )
    if target.is_floating_point() or target.dtype == torch.bool:
        raise TypeError(f"target is {target.dtype}; give class indices as integers")
    if target.device.type == "cpu" and target.numel():
        classes = scores.shape[-1]
        low, high = (int(end) for end in target.aminmax())
        if low < 0 or high >= classes:
            raise ValueError(f"target holds {low if low < 0 else high}, but the classes are 0..{classes - 1}")


def require_ranks(k: int, m: int) -> None:
    """Refuse more ranks than there are scores, or none.

    Raises:
        ValueError: k is not in 1..m.
    """
    if not 1 <= k <= m:
        raise ValueError(f"k = {k} is not between 1 and the {m} scores")
