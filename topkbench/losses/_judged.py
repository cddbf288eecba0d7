"""Methods that make class scores in a way of their own and leave it to another method's loss to judge them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from topkbench.losses._method import Method
from topkbench.problem import Problem


@dataclass(frozen=True)
class Judged(Method):
    """A method whose head's scores any of topkbench's losses over scores may judge.

    Attributes:
        loss: the method that judges them; one with a linear head.
        loss_options: its options.
    """

    lacks: ClassVar[dict[str, str]] = {
        "temperature": "that of the loss that judges",
        "infinities": "what the loss that judges makes of them; its own scores are finite",
    }

    loss: str = "softmax_cross_entropy"
    loss_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        from topkbench import losses  # noqa: PLC0415 - which lists this module's own package

        inner = losses.load(self.loss, **self.loss_options)
        if inner.head != "linear":
            raise ValueError(f"loss = {self.loss} makes scores of its own; give a loss with a linear head")
        object.__setattr__(self, "_inner", inner)
        # What the judge wants its method wants, too; the class says what is wanted whoever judges.
        object.__setattr__(self, "needs", tuple(dict.fromkeys([*self.needs, *inner.needs])))
        object.__setattr__(self, "draws_noise", self.draws_noise or inner.draws_noise)

    def idle(self) -> tuple[str, ...]:
        """Options of the judging loss that have no effect beside its others."""
        idle: tuple[str, ...] = self._inner.idle()  # type: ignore[attr-defined]
        return idle

    def __call__(self, logits: Tensor, target: Tensor, problem: Problem = Problem()) -> Tensor:
        """The loss of each sample: [..., B, C], [..., B] -> [..., B]."""
        losses: Tensor = self._inner(logits, target, problem)  # type: ignore[attr-defined]
        return losses
