"""The draws of a run and when it is evaluated: difftopk's training script, so that its numbers can be replayed.

All of a run's own draws come, in this order, from one CPU generator: the split, the head's initial values, one
order an epoch. Any other noise comes from generators of its own.
"""

import hashlib

import torch
from torch import Tensor


def stream(seed: int) -> torch.Generator:
    """The run's generator: the numbers that follow `torch.manual_seed(seed)`."""
    return torch.Generator().manual_seed(seed)


def noise(seed: int, draw: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one kind of noise, derived from the seed and the draw's name; it never shifts `stream`."""
    digest = hashlib.sha256(f"{seed} {draw}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def default_valid_size(rows: int, classes: int) -> int:
    """Rows split off for validation: 50,000, or 100,000 above 10,000 classes; 10 % of sets too small for that.

    >>> default_valid_size(1_281_167, 1000), default_valid_size(9_908, 826)
    (50000, 990)
    """
    return min(100_000 if classes > 10_000 else 50_000, max(1, rows // 10))


def split(rows: int, valid_size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Row numbers of validation, the first `valid_size` of one permutation, and of training, the rest."""
    order = torch.randperm(rows, generator=generator)
    return order[:valid_size], order[valid_size:]


def epoch_order(rows: int, generator: torch.Generator) -> Tensor:
    """The order of one epoch's rows."""
    return torch.randperm(rows, generator=generator)


def is_evaluated(step: int, steps: int, every: int) -> bool:
    """Whether an epoch is evaluated after its step 1..steps: after its first, each `every`-th and its last.

    >>> [step for step in range(1, 251) if is_evaluated(step, 250, 100)]
    [1, 100, 200, 250]
    """
    return step in (1, steps) or step % every == 0
