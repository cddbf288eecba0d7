"""Classes as points: scores from distances to prototypes, and what arranges prototypes by the classes' distances.

The distances of all embeddings to all prototypes come from one matrix product, ‖x − p‖² = ‖x‖² − 2 x·p + ‖p‖², without
the B × C × E differences. In float32 this would lose half the digits of ‖x − p‖ where x is near p, which is where
training brings it; so the product is taken in float64. The backward pass, two products, stays in the embeddings' own
type, about the prototypes' mean.

Legend: B batch, C classes, E embedding, T triplets, N pairs of classes.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from topkbench.ops.first_order import first_order
from topkbench.ops.options import require_one_of, require_positive
from topkbench.ops.scores import at_least_float32, float_type

DISTANCES = ("euclidean", "squared", "cosine")
_COINCIDENT = 64 * torch.finfo(torch.float64).eps  # of ‖x‖² + ‖p‖²: what rounding leaves of a distance of 0


def logits(
    embeddings_BE: Tensor, prototypes_CE: Tensor, distance: str = "euclidean", huber_delta: float | None = None
) -> Tensor:
    """Class scores: minus the distance of each embedding to each prototype (Sainte Fare Garnot & Landrieu 2021).

    Distances are euclidean ‖x − p‖, squared ‖x − p‖², or cosine 1 − cos(x, p). With huber_delta = δ the euclidean
    distance d becomes the pseudo-Huber δ (√(1 + (d / δ)²) − 1), quadratic near 0 and linear far away.

    Where an embedding is its prototype, or nearer than rounding tells (some 2e-7 of the distance to the prototypes'
    mean), the distance is exactly 0 and has no slope: of the euclidean one's subgradients this is the middle. The zero
    vector has a cosine of 0 with every other.

    Args:
        embeddings_BE: [..., B, E], floating point, finite; half precision becomes float32.
        prototypes_CE: [..., C, E]; leading axes broadcast with those of the embeddings.
        distance: one of `DISTANCES`.
        huber_delta: δ > 0 of the pseudo-Huber distance, for the euclidean distance alone; None for none.

    Returns:
        [..., B, C], ≤ 0 but for rounding.

    Raises:
        TypeError: embeddings or prototypes that are not floating point.
        ValueError: dimensions that differ, an unknown distance, a δ out of range or without the euclidean distance.

    >>> logits(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    tensor([[-5., -0.]])
    """
    require_distance(distance, huber_delta)
    dtype = torch.promote_types(float_type(embeddings_BE), float_type(prototypes_CE))
    x_BE, p_CE = embeddings_BE.to(dtype), prototypes_CE.to(dtype)
    if x_BE.shape[-1] != p_CE.shape[-1]:
        raise ValueError(
            f"embeddings have {x_BE.shape[-1]} dimensions, but prototypes {p_CE.shape[-1]}; give equal ones"
        )
    return -_distances(x_BE, p_CE, distance, huber_delta)


def hyperspherical_losses(embeddings_BE: Tensor, prototypes_CE: Tensor) -> Tensor:
    """What each sample would lose, were each class its label: (1 − cos(x, p))² (Mettes et al. 2019).

    Negated, these are class scores: the nearest prototype has the highest.

    Args:
        embeddings_BE: [..., B, E], floating point.
        prototypes_CE: [..., C, E].

    Returns:
        [..., B, C], 0..4.

    Raises:
        TypeError: embeddings or prototypes that are not floating point.
        ValueError: dimensions that differ.

    >>> hyperspherical_losses(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))
    tensor([[0., 1., 4.]])
    """
    return logits(embeddings_BE, prototypes_CE, "cosine").square()


def distortion(
    prototypes_CE: Tensor, distances_CC: Tensor, distance: str = "euclidean", scale_free: bool = True
) -> Tensor:
    """How far the prototypes' distances are from the classes' (Sainte Fare Garnot & Landrieu 2021, L_disto).

    The mean over ordered pairs of classes i ≠ j of ((s d(p_i, p_j) − D_ij) / D_ij)². Scale-free, s ≥ 0 is the best one:
    with a = d / D it is s = Σ a / Σ a². Otherwise s = 1.

    Args:
        prototypes_CE: [..., C, E], floating point.
        distances_CC: [C, C], of any type, ≥ 0. Pairs of distance 0, such as a class and itself, are left out.
        distance: d, one of `DISTANCES`.
        scale_free: whether to scale the prototypes.

    Returns:
        [...], ≥ 0; scale-free at most 1, and exactly that where all prototypes coincide.

    Raises:
        TypeError: prototypes that are not floating point.
        ValueError: distances that do not fit the prototypes, or an unknown distance.

    >>> triangle, distances = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]), 10.0 * (1 - torch.eye(3))
    >>> distortion(triangle, distances, scale_free=False)  # (0.7² + 0.6² + 0.5²) / 3
    tensor(0.3667)
    >>> distortion(triangle, distances)  # 1 − (0.3 + 0.4 + 0.5)² / (3 (0.09 + 0.16 + 0.25)), s = 2.4
    tensor(0.0400)
    """
    ratio_CC = _ratios(prototypes_CE, distances_CC, distance)
    if scale_free:
        ratio_CC = first_order(ratio_CC) * _best_scale(ratio_CC)
    return _mean_over_pairs((ratio_CC - 1).square(), distances_CC)


def relative_error(
    prototypes_CE: Tensor, distances_CC: Tensor, distance: str = "euclidean", scale_free: bool = True
) -> Tensor:
    """How far the prototypes' distances are from the classes', as a figure to report: the distortion without squares.

    The mean over ordered pairs of classes of |s d(p_i, p_j) − D_ij| / D_ij, with the scale s of `distortion`; for s = 1
    torch_prototypes calls it the distortion metric.

    Args:
        prototypes_CE: as of `distortion`.
        distances_CC: likewise.
        distance: likewise.
        scale_free: likewise.

    Returns:
        [...], ≥ 0.

    Raises:
        TypeError: as `distortion`.
        ValueError: likewise.

    >>> triangle, distances = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]), 10.0 * (1 - torch.eye(3))
    >>> relative_error(triangle, distances, scale_free=False)  # (0.7 + 0.6 + 0.5) / 3
    tensor(0.6000)
    """
    ratio_CC = _ratios(prototypes_CE, distances_CC, distance)
    scale = _best_scale(ratio_CC) if scale_free else 1
    return _mean_over_pairs((scale * ratio_CC - 1).abs(), distances_CC)


def scaled(prototypes_CE: Tensor, distances_CC: Tensor, scale: float) -> Tensor:
    """The prototypes, larger or smaller by one factor, so that they are at `scale` times the classes' distances.

    Args:
        prototypes_CE: [..., C, E], floating point; half precision becomes float32.
        distances_CC: [C, C], of any type, ≥ 0.
        scale: > 0.

    Returns:
        [..., C, E], of which the euclidean distances, divided by scale, have the least distortion.

    Raises:
        TypeError: prototypes that are not floating point.
        ValueError: distances that do not fit the prototypes.

    >>> scaled(torch.tensor([[0.0], [3.0]]), torch.tensor([[0, 1], [1, 0]]), 2.0)
    tensor([[0.],
            [2.]])
    """
    return at_least_float32(prototypes_CE) * (scale * _best_scale(_ratios(prototypes_CE, distances_CC, "euclidean")))


def separation(prototypes_CE: Tensor) -> Tensor:
    """How near a prototype's nearest other is on average, on the sphere (Mettes et al. 2019, L_HP).

    The mean over rows of the largest entry of P Pᵀ − 2 I. For prototypes of unit length, for which it is meant, this is
    the largest cosine with another prototype: the diagonal, −1, is never above it.

    Args:
        prototypes_CE: [..., C, E], floating point.

    Returns:
        [...]; −1..1 for prototypes of unit length. Equal largest entries share the gradient.

    Raises:
        TypeError: prototypes that are not floating point.

    >>> separation(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))  # each has a neighbour at a right angle
    tensor(0.)
    """
    p_CE = at_least_float32(prototypes_CE)
    diagonal_CC = 2 * torch.eye(p_CE.shape[-2], dtype=p_CE.dtype, device=p_CE.device)
    return (_products(p_CE, p_CE) - diagonal_CC).amax(-1).mean(-1)


def rank_loss(
    prototypes_CE: Tensor,
    distances_CC: Tensor,
    num_triplets: int = 1000,
    distance: str = "euclidean",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Whether the prototypes' distances are in the order of the classes' (Mettes et al. 2019, L_PI).

    For random triplets of distinct classes (i, j, k), the mean cross-entropy of σ(d(p_i, p_j) − d(p_i, p_k)), the
    probability given to D_ij > D_ik, against 1 where this holds, 0 where the reverse does and ½ for equal distances
    (Burges et al. 2005). O(T · E).

    Args:
        prototypes_CE: [..., C, E], floating point, C ≥ 3; leading axes share the triplets.
        distances_CC: [C, C], of any type.
        num_triplets: T ≥ 1.
        distance: d, one of `DISTANCES`.
        generator: the source of the triplets, on the prototypes' device; None for torch's own.

    Returns:
        [...], ≥ 0; log 2 where all prototypes coincide.

    Raises:
        TypeError: prototypes that are not floating point.
        ValueError: distances that do not fit the prototypes, fewer than 3 classes, T < 1, or an unknown distance.

    >>> points, distances = torch.tensor([[0.0], [0.0], [1.0]]), 2 * (1 - torch.eye(3))
    >>> rank_loss(points, distances, 10**5).round(decimals=2)  # ⅔ · ½ log((1 + e) (1 + 1/e)) + ⅓ · log 2
    tensor(0.7700)
    """
    _check_distances(prototypes_CE, distances_CC)
    i_T, others_T2 = _triplets(prototypes_CE, num_triplets, generator)
    p_CE = at_least_float32(prototypes_CE)
    d_T2 = _distances(p_CE[..., i_T, None, :], p_CE[..., others_T2, :], distance).squeeze(-2)
    target_T2 = distances_CC[i_T[:, None], others_T2].to(d_T2.dtype)
    is_farther_T = ((target_T2[:, 0] - target_T2[:, 1]).sign() + 1) / 2
    difference_T = d_T2[..., 0] - d_T2[..., 1]
    losses_T = torch.nn.functional.softplus(difference_T) - is_farther_T * difference_T
    return losses_T.mean(-1)


