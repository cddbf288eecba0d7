"""Optimizers for a stack of heads, each with a learning rate and a weight decay of its own.

torch.optim's own, fused, by their functional forms: the classes import torch's compiler when they are made, which takes
longer (1.4 s) than many a small run, and unfused Adam costs more on a CPU than both matrix products of a step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

NAMES = ("adam", "sgd")


def scheduled(epoch: int, lr_steps: Sequence[int]) -> float:
    """What the learning rate is multiplied by in an epoch: by a tenth from each of the steps on.

    >>> [scheduled(epoch, (3, 4)) for epoch in (1, 2, 3, 4, 5)]
    [1.0, 1.0, 0.1, 0.01, 0.01]
    """
    return 1 / 10.0 ** sum(epoch >= step for step in lr_steps)


class Optimizer:
    """What updates groups of parameters, each with a learning rate and a state of its own.

    Args:
        groups: the parameters of each head; their `grad` is read at each step.
        rates: the learning rate of each.
        weight_decays: of each; none for 0.
    """

    def __init__(
        self, groups: Iterable[list[Tensor]], rates: Sequence[float], weight_decays: Sequence[float] | None = None
    ) -> None:
        decays = weight_decays or [0.0] * len(rates)
        self._groups = [
            _Group(group, rate, decay, self._state(group))
            for group, rate, decay in zip(groups, rates, decays, strict=True)
        ]

    def step(self, factor: float = 1.0) -> None:
        """Update every parameter in place, at its learning rate times a factor."""
        for group in self._groups:
            if not group.is_frozen:
                self._update(group, factor * group.rate)

    def freeze(self, at: int) -> None:
        """Leave a group as it is from now on."""
        self._groups[at].is_frozen = True

    def _state(self, parameters: list[Tensor]) -> Any:
        raise NotImplementedError

    def _update(self, group: "_Group", rate: float) -> None:
        raise NotImplementedError


@dataclass
class _Group:
    """The parameters of one head, and how they are updated."""

    parameters: list[Tensor]
    rate: float
    weight_decay: float
    state: Any
    is_frozen: bool = False

    @property
    def gradients(self) -> list[Tensor]:
        return [p.grad for p in self.parameters if p.grad is not None]


class Adam(Optimizer):
    """`torch.optim.Adam`, with its defaults but for the weight decay."""

    def _state(self, parameters: list[Tensor]) -> Any:
        """Means and squares of the gradients, and counts of steps."""
        means, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        return means, squares, [torch.zeros((), device=p.device) for p in parameters]

    def _update(self, group: _Group, rate: float) -> None:
        means, squares, steps = group.state
        adam(
            group.parameters,
            group.gradients,
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=group.weight_decay,
            eps=1e-8,
            maximize=False,
        )


class SGD(Optimizer):
    """`torch.optim.SGD`, without dampening."""

    def __init__(
        self,
        groups: Iterable[list[Tensor]],
        rates: Sequence[float],
        weight_decays: Sequence[float] | None = None,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(groups, rates, weight_decays)
        self._momentum, self._nesterov = momentum, nesterov

    def _state(self, parameters: list[Tensor]) -> Any:
        """Velocities, which the first step makes."""
        return [None] * len(parameters)

    def _update(self, group: _Group, rate: float) -> None:
        sgd(
            group.parameters,
            group.gradients,
            group.state,
            fused=True,
            weight_decay=group.weight_decay,
            momentum=self._momentum,
            lr=rate,
            dampening=0.0,
            nesterov=self._nesterov,
            maximize=False,
        )
