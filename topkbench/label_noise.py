"""Label noise: what happens to a method when some of its training labels are wrong."""

import torch
from torch import Tensor


def within_blocks(label_N: Tensor, classes: int, probability: float, block: int, generator: torch.Generator) -> Tensor:
    """Redraw each label, with some probability, from its block of consecutive classes (Berrada et al. 2018, §5.1).

    CIFAR-100's 20 superclasses are such blocks of 5. The draw is uniform over the block, so that it may give the label
    itself; the last block is what is left. A generator in one state redraws at a higher probability all that it
    redraws at a lower one, to the same classes.

    Args:
        label_N: [N], integers in 0..C−1, on the CPU.
        classes: C.
        probability: in [0, 1].
        block: classes in a block, ≥ 1.
        generator: on the CPU.

    Returns:
        [N], the labels with noise.

    >>> within_blocks(torch.tensor([7, 7, 7]), 10, 1.0, 5, torch.Generator().manual_seed(0)) // 5
    tensor([1, 1, 1])
    """
    is_redrawn_N, share_N = torch.rand(2, len(label_N), generator=generator, dtype=torch.float64)
    block = min(block, classes)
    first_N = label_N - label_N % block
    size_N = (classes - first_N).clamp(max=block)
    drawn_N = first_N + (share_N * size_N).long()
    return torch.where(is_redrawn_N < probability, drawn_N, label_N)
