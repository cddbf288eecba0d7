"""Adam for a stack of heads, each with a learning rate of its own."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """`torch.optim.Adam` with its defaults, fused, by its functional form.

    The class itself imports torch's compiler when it is made, which takes longer (1.4 s) than many a small run. Fused:
    the plain one costs more on a CPU than both matrix products of a step.

    Args:
        groups: the parameters of each head; their `grad` is read at each step.
        rates: the learning rate of each.
    """

    def __init__(self, groups: Iterable[list[Tensor]], rates: Sequence[float]) -> None:
        self._groups = [_Group(parameters, rate) for parameters, rate in zip(groups, rates, strict=True)]

    def step(self) -> None:
        """Update every parameter in place."""
        for group in self._groups:
            group.step()


class _Group:
    def __init__(self, parameters: list[Tensor], rate: float) -> None:
        self._parameters, self._rate = parameters, rate
        self._means = [torch.zeros_like(p) for p in parameters]
        self._squares = [torch.zeros_like(p) for p in parameters]
        self._steps = [torch.zeros((), device=p.device) for p in parameters]

    def step(self) -> None:
        adam(
            self._parameters,
            [p.grad for p in self._parameters if p.grad is not None],
            self._means,
            self._squares,
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
