"""Optimizers for a stack of heads, each with a learning rate of its own.

torch.optim's own, fused, by their functional forms: the classes import torch's compiler when they are made, which takes
longer (1.4 s) than many a small run, and unfused Adam costs more on a CPU than both matrix products of a step.
"""

from collections.abc import Iterable, Sequence
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
    """

    def __init__(self, groups: Iterable[list[Tensor]], rates: Sequence[float]) -> None:
        self._groups = [(group, rate, self._state(group)) for group, rate in zip(groups, rates, strict=True)]

    def step(self, factor: float = 1.0) -> None:
        """Update every parameter in place, at its learning rate times a factor."""
        for group, rate, state in self._groups:
            gradients = [p.grad for p in group if p.grad is not None]
            self._update(group, gradients, state, factor * rate)

    def _state(self, group: list[Tensor]) -> Any:
        raise NotImplementedError

    def _update(self, group: list[Tensor], gradients: list[Tensor], state: Any, rate: float) -> None:
        raise NotImplementedError


class Adam(Optimizer):
    """`torch.optim.Adam`, with its defaults but for the weight decay."""

    def __init__(self, groups: Iterable[list[Tensor]], rates: Sequence[float], weight_decay: float = 0.0) -> None:
        super().__init__(groups, rates)
        self._weight_decay = weight_decay

    def _state(self, group: list[Tensor]) -> Any:
        """Means and squares of the gradients, and counts of steps."""
        means, squares = ([torch.zeros_like(p) for p in group] for _ in range(2))
        return means, squares, [torch.zeros((), device=p.device) for p in group]

    def _update(self, group: list[Tensor], gradients: list[Tensor], state: Any, rate: float) -> None:
        means, squares, steps = state
        adam(
            group,
            gradients,
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=self._weight_decay,
            eps=1e-8,
            maximize=False,
        )


class SGD(Optimizer):
    """`torch.optim.SGD`, without dampening."""

    def __init__(
        self,
        groups: Iterable[list[Tensor]],
        rates: Sequence[float],
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(groups, rates)
        self._momentum, self._nesterov, self._weight_decay = momentum, nesterov, weight_decay

    def _state(self, group: list[Tensor]) -> Any:
        """Velocities, which the first step makes."""
        return [None] * len(group)

    def _update(self, group: list[Tensor], gradients: list[Tensor], state: Any, rate: float) -> None:
        sgd(
            group,
            gradients,
            state,
            fused=True,
            weight_decay=self._weight_decay,
            momentum=self._momentum,
            lr=rate,
            dampening=0.0,
            nesterov=self._nesterov,
            maximize=False,
        )
