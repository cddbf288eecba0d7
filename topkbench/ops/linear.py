"""A linear map, the gradient of whose weights costs what the scores' gradient holds.

A loss on a short-list of m classes has a gradient for those alone, and the product with it, half of a training step's
arithmetic, is mostly one with zeros. On a CPU the rows of x that a class has a gradient from are summed instead. On a
GPU the whole product is faster than finding them, which would wait for the device; under autocast it is torch's own,
in bfloat16.

Legend: B batch, D embedding, C classes, n scores whose gradient is not zero.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn.functional import embedding_bag
from torch.nn.functional import linear as dense_linear

from topkbench.ops.first_order import require_first_order

# Measured on a CPU: with fewer dimensions or more of the gradient finding what is not zero costs more than it saves.
_WORTHWHILE_DIM = 256
_WORTHWHILE_SHARE = 1 / 32


def linear(x_BD: Tensor, weight_CD: Tensor, bias_C: Tensor) -> Tensor:
    """Scores x @ weightᵀ + bias: `torch.nn.functional.linear`, its gradients equal up to rounding.

    Args:
        x_BD: [B, D], finite: zero times what is not is left out, where a product has NaN.
        weight_CD: [C, D], of the same type.
        bias_C: [C].

    Returns:
        [B, C].

    Raises:
        ValueError: x has other than two axes.
        NotImplementedError: on a CPU, a second derivative is asked for.

    >>> linear(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([0.5]))
    tensor([[11.5000]])
    """
    if x_BD.ndim != 2:
        raise ValueError(f"x {list(x_BD.shape)} is no [B, D]; flatten its leading axes")
    if x_BD.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return dense_linear(x_BD, weight_CD, bias_C)
    return _Linear.apply(x_BD, weight_CD, bias_C)  # type: ignore[no-any-return,no-untyped-call]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x_BD: Tensor, weight_CD: Tensor, bias_C: Tensor) -> Tensor:
        ctx.save_for_backward(x_BD, weight_CD)
        return dense_linear(x_BD, weight_CD, bias_C)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient_BC: Tensor) -> tuple[Tensor | None, ...]:
        require_first_order()
        x_BD, weight_CD = ctx.saved_tensors  # type: ignore[attr-defined]
        for_x, for_weight, for_bias = ctx.needs_input_grad  # type: ignore[attr-defined]
        return (
            gradient_BC @ weight_CD if for_x else None,
            _weight_gradient(gradient_BC, x_BD) if for_weight else None,
            gradient_BC.sum(0) if for_bias else None,
        )


def _weight_gradient(gradient_BC: Tensor, x_BD: Tensor) -> Tensor:
    """gradientᵀ @ x, [C, D]."""
    first_1C = gradient_BC[:1]  # to look at a row costs next to nothing
    if x_BD.shape[1] >= _WORTHWHILE_DIM and _are_few(int(first_1C.count_nonzero()), first_1C):
        class_n, row_n = gradient_BC.T.nonzero(as_tuple=True)  # class by class
        if _are_few(len(class_n), gradient_BC):
            first_C = torch.searchsorted(class_n, torch.arange(gradient_BC.shape[1]))
            factor_n = gradient_BC[row_n, class_n]
            return embedding_bag(row_n, x_BD, first_C, mode="sum", per_sample_weights=factor_n)
    return gradient_BC.T @ x_BD


def _are_few(nonzero: int, gradient_BC: Tensor) -> bool:
    return nonzero <= _WORTHWHILE_SHARE * gradient_BC.numel()
