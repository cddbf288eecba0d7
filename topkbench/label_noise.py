"""Label noise: what happens to a method when some of its training labels are wrong.

Legend: N rows, C classes.
"""

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


def among_siblings(label_N: Tensor, family_C: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Make each label wrong with some probability: another class of its family, all alike; one without others stays.

    As `within_blocks`, more noise keeps what less noise has changed.

    Args:
        label_N: [N], integers in 0..C−1, on the CPU.
        family_C: [C], integers ≥ 0, the same for classes of one family, such as the parents of the classes' leaves.
        probability: in [0, 1].
        generator: on the CPU.

    Returns:
        [N], the labels with noise.

    >>> among_siblings(torch.tensor([0, 1, 2]), torch.tensor([7, 7, 3]), 1.0, torch.Generator().manual_seed(0))
    tensor([1, 0, 2])
    """
    is_wrong_N, share_N = torch.rand(2, len(label_N), generator=generator, dtype=torch.float64)
    by_family_C = family_C.argsort(stable=True)  # the classes of a family lie together
    place_C = torch.empty_like(by_family_C)
    place_C[by_family_C] = torch.arange(len(family_C))
    size_C = torch.bincount(family_C)[family_C]
    first_C = torch.searchsorted(family_C[by_family_C], family_C)
    others_N = size_C[label_N] - 1
    step_N = 1 + (share_N * others_N).long()
    within_N = (place_C - first_C)[label_N]
    drawn_N = by_family_C[first_C[label_N] + (within_N + step_N) % size_C[label_N]]
    return torch.where((is_wrong_N < probability) & (others_N > 0), drawn_N, label_N)
