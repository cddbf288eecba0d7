"""Differentiable sorting networks: comparators relaxed by a distribution (Petersen et al. 2021, 2022).

A comparator (i, j) with d = x_j − x_i puts α x_i + (1 − α) x_j on wire i and (1 − α) x_i + α x_j on wire j, where
α = F(d) for a distribution function F. Each layer is thus a doubly stochastic matrix, and their product P, with
P[wire, element], is the relaxed permutation matrix. Rank 1, the largest, is wire n − 1.

Legend: B batch, M wires, K ranks, P comparators of a layer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import inf, pi, sqrt

import torch
from torch import Tensor

from topkbench.ops.networks import Network
from topkbench.ops.scores import at_least_float32, check_labels, finite

DISTRIBUTIONS = ("logistic", "logistic_phi", "gaussian", "reciprocal", "cauchy", "optimal")


def label_rank_distribution(
    scores_BM: Tensor,
    label_B: Tensor,
    layers: Network,
    k: int,
    distribution: str = "logistic_phi",
    inverse_temperature: float = 1.0,
    art_lambda: float = 0.5,
) -> Tensor:
    """Probability that the label has rank 1, …, k: the label's column of P, its last k wires from the top.

    A one-hot of the label's wire goes through the layers with the scores: O(layers · M) a sample, where the whole
    matrix takes O(layers · M · k).

    Args:
        scores_BM: scores, [..., B, M], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        label_B: the wire of each label, [..., B], integers in 0..M−1.
        layers: a network of `ops.networks` on M wires that brings the k largest to the last k wires.
        k: number of ranks, 1..M.
        distribution: one of `DISTRIBUTIONS`; see `relax`.
        inverse_temperature: β > 0; the larger, the harder.
        art_lambda: λ in [0, 1) of logistic_phi; others do not use it.

    Returns:
        [..., B, K], index 0 = rank 1. A row sums to at most 1, to 1 where k = M.

    Raises:
        ValueError: k, β, λ or (on the CPU) a label out of range, an unknown distribution, or a network of more wires.

    >>> from topkbench.ops.networks import bitonic
    >>> scores = torch.tensor([[0.0, 1.0]])  # σ(1) = 0.7311
    >>> label_rank_distribution(scores, torch.tensor([1]), bitonic(2), 2, "logistic")
    tensor([[0.7311, 0.2689]])
    """
    _require_ranks(k, scores_BM.shape[-1])
    check_labels(label_B, scores_BM.shape[-1])
    wires = torch.arange(scores_BM.shape[-1], device=scores_BM.device)
    one_hot_BM = (wires == label_B.unsqueeze(-1)).to(at_least_float32(scores_BM).dtype)
    carried_BM = carry(scores_BM, one_hot_BM.unsqueeze(0), layers, distribution, inverse_temperature, art_lambda)[0]
    return carried_BM[..., -k:].flip(-1)


def topk_matrix(
    scores_BM: Tensor,
    layers: Network,
    k: int,
    distribution: str = "logistic_phi",
    inverse_temperature: float = 1.0,
    art_lambda: float = 0.5,
) -> Tensor:
    """The rows of P for the last k wires, transposed: P[element, rank], the last column rank 1 (difftopk's order).

    Args:
        scores_BM: [..., B, M].
        layers: as `label_rank_distribution` takes them, as are the other arguments.
        k: number of ranks, 1..M.
        distribution: one of `DISTRIBUTIONS`.
        inverse_temperature: β > 0.
        art_lambda: λ in [0, 1).

    Returns:
        [..., B, M, K]; columns sum to 1.

    Raises:
        ValueError: as `label_rank_distribution`.

    >>> from topkbench.ops.networks import bitonic
    >>> topk_matrix(torch.tensor([[0.0, 1.0]]), bitonic(2), 1, "logistic")
    tensor([[[0.2689],
             [0.7311]]])
    """
    m = scores_BM.shape[-1]
    _require_ranks(k, m)
    eye = torch.eye(m, dtype=at_least_float32(scores_BM).dtype, device=scores_BM.device)
    eye_MBM = eye.view(m, *(1,) * (scores_BM.ndim - 1), m).expand(m, *scores_BM.shape)
    carried_MBM = carry(scores_BM, eye_MBM, layers, distribution, inverse_temperature, art_lambda)
    return carried_MBM[..., -k:].movedim(0, -2)


def carry(
    scores_BM: Tensor,
    weights_RBM: Tensor,
    layers: Network,
    distribution: str,
    inverse_temperature: float,
    art_lambda: float,
) -> Tensor:
    """Carry weights through the relaxed network that the scores steer: P @ weights, for R weights at once.

    Args:
        scores_BM: [..., B, M], which decide every α.
        weights_RBM: [R, ..., B, M], which are only mixed.
        layers: the network.
        distribution: one of `DISTRIBUTIONS`.
        inverse_temperature: β > 0.
        art_lambda: λ in [0, 1).

    Returns:
        [R, ..., B, M].

    Raises:
        ValueError: an unknown distribution, β ≤ 0, or λ outside [0, 1).
    """
    check_relaxation(distribution, inverse_temperature, art_lambda)
    # Wires come first, so that a layer selects and joins whole rows of memory.
    state = torch.cat([finite(scores_BM).unsqueeze(0), weights_RBM]).movedim(-1, 0)
    plan = _plan(layers, scores_BM.shape[-1], scores_BM.device)
    for gather, pairs in plan.layers:
        state = state.index_select(0, gather)
        low, high, idle = state[:pairs], state[pairs : 2 * pairs], state[2 * pairs :]
        gap = high[:, :1] - low[:, :1]
        # 1 − F(d) = F(−d), as every F is symmetric; taken so, a tiny share keeps its digits in float32.
        stay = relax(gap, distribution, inverse_temperature, art_lambda)
        swap = relax(-gap, distribution, inverse_temperature, art_lambda)
        state = torch.cat([stay * low + swap * high, swap * low + stay * high, idle])
    return state.index_select(0, plan.restore)[:, 1:].movedim(0, -1)


def relax(d: Tensor, distribution: str, inverse_temperature: float, art_lambda: float) -> Tensor:
    """F(d), the relaxed truth of d > 0, with v = β d.

    - logistic: 1 / (1 + exp(−v)).
    - logistic_phi: logistic of v / |d|^λ, the activation replacement trick (Petersen et al. 2021, eq. 7). Its slope
      is unbounded at d = 0 and spoils the gradient of tied scores; it is capped at the slope of |d| = 1e-6.
    - gaussian: ½ erfc(−v / √2), the normal distribution function.
    - cauchy: arctan(v) / π + ½.
    - reciprocal: ½ (v / (2 + |v|) + 1).
    - optimal: ½ + v for |v| ≤ ¼, else 1 − 1 / (16 v) above and −1 / (16 v) below (Petersen et al. 2022b).

    Args:
        d: any shape.
        distribution: one of `DISTRIBUTIONS`.
        inverse_temperature: β > 0.
        art_lambda: λ in [0, 1), of logistic_phi alone.

    Returns:
        The shape of d, in [0, 1].

    >>> relax(torch.tensor([0.0, 2.0]), "reciprocal", 1.0, 0.5)
    tensor([0.5000, 0.7500])
    """
    if distribution == "logistic_phi":
        return _LogisticPhi.apply(d, inverse_temperature, art_lambda)  # type: ignore[no-any-return,no-untyped-call]
    return _CDF[distribution](d * inverse_temperature)


def _optimal(v: Tensor) -> Tensor:
    magnitude = v.abs().clamp_min(0.25)  # the tail's formula is never evaluated near its pole
    return 0.5 + torch.where(v.abs() <= 0.25, v, v.sign() * (0.5 - 1 / (16 * magnitude)))


_CDF: dict[str, Callable[[Tensor], Tensor]] = {
    "logistic": torch.sigmoid,
    "gaussian": lambda v: 0.5 * torch.erfc(-v / sqrt(2)),  # ½ + ½ erf would lose the tail
    "cauchy": lambda v: torch.atan(v) / pi + 0.5,
    "reciprocal": lambda v: 0.5 * (v / (2 + v.abs()) + 1),
    "optimal": _optimal,
}


class _LogisticPhi(torch.autograd.Function):
    """σ(β d / (|d| + 1e-10)^λ); the value exact, the slope capped at that of |d| = 1e-6."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, d: Tensor, beta: float, lam: float) -> Tensor:
        alpha, slope = _value_and_slope(d, beta, lam)
        ctx.save_for_backward(slope.clamp(max=_slope_at_a_tie(beta, lam)))
        return alpha

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradient * slope, None, None


def _value_and_slope(d: Tensor, beta: float, lam: float) -> tuple[Tensor, Tensor]:
    """logistic_phi and its derivative, uncapped."""
    size = d.abs()
    guarded = size + 1e-10  # difftopk's, which keeps 0 / 0 away
    scale = beta * guarded.pow(-lam)
    alpha = torch.sigmoid(d * scale)
    return alpha, alpha * (1 - alpha) * scale * (1 - lam * size / guarded)


@lru_cache
def _slope_at_a_tie(beta: float, lam: float) -> float:
    return float(_value_and_slope(torch.tensor(1e-6, dtype=torch.float64), beta, lam)[1])


@dataclass(frozen=True)
class _Plan:
    """A network as index tensors: each layer gathers its low, high and idle wires; `restore` puts the last in order."""

    layers: tuple[tuple[Tensor, int], ...]
    restore: Tensor


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is cached under it could not be trained with later
def _plan(network: Network, m: int, device: torch.device) -> _Plan:
    if any(wire >= m for layer in network for pair in layer for wire in pair):
        raise ValueError(f"the network has more wires than the {m} scores; build it for {m}")
    order = list(range(m))  # the wire that lies at each position
    layers = []
    for layer in network:
        wires = [i for i, _ in layer] + [j for _, j in layer]
        wires += sorted(set(range(m)) - set(wires))
        position = {wire: at for at, wire in enumerate(order)}
        gather = torch.tensor([position[wire] for wire in wires], device=device)
        layers.append((gather, len(layer)))
        order = wires
    restore = torch.tensor(sorted(range(m), key=order.__getitem__), device=device)
    return _Plan(tuple(layers), restore)


def _require_ranks(k: int, m: int) -> None:
    if not 1 <= k <= m:
        raise ValueError(f"k = {k} is not between 1 and the {m} wires")


def check_relaxation(distribution: str, inverse_temperature: float, art_lambda: float) -> None:
    """Refuse what `relax` has no meaning for.

    Raises:
        ValueError: an unknown distribution, β ≤ 0, or λ outside [0, 1).
    """
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"unknown distribution {distribution!r}; one of {', '.join(DISTRIBUTIONS)}")
    if not 0 < inverse_temperature < inf:
        raise ValueError(f"inverse_temperature = {inverse_temperature} is not a positive number")
    if not 0 <= art_lambda < 1:
        raise ValueError(f"art_lambda = {art_lambda} is not in [0, 1)")
