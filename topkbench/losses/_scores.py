"""What every loss asks of its scores."""

import torch
from torch import Tensor


def at_least_float32(scores: Tensor) -> Tensor:
    """Scores in which a loss can be computed: half precision becomes float32, the rest stays as it is."""
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores


def check_scores(logits: Tensor, target: Tensor) -> None:
    """Refuse scores and labels that do not fit together.

    Raises:
        TypeError: scores that are not floating point, or labels that are not integers.
        ValueError: shapes that differ, or (on the CPU, where looking costs no wait) a label out of range.
    """
    classes = logits.shape[-1] if logits.ndim else 0
    if not logits.is_floating_point():
        raise TypeError(f"logits are {logits.dtype}; give floating point scores")
    if target.is_floating_point() or target.dtype == torch.bool:
        raise TypeError(f"target is {target.dtype}; give class indices as integers")
    if logits.shape[:-1] != target.shape:
        raise ValueError(
            f"logits {list(logits.shape)} need a target {list(logits.shape[:-1])}, got {list(target.shape)}"
        )
    if target.device.type == "cpu" and target.numel():
        low, high = (int(end) for end in target.aminmax())
        if low < 0 or high >= classes:
            raise ValueError(f"target holds {low if low < 0 else high}, but the classes are 0..{classes - 1}")
