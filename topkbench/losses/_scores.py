"""Whether scores and labels fit together."""

from torch import Tensor

from topkbench.ops.scores import check_labels


def check_scores(logits: Tensor, target: Tensor) -> None:
    """Refuse scores and labels that do not fit together.

    Raises:
        TypeError: scores that are not floating point, or labels that are not integers.
        ValueError: shapes that differ, or (on the CPU) a label out of range.
    """
    if not logits.is_floating_point():
        raise TypeError(f"logits are {logits.dtype}; give floating point scores")
    if logits.shape[:-1] != target.shape:
        raise ValueError(
            f"logits {list(logits.shape)} need a target {list(logits.shape[:-1])}, got {list(target.shape)}"
        )
    check_labels(target, logits.shape[-1] if logits.ndim else 0)
