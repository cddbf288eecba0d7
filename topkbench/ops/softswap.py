"""Soft swaps (johnhw/differentiable_sorting): a sorting network whose comparators hand on a soft minimum and maximum.

A relaxation (a, b) -> M takes the place of the maximum, a + b − M that of the minimum, so that a swap keeps the sum.
The network is `ops.networks.bitonic`, of any number of wires; n (log₂ n)² / 4 swaps or so, and no n × n matrix.

Soft swaps alone leave values out of order, in exact arithmetic too: of eight equal ones log-sum-exp makes
log(725/533) come before log(533/725). So what leaves the network is sorted once more, hard, which changes nothing
where it is in order already. Values are differentiable wherever no two of these outputs are equal.

Legend: N wires, P comparators of a layer, D components of a vector, B batch, M scores, K ranks.
"""

from collections.abc import Callable
from functools import lru_cache
from math import log1p

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from topkbench.ops.networks import bitonic
from topkbench.ops.options import require_positive
from topkbench.ops.scores import check_scores, finite, float_type, require_ranks
from topkbench.ops.wiring import Wiring, lay_out

SoftMaximum = Callable[[Tensor, Tensor], Tensor]
"""A relaxation: of two tensors of one shape, element by element, something near the larger."""


def softmax(a: Tensor, b: Tensor, alpha: float = 1.0) -> Tensor:
    """log(exp(α a) + exp(α b)) / α, at least the maximum, by log(2) / α where a = b.

    Args:
        a: of any shape.
        b: of the same shape.
        alpha: sharpness α > 0.

    Raises:
        ValueError: α out of range.

    >>> softmax(torch.tensor(0.0), torch.tensor(0.0))  # log 2
    tensor(0.6931)
    """
    require_positive(alpha, "alpha")
    gap = alpha * (a - b)
    # From the larger of the two, which rounding cannot lead below it; both branches are the same function.
    return torch.where(gap > 0, a - logsigmoid(gap) / alpha, b - logsigmoid(-gap) / alpha)


def smoothmax(alpha: float = 1.0) -> SoftMaximum:
    """(a exp(α a) + b exp(α b)) / (exp(α a) + exp(α b)), at most the maximum; the mean as α falls to 0.

    It does not rise everywhere: where b lies some way below a, M falls as b grows.

    Args:
        alpha: sharpness α > 0.

    Raises:
        ValueError: α out of range.

    >>> smoothmax()(torch.tensor(0.0), torch.tensor(1.0))  # σ(1)
    tensor(0.7311)
    """
    require_positive(alpha, "alpha")
    return lambda a, b: torch.lerp(b, a, torch.sigmoid(alpha * (a - b)))


def softmax_smooth(smooth: float = 0.0, alpha: float = 1.0) -> SoftMaximum:
    """(log(exp(α u) + exp(α v)) − log(1 + s)) / α, with u = (1 − t) a + t b, v = (1 − t) b + t a and t = s / 2.

    `softmax` at s = 0, the mean at s = 1.

    Args:
        smooth: s, 0..1.
        alpha: sharpness α > 0; the original has 1.

    Raises:
        ValueError: s or α out of range.

    >>> softmax_smooth(1.0)(torch.tensor(0.0), torch.tensor(1.0))
    tensor(0.5000)
    """
    if not 0 <= smooth <= 1:
        raise ValueError(f"smooth = {smooth} is not in 0..1")
    require_positive(alpha, "alpha")
    t, shift = smooth / 2, log1p(smooth) / alpha
    return lambda a, b: softmax(torch.lerp(a, b, t), torch.lerp(b, a, t), alpha) - shift


def soft_sort(x: Tensor, relaxation: SoftMaximum = softmax) -> Tensor:
    """The values in rising order, softly.

    Their sum is that of `x`. `softmax` drives values apart that lie within 1 / α: of equal ones the largest grows by
    2.7 / α at N = 8 and by 13 / α at N = 1024. The other relaxations draw values together.

    Args:
        x: [..., N], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        relaxation: of the maximum.

    Returns:
        [..., N], rising.

    Raises:
        TypeError: values that are not floating point.
        ValueError: none at all.

    >>> soft_sort(torch.tensor([2.0, 0.0]))  # ±log(1 + exp(−2)) = ±0.1269 beside 0 and 2
    tensor([-0.1269,  2.1269])
    """

    def swap(a_P: Tensor, b_P: Tensor) -> tuple[Tensor, Tensor]:
        high_P = relaxation(a_P, b_P)
        # a + b − M, without the digits of the smaller that a + b may lose.
        return torch.minimum(a_P, b_P) - (high_P - torch.maximum(a_P, b_P)), high_P

    return _through_the_network(x, swap, -1).sort(dim=-1).values


