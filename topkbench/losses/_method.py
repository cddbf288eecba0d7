"""What every method has, whether or not it says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from topkbench.ops.options import require_one_of
from topkbench.problem import Problem


@dataclass(frozen=True)
class Method:
    """The ground of every `Loss`: no options, a linear head, no needs, no regulariser."""

    paper: ClassVar[str] = ""
    """Where the method comes from, author-year."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names that users know it by."""
    alias_options: ClassVar[dict[str, dict[str, Any]]] = {}
    """What an alias says of the options, as smooth_top1_svm says that k = 1."""
    head: ClassVar[str] = "linear"
    """The head that it wants."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The fields of `Problem` that it cannot do without; an instance may have more than its class (`Judged`)."""
    draws_noise: ClassVar[bool] = False
    """Whether it draws from the problem's generator: then each head of a stack has one of its own."""
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    """The values of options that take one of a few words."""
    lacks: ClassVar[dict[str, str]] = {}
    """Properties of tests/test_losses.py that it has not, each with the reason."""

    def __post_init__(self) -> None:
        for option, words in self.choices.items():
            require_one_of(getattr(self, option), words, option)

    def __call__(self, logits: Tensor, target: Tensor, problem: Problem = Problem()) -> Tensor:
        """The loss of each sample: [..., B, C] scores, [..., B] labels -> [..., B]."""
        raise NotImplementedError

    def alike(self) -> "Method":
        """What methods have in common that are computed together, by `jointly`: for most that is all of them."""
        return self

    def jointly(self, members: Sequence["Method"], logits: Tensor, target: Tensor, problem: Problem) -> Tensor:
        """The losses of heads whose methods are `alike`: [H, B, C], [H, B] -> [H, B]."""
        return self(logits, target, problem)

    def idle(self) -> tuple[str, ...]:
        """Options that have no effect beside the values of the others."""
        return ()

    def check_classes(self, classes: int) -> None:
        """Refuse so few classes that the method has no meaning.

        Raises:
            ValueError: they are too few.
        """

    def head_options(self) -> dict[str, Any]:
        """What its head takes of the options."""
        return {}

    def regulariser(self, problem: Problem) -> Tensor:
        """A term added once a step, [...]: one number, or one for each head."""
        return torch.zeros(())


def one_a_sample(losses: Tensor | None, target: Tensor) -> Tensor:
    """What a loss gave; a user's may forget to leave the mean to the caller, who would go on unnoticed.

    Raises:
        TypeError: it is not one loss a sample.
    """
    if losses is None or losses.shape != target.shape:
        found = "nothing" if losses is None else f"a tensor {list(losses.shape)}"
        raise TypeError(f"the loss gave {found}; it must give one loss a sample, {list(target.shape)}")
    return losses