class _SquaredDistances(torch.autograd.Function):
    """‖x − p‖² of each row of x with each of p: [..., B, E], [..., C, E] -> [..., B, C]."""

    @staticmethod
    def forward(ctx: FunctionCtx, x_BE: Tensor, p_CE: Tensor) -> Tensor:
        ctx.save_for_backward(x_BE, p_CE)
        x, p = _centred(x_BE.double(), p_CE.double())
        norms_BC = x.square().sum(-1).unsqueeze(-1) + p.square().sum(-1).unsqueeze(-2)
        squares_BC = norms_BC.sub(x @ p.mT, alpha=2)
        return squares_BC.masked_fill_(squares_BC <= _COINCIDENT * norms_BC, 0).to(x_BE.dtype)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient_BC: Tensor) -> tuple[Tensor, Tensor]:
        x_BE, p_CE = ctx.saved_tensors  # type: ignore[attr-defined]
        x, p = _centred(x_BE, p_CE)
        pull_x = gradient_BC.sum(-1).unsqueeze(-1) * x - gradient_BC @ p
        pull_p = gradient_BC.sum(-2).unsqueeze(-1) * p - gradient_BC.mT @ x
        return (2 * pull_x).sum_to_size(x_BE.shape), (2 * pull_p).sum_to_size(p_CE.shape)


