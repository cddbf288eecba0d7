"""The draws of a run and when it is evaluated: difftopk's training script, so that its numbers can be replayed.

All of a run's own draws come, in this order, from one CPU generator: the split, the head's initial values, one
order an epoch. Any other noise comes from generators of its own.

Legend: N rows, n rows of a part, C classes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

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


def rows_per_class(train_per_class: int | None, train_fraction: float | None, facts: Mapping[str, Any]) -> int | None:
    """How many training rows a balanced subset keeps of each class; None where there is to be no subset.

    A fraction is of the average class: F · N / C of N rows and C classes, rounded, at least 1.

    >>> rows_per_class(None, 0.5, {"n_train": 1_281_167, "n_classes": 1000})
    641
    """
    if train_fraction is not None:
        average: float = facts["n_train"] / facts["n_classes"]
        return max(1, round(train_fraction * average))
    return train_per_class


def balanced_rows(class_rows: Sequence[int], valid_size: int, per_class: int) -> int:
    """How many rows `balanced_split` leaves to train on, of classes of these sizes.

    >>> balanced_rows([1, 2, 9], valid_size=6, per_class=4)  # 1, 1 and 4, beside 0, 1 and 2 for validation
    6
    """
    quota = _valid_quota(valid_size, len(class_rows))
    return sum(min(per_class, rows - max(0, min(quota, rows - 1))) for rows in class_rows)


def _valid_quota(valid_size: int, classes: int) -> int:
    return max(1, valid_size // classes)


def balanced_split(
    label_N: Tensor, classes: int, valid_size: int, per_class: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Row numbers of validation and of training, each with as many rows of every class (Berrada et al. 2018, §5).

    Along one permutation, the first ⌊valid_size / classes⌋ rows of a class, at least one, are for validation, the next
    `per_class` for training. A class with fewer rows gives all that it has, the last of them for training.

    Args:
        label_N: the class of each row, on the CPU.
        classes: C.
        valid_size: rows of validation asked for.
        per_class: training rows to keep of each class.
        generator: the run's stream, from which one permutation is drawn, as by `split`.
    """
    order = torch.randperm(len(label_N), generator=generator)
    quota_C = (torch.bincount(label_N, minlength=classes) - 1).clamp(0, _valid_quota(valid_size, classes))
    is_valid = _first_of_each_class(label_N[order], quota_C)
    return order[is_valid], balanced(order[~is_valid], label_N, classes, per_class)


def balanced(order: Tensor, label_N: Tensor, classes: int, per_class: int) -> Tensor:
    """Of some row numbers, those of the first `per_class` rows of each class, in their order."""
    return order[_first_of_each_class(label_N[order], torch.full((classes,), min(per_class, len(label_N))))]


def _first_of_each_class(label_n: Tensor, quota_C: Tensor) -> Tensor:
    """Whether each row is among the first of its class, as many as its quota."""
    by_class_n = label_n.argsort(stable=True)
    sizes_C = torch.bincount(label_n, minlength=len(quota_C))
    starts_C = sizes_C.cumsum(0) - sizes_C
    place_n = torch.empty_like(label_n)
    place_n[by_class_n] = torch.arange(len(label_n)) - starts_C[label_n[by_class_n]]
    return place_n < quota_C[label_n]


def epoch_order(rows: int, generator: torch.Generator) -> Tensor:
    """The order of one epoch's rows."""
    return torch.randperm(rows, generator=generator)


def is_evaluated(step: int, steps: int, every: int) -> bool:
    """Whether an epoch is evaluated after its step 1..steps: after its first, each `every`-th and its last.

    >>> [step for step in range(1, 251) if is_evaluated(step, 250, 100)]
    [1, 100, 200, 250]
    """
    return step in (1, steps) or step % every == 0