def soft_rank(x: Tensor, sigma: float = 0.1, relaxation: SoftMaximum = softmax) -> Tensor:
    """The rank of each element, from 0 for the smallest: Σ_j j K_ij / Σ_j K_ij, K_ij = exp(−(x_i − y_j)² / (2 σ²)).

    y is the soft sort of x; equal elements have equal ranks. O(N²) a row.

    Args:
        x: [..., N], as `soft_sort` takes them.
        sigma: the width σ > 0 within which a place counts as an element's.
        relaxation: of the maximum.

    Returns:
        [..., N], each in 0..N−1.

    Raises:
        TypeError: values that are not floating point.
        ValueError: none at all, or σ out of range.

    >>> soft_rank(torch.tensor([30.0, 10.0, 20.0]))
    tensor([2., 0., 1.])
    """
    return _mean_index(_nearness(finite(x), soft_sort(x, relaxation), sigma))


def soft_argsort(x: Tensor, sigma: float = 0.1, relaxation: SoftMaximum = softmax) -> Tensor:
    """The index of the element at each place of the rising order: Σ_i i K_ij / Σ_i K_ij, K as in `soft_rank`.

    A mean over elements. (The original divides by Σ_j K_ij here too, so that its weights need not sum to 1: a place
    may get the sum of two indices, and another, to which no element is nearest, 0.) Equal elements share the mean of
    their indices. O(N²) a row.

    Args:
        x: [..., N], as `soft_sort` takes them.
        sigma: the width σ > 0 within which an element counts as a place's.
        relaxation: of the maximum.

    Returns:
        [..., N], each in 0..N−1.

    Raises:
        TypeError: values that are not floating point.
        ValueError: none at all, or σ out of range.

    >>> soft_argsort(torch.tensor([30.0, 10.0, 20.0]))
    tensor([1., 2., 0.])
    """
    return _mean_index(_nearness(soft_sort(x, relaxation), finite(x), sigma))


def sort_by(x: Tensor, compare: Callable[[Tensor, Tensor], Tensor], dim: int = -1) -> Tensor:
    """Items in an order of which only a soft comparison is known.

    A swap leaves w a + (1 − w) b on the later wire and (1 − w) a + w b on the earlier one. What leaves the network is
    not sorted once more: there is nothing to sort it by.

    Args:
        x: floating point, as `soft_sort` takes them; what is left without `dim` is an item.
        compare: (a, b) -> w, between 0 and 1, that a comes later than b. Both are [P, …], P pairs first and then the
            other axes of `x` in their order; w is broadcast against them.
        dim: the axis of the items: −1 for scalars, −2 for vectors [..., N, D].

    Returns:
        Of the shape of `x`.

    Raises:
        TypeError: values that are not floating point.
        ValueError: no items, `dim` is no axis, or weights with other axes than the pairs.

    >>> sort_by(torch.tensor([2.0, 0.0]), lambda a, b: torch.sigmoid(a - b))  # 2 σ(−2), 2 σ(2)
    tensor([0.2384, 1.7616])
    """

    def swap(a_P: Tensor, b_P: Tensor) -> tuple[Tensor, Tensor]:
        weight_P = torch.as_tensor(compare(a_P, b_P), device=a_P.device).to(a_P.dtype)
        if weight_P.ndim not in (0, a_P.ndim):
            raise ValueError(
                f"compare made {list(weight_P.shape)} of {list(a_P.shape)}; give a weight with as many axes"
            )
        return torch.lerp(a_P, b_P, weight_P), torch.lerp(b_P, a_P, weight_P)

    return _through_the_network(x, swap, dim)


def sort_vectors(x: Tensor, key: Callable[[Tensor], Tensor], alpha: float = 1.0) -> Tensor:
    """Vectors in rising order of their keys; a swap mixes whole vectors, with weights σ(±α (key a − key b)).

    The keys are those of the mixed vectors, taken anew in each layer and once more at the end, for the order.

    Args:
        x: [..., N, D], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        key: differentiable, [..., D] -> [...], of each vector alone, whatever the axes before the last.
        alpha: sharpness α > 0.

    Returns:
        [..., N, D].

    Raises:
        TypeError: components that are not floating point.
        ValueError: no vectors, α out of range, or a key that does not give one number a vector.

    >>> sort_vectors(torch.tensor([[9.0, 1.0], [0.0, 2.0]]), lambda v: v[..., 0])  # σ(9) = 0.9999
    tensor([[1.1104e-03, 1.9999e+00],
            [8.9989e+00, 1.0001e+00]])
    """
    require_positive(alpha, "alpha")

    def compare(a_PD: Tensor, b_PD: Tensor) -> Tensor:
        return torch.sigmoid(alpha * (_keys(a_PD, key) - _keys(b_PD, key))).unsqueeze(-1)

    mixed_ND = sort_by(x, compare, dim=-2)
    order_N = _keys(mixed_ND, key).argsort(dim=-1, stable=True)
    return mixed_ND.take_along_dim(order_N.unsqueeze(-1), dim=-2)


