"""Prototypes placed beforehand, by descent on what is asked of their distances or of their order.

Legend: C classes, n classes of a step, E dimensions.
"""

from collections.abc import Callable
from math import cos, pi

import torch
from torch import Tensor
from torch.optim.adam import adam

_STEPS = 1000
_CLASSES_A_STEP = 256  # all pairs of which are little work, however many classes there are
_RATE = 0.05  # of the first step; it falls to 0 along a cosine

Criterion = Callable[[Tensor, Tensor], Tensor]
"""Points [n, E] and the distances of the classes that they stand for, [n, n] -> [], to be small."""


def placed(
    distances_CC: Tensor,
    embedding_dim: int,
    criterion: Criterion,
    generator: torch.Generator,
    *,
    on_sphere: bool = False,
) -> Tensor:
    """Points in E dimensions at which a criterion is small, from standard normal ones by 1000 steps of Adam.

    Each step looks at 256 random classes.

    Args:
        distances_CC: how far the classes are apart.
        embedding_dim: E ≥ 1.
        criterion: of the points of some classes.
        generator: where points and classes are drawn; its device is that of the points.
        on_sphere: keep all points at length 1.

    Returns:
        [C, E] float32, without a gradient.

    >>> def right_angle(points, _):
    ...     return (points[0] @ points[1]).square()
    >>> points = placed(torch.ones(2, 2), 3, right_angle, torch.Generator().manual_seed(0), on_sphere=True)
    >>> bool((points[0] @ points[1]).abs() < 1e-3)
    True
    """
    draws = {"generator": generator, "device": generator.device}
    classes = len(distances_CC)
    points_CE = torch.randn(classes, embedding_dim, **draws)  # type: ignore[call-overload]
    state = [torch.zeros_like(points_CE) for _ in range(2)]
    count = torch.zeros((), device=generator.device)
    for step in range(_STEPS):
        index_n = torch.randperm(classes, **draws)[:_CLASSES_A_STEP]  # type: ignore[call-overload]
        among_nn = distances_CC[index_n.unsqueeze(-1), index_n]
        gradient_CE = _gradient(points_CE, index_n, among_nn, criterion, on_sphere)
        rate = _RATE * (1 + cos(pi * step / _STEPS)) / 2
        _step(points_CE, gradient_CE, state, count, rate)
    return _normalised(points_CE) if on_sphere else points_CE


def _gradient(points_CE: Tensor, index_n: Tensor, among_nn: Tensor, criterion: Criterion, on_sphere: bool) -> Tensor:
    with torch.enable_grad():
        points_CE = points_CE.detach().requires_grad_()
        chosen_nE = points_CE[index_n]
        loss = criterion(_normalised(chosen_nE) if on_sphere else chosen_nE, among_nn)
        (gradient_CE,) = torch.autograd.grad(loss, points_CE)
    return gradient_CE


def _step(points: Tensor, gradient: Tensor, state: list[Tensor], count: Tensor, rate: float) -> None:
    means, squares = state
    options = {"amsgrad": False, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0, "eps": 1e-8, "maximize": False}
    adam([points], [gradient], [means], [squares], [], [count], fused=True, lr=rate, **options)  # type: ignore[arg-type]


def _normalised(points_CE: Tensor) -> Tensor:
    return torch.nn.functional.normalize(points_CE, dim=-1)
