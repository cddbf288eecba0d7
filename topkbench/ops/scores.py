"""What operators and losses ask of scores and labels."""

import torch
from torch import Tensor


def at_least_float32(scores: Tensor) -> Tensor:
    """Scores that can be computed with: half precision becomes float32, the rest stays as it is."""
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores


def finite(scores: Tensor) -> Tensor:
    """Scores of which differences are finite: at least float32, ±∞ counting as ±1e18; NaN stays.

    >>> finite(torch.tensor([1.0, float("inf")]))
    tensor([1.0000e+00, 1.0000e+18])
    """
    return at_least_float32(scores).clamp(-1e18, 1e18)


def check_labels(label: Tensor, classes: int) -> None:
    """Refuse what is no label.

    Raises:
        TypeError: labels that are not integers.
        ValueError: one out of range; looked for on the CPU alone, where looking costs no wait for the device.
    """
    if label.is_floating_point() or label.dtype == torch.bool:
        raise TypeError(f"target is {label.dtype}; give class indices as integers")
    if label.device.type == "cpu" and label.numel():
        low, high = (int(end) for end in label.aminmax())
        if low < 0 or high >= classes:
            raise ValueError(f"target holds {low if low < 0 else high}, but the classes are 0..{classes - 1}")