def _centred(x_BE: Tensor, p_CE: Tensor) -> tuple[Tensor, Tensor]:
    """Both about the mean of p: a shift changes no difference, but large offsets would cancel with loss."""
    centre_1E = p_CE.detach().mean(-2, keepdim=True)
    return x_BE - centre_1E, p_CE - centre_1E


def _distances(x_BE: Tensor, p_CE: Tensor, distance: str, huber_delta: float | None = None) -> Tensor:
    """d(x, p), [..., B, C]."""
    if distance == "cosine":
        return 1 - _cosines(x_BE, p_CE)
    squares_BC: Tensor = _SquaredDistances.apply(x_BE, p_CE)  # type: ignore[no-untyped-call]
    if distance == "squared":
        return squares_BC
    if huber_delta is None:
        return _root(squares_BC)
    # δ (√(1 + t) − 1) = δ t / (√(1 + t) + 1), which does not cancel near 0
    ratio_BC = squares_BC / huber_delta**2
    return huber_delta * ratio_BC / ((1 + ratio_BC).sqrt() + 1)


def _ratios(prototypes_CE: Tensor, distances_CC: Tensor, distance: str) -> Tensor:
    """The ratio d / D of each pair of classes, [..., C, C]; 0 where D is."""
    _check_distances(prototypes_CE, distances_CC)
    p_CE = at_least_float32(prototypes_CE)
    inverse_CC = distances_CC.to(p_CE.dtype).reciprocal()
    return _distances(p_CE, p_CE, distance) * inverse_CC.masked_fill_(distances_CC == 0, 0)