def label_rank_distribution(
    scores_BM: Tensor, label_B: Tensor, k: int, sigma: float = 0.1, relaxation: SoftMaximum = softmax
) -> Tensor:
    """Probability that the label has rank 1, …, k: P[r] ∝ exp(−(s_y − y_r)² / (2 σ²)), y the soft sort of the scores.

    Args:
        scores_BM: [..., B, M], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        label_B: [..., B], integers in 0..M−1.
        k: number of ranks, 1..M.
        sigma: σ > 0.
        relaxation: of the maximum.

    Returns:
        [..., B, K], index 0 = rank 1, the largest. The M ranks of a label sum to 1; the labels of a rank need not.

    Raises:
        TypeError: scores that are not floating point, or labels that are not integers.
        ValueError: shapes that differ, k, σ or (on the CPU) a label out of range.

    >>> scores = torch.tensor([[0.0, 2.0]])  # sorted to −0.1269 and 2.1269: ½ (2.1269² − 0.1269²) = 2.2538
    >>> label_rank_distribution(scores, torch.tensor([1]), 2, sigma=1.0)  # σ(±2.2538)
    tensor([[0.9050, 0.0950]])
    """
    check_scores(scores_BM, label_B)
    require_ranks(k, scores_BM.shape[-1])
    values_BM = finite(scores_BM).double()  # a gap is squared and divided by σ², so that its last digits matter
    own_B1 = values_BM.gather(-1, label_B.long().unsqueeze(-1))
    falling_BM = soft_sort(values_BM, relaxation).flip(-1)
    return _nearness(own_B1, falling_BM, sigma).squeeze(-2)[..., :k].to(float_type(scores_BM))


def _through_the_network(x: Tensor, swap: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], dim: int) -> Tensor:
    """What a bitonic network with this (a, b) -> (earlier, later) leaves on its wires, which lie along `dim`."""
    if not -x.ndim <= dim < x.ndim:
        raise ValueError(f"dim = {dim} is not an axis of the values, {list(x.shape)}")
    rows_N = finite(x).movedim(dim, 0)
    wiring = _bitonic(len(rows_N), x.device)
    for layer in wiring.layers:
        rows_N = rows_N.index_select(0, layer.reads)
        a_P, b_P, idle = rows_N.tensor_split((layer.pairs, 2 * layer.pairs))
        rows_N = torch.cat([*swap(a_P, b_P), idle])
    return rows_N.index_select(0, wiring.outputs).flip(0).movedim(0, dim)


@lru_cache(maxsize=64)  # a large network takes milliseconds to be looked up itself
def _bitonic(n: int, device: torch.device) -> Wiring:
    return lay_out(bitonic(n), n, n, device)


def _keys(x_ND: Tensor, key: Callable[[Tensor], Tensor]) -> Tensor:
    keys_N = key(x_ND)
    if keys_N.shape != x_ND.shape[:-1]:
        raise ValueError(
            f"of vectors {list(x_ND.shape)} the key made {list(keys_N.shape)}; it must make {list(x_ND.shape[:-1])}"
        )
    return keys_N


def _nearness(points_N: Tensor, among_M: Tensor, sigma: float) -> Tensor:
    """exp(−(x_i − y_j)² / (2 σ²)) of points x and y, over its sum over j: [..., N, M]."""
    require_positive(sigma, "sigma")
    away_NM = (points_N.unsqueeze(-1) - among_M.unsqueeze(-2)) / sigma
    # The square of the nearest is taken off as a factor, before squares can overflow or lose its digits.
    nearest_N1 = away_NM.detach().abs().amin(-1, keepdim=True)
    return ((nearest_N1 - away_NM) * (nearest_N1 + away_NM) / 2).softmax(-1)


def _mean_index(weights_NM: Tensor) -> Tensor:
    index_M = torch.arange(weights_NM.shape[-1], dtype=weights_NM.dtype, device=weights_NM.device)
    return (weights_NM * index_M).sum(-1)  # no product that autocast rounds
