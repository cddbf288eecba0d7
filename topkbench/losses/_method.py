"""What every method has, whether or not it says so."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from topkbench.problem import Problem

NOTHING_KNOWN = Problem()


@dataclass(frozen=True)
class Method:
    """The ground of every `Loss`: no options, a linear head, no needs, no regulariser."""

    paper: ClassVar[str] = ""
    """Where the method comes from, author-year."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names that users know it by."""
    head: ClassVar[str] = "linear"
    """The head that it wants."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The fields of `Problem` that it cannot do without."""
    lacks: ClassVar[dict[str, str]] = {}
    """Properties of tests/test_losses.py that it has not, each with the reason."""

    def __call__(self, logits: Tensor, target: Tensor, problem: Problem = NOTHING_KNOWN) -> Tensor:
        """The loss of each sample: [..., B, C] scores, [..., B] labels -> [..., B]."""
        raise NotImplementedError

    def regulariser(self, problem: Problem) -> Tensor:
        """A term added once a step, []."""
        return torch.zeros(())


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
        low, high = int(target.min()), int(target.max())
        if low < 0 or high >= classes:
            raise ValueError(f"target holds {low if low < 0 else high}, but the classes are 0..{classes - 1}")
