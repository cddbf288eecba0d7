"""Operators whose gradient is worked out by hand have no second one; whoever asks for it is told so."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


def require_first_order() -> None:
    """To be called in a backward pass: refuse to be differentiated in turn, which would silently give zero.

    Raises:
        NotImplementedError: the backward pass was asked for with `create_graph=True`.
    """
    if torch.is_grad_enabled():
        raise NotImplementedError("this operator has no second derivative; differentiate once, without create_graph")


def first_order(x: Tensor) -> Tensor:
    """The same tensor, whose gradient must not be differentiated."""
    return _FirstOrder.apply(x)  # type: ignore[no-any-return,no-untyped-call]


class _FirstOrder(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        require_first_order()
        return gradient