def _mean_over_pairs(error_CC: Tensor, distances_CC: Tensor) -> Tensor:
    """The mean over pairs whose distance is not 0; the error of the others, whose ratio is 0, is 1."""
    left_out = (distances_CC == 0).sum()
    return (error_CC.sum((-2, -1)) - left_out) / (distances_CC.numel() - left_out).clamp(min=1)


@torch.no_grad()
def _best_scale(ratio_CC: Tensor) -> Tensor:
    """Σ a / Σ a², [..., 1, 1]. As it is the best, the distortion does not change with it to first order."""
    squares = ratio_CC.square().sum((-2, -1), keepdim=True)
    return ratio_CC.sum((-2, -1), keepdim=True) / squares.masked_fill(squares == 0, 1)


def _root(squares: Tensor) -> Tensor:
    """√, whose slope at 0 is taken for 0."""
    is_zero = squares == 0
    return squares.masked_fill(is_zero, 1).sqrt().masked_fill(is_zero, 0)


def _cosines(x_BE: Tensor, p_CE: Tensor) -> Tensor:
    return _products(torch.nn.functional.normalize(x_BE, dim=-1), torch.nn.functional.normalize(p_CE, dim=-1))


def _products(x_BE: Tensor, p_CE: Tensor) -> Tensor:
    with torch.autocast(x_BE.device.type, enabled=False):  # which would round to bfloat16
        return x_BE @ p_CE.mT


def _triplets(prototypes_CE: Tensor, num_triplets: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Class i, [T], and two others, [T, 2], all of them distinct."""
    classes = prototypes_CE.shape[-2]
    if classes < 3 or num_triplets < 1:
        raise ValueError(f"{num_triplets} triplets of {classes} classes; give 1 triplet or more of 3 classes or more")
    draws: dict[str, Any] = {"size": (num_triplets,), "generator": generator, "device": prototypes_CE.device}
    i_T = torch.randint(classes, **draws)
    ahead_j_T = torch.randint(1, classes, **draws)  # j comes so many classes after i, cyclically
    ahead_k_T = torch.randint(1, classes - 1, **draws)
    ahead_k_T = ahead_k_T + (ahead_k_T >= ahead_j_T)
    return i_T, (i_T[:, None] + torch.stack([ahead_j_T, ahead_k_T], -1)) % classes


def require_distance(distance: str, huber_delta: float | None) -> None:
    """Refuse a distance that there is not.

    Raises:
        ValueError: an unknown distance, or a δ that is out of range or goes with another distance.
    """
    require_one_of(distance, DISTANCES, "distance")
    if huber_delta is not None:
        require_positive(huber_delta, "huber_delta")
        if distance != "euclidean":
            raise ValueError(
                f"huber_delta = {huber_delta} goes with the euclidean distance, not {distance!r}; leave it out"
            )


def _check_distances(prototypes_CE: Tensor, distances_CC: Tensor) -> None:
    classes = prototypes_CE.shape[-2]
    if distances_CC.shape != (classes, classes):
        shape = list(distances_CC.shape)
        raise ValueError(f"distances {shape} do not fit {classes} prototypes; give [{classes}, {classes}]")
