"""How large and how small scores may be until a loss's gradient in float32 is wrong.

Legend: B batch, C classes.
"""

from itertools import takewhile

import torch
from torch import Tensor

from topkbench.bench.contenders import MeanLoss

TOLERANCE = 1e-4
"""A gradient is accurate if it is this near to float64's, relative to its largest entry."""
_LARGEST_POWER = 4
_NOTHING = 1e-12  # a gradient, times the batch, of which no digit matters


def accurate_scales(loss: MeanLoss, exact: MeanLoss, scores_BC: Tensor, label_B: Tensor) -> tuple[float, float] | None:
    """The lowest and the highest power of ten, from 1e-4 to 1e4, up to which scaled scores have accurate gradients.

    Args:
        loss: in float32.
        exact: the same function, right in float64.
        scores_BC: unscaled.
        label_B: their labels.

    Returns:
        None if already the gradient of the unscaled scores is wrong.
    """

    def accurate(power: int) -> bool:
        return _is_accurate(loss, exact, 10.0**power * scores_BC.float(), label_B)

    down = list(takewhile(accurate, range(0, -_LARGEST_POWER - 1, -1)))
    up = list(takewhile(accurate, range(_LARGEST_POWER + 1)))
    return (10.0 ** down[-1], 10.0 ** up[-1]) if down else None


def _is_accurate(loss: MeanLoss, exact: MeanLoss, scores_BC: Tensor, label_B: Tensor) -> bool:
    found, expected = _gradient(loss, scores_BC, label_B), _gradient(exact, scores_BC.double(), label_B)
    return is_near(found, expected, _NOTHING / len(label_B))


def is_near(found: Tensor, expected: Tensor, nothing: float = 0.0) -> bool:
    """Whether all of it is finite and, relative to its largest or to `nothing`, as expected."""
    largest = max(float(expected.abs().max()), nothing)
    return bool(found.isfinite().all()) and float((found - expected).abs().max()) <= TOLERANCE * largest


def _gradient(loss: MeanLoss, scores_BC: Tensor, label_B: Tensor) -> Tensor:
    own_BC = scores_BC.detach().clone().requires_grad_()
    (gradient_BC,) = torch.autograd.grad(loss(own_BC, label_B), own_BC)
    return gradient_BC.double()
