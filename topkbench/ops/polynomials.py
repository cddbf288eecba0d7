"""Elementary symmetric polynomials of exp(x), in logarithms: e_d sums the products of every d of its variables.

They are the coefficients of Π_j (1 + exp(x_j) u), which a tree of products gives (Berrada et al. 2018, §3.2). Counted
from the k-th largest x, the variables below it lie in [0, 1]: their coefficients fit into a float64 as they are. The k
largest have no bound; their product, and its product with the others', is taken in log space. All terms are positive,
forward and backward, so that nothing cancels.

Legend: B batch, N variables, K the highest degree, D degrees 0..K, P degrees from 1.
"""

from math import lgamma

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from topkbench.ops.first_order import require_first_order
from topkbench.ops.options import require_positive
from topkbench.ops.scores import at_least_float32, finite, float_type, require_ranks
from topkbench.ops.selection import largest

_MOST = 700.0  # log of the largest coefficient; float64 ends at 709


def log_esf(x_BN: Tensor, k: int, tau: float = 1.0) -> Tensor:
    """The logarithms of e_d(exp(x / τ)) for d = 0..k.

    O(N · K) operations a sample in log₂ N steps, and some 8 N log₂ 4K bytes where a gradient is wanted: in float64
    inside, as e_50 of 10,450 variables of 1 is 1e136.

    Args:
        x_BN: [..., N], floating point; of the k largest ±∞ counts as ±1e18. Half precision becomes float32.
        k: the highest degree, ≥ 1. There are no products of more than N variables: e_d = 0 for d > N.
        tau: temperature τ > 0.

    Returns:
        [..., K + 1]; −∞ for d > N.

    Raises:
        TypeError: x that is not floating point.
        ValueError: k < 1, τ that is not positive, no variables, or more than 1e304 products of up to k of them: any k
            will do for 1,000 variables, up to 130 for 10,450.

    >>> log_esf(torch.tensor([1.0, 2.0, 3.0]).log(), 3).exp()  # 1, 1 + 2 + 3, 1·2 + 1·3 + 2·3, 1·2·3
    tensor([ 1.0000,  6.0000, 11.0000,  6.0000])
    """
    n = _variables(x_BN)
    _require_degree(k, n, tau)
    about_BD, origin_B1 = _about_kth(at_least_float32(x_BN), min(k, n), tau)
    degree_D = torch.arange(about_BD.shape[-1], device=x_BN.device)
    logs_BD = about_BD + degree_D * origin_B1 / tau
    return torch.nn.functional.pad(logs_BD, (0, max(0, k - n)), value=-torch.inf).to(float_type(x_BN))


def log_ratio(x_BN: Tensor, y_B: Tensor, k: int, tau: float = 1.0) -> Tensor:
    """log(e_k(exp(x / τ)) / e_{k−1}(exp(x / τ))) − y / τ: how far, about, y lies below the k-th largest x.

    Where scores are large beside their differences it keeps those, which the difference of two `log_esf` loses.

    Args:
        x_BN: [..., N].
        y_B: [...], of the same type.
        k: 1..N.
        tau: temperature τ > 0.

    Returns:
        [...], in float64, as it may be multiplied by a small τ.

    Raises:
        TypeError: x that is not floating point.
        ValueError: k or τ out of range, or as for `log_esf`.

    >>> log_ratio(torch.tensor([1.0, 2.0, 3.0]).log(), torch.tensor(0.0), 2)  # log(11 / 6)
    tensor(0.6061, dtype=torch.float64)
    """
    require_ranks(k, _variables(x_BN))
    _require_degree(k, _variables(x_BN), tau)
    about_BD, origin_B1 = _about_kth(at_least_float32(x_BN), k, tau)
    below_B = origin_B1.squeeze(-1) - finite(y_B).double()
    return about_BD[..., -1] - about_BD[..., -2] + below_B / tau


def _variables(x_BN: Tensor) -> int:
    if not x_BN.ndim:
        raise ValueError("x is one number; give variables along its last axis, [..., N]")
    return x_BN.shape[-1]


def _require_degree(k: int, n: int, tau: float) -> None:
    require_positive(tau, "tau")
    if k < 1:
        raise ValueError(f"k = {k}: the highest degree must be at least 1")
    if n < 1:
        raise ValueError("there are no variables; give at least one")
    if _log_count(n, k) > _MOST:
        largest_k = max(d for d in range(1, k) if _log_count(n, d) <= _MOST)
        raise ValueError(f"k = {k}: {n} scores have too many subsets of that size; give k = {largest_k} or fewer")


def _log_count(n: int, k: int) -> float:
    """The logarithm of the most subsets of one size, up to k, of n variables."""
    d = min(k, n // 2)
    return lgamma(n + 1) - lgamma(d + 1) - lgamma(n - d + 1)


def _about_kth(x_BN: Tensor, k: int, tau: float) -> tuple[Tensor, Tensor]:
    """The logarithms of e_d(exp((x − origin) / τ)), [..., K + 1], and the origin, the k-th largest x; in float64.

    e_d(exp(x)) = exp(d · origin) e_d(exp(x − origin)) for any origin, which may therefore be taken for a constant.
    """
    top_BK = largest(x_BN.detach(), k).indices
    x_top_BK = finite(x_BN.gather(-1, top_BK)).double()
    origin_B1 = x_top_BK[..., -1:].detach()
    log_top_BD = _log_product((x_top_BK - origin_B1) / tau)
    others_BD = _ProductOfOthers.apply(x_BN, top_BK, origin_B1, tau)  # type: ignore[no-untyped-call]
    return _log_convolution(log_top_BD, others_BD), origin_B1


def _log_product(x_BK: Tensor) -> Tensor:
    """The logarithms of e_d(exp(x)), one variable after the other: [..., K] -> [..., K + 1]."""
    logs_BD = x_BK.new_zeros(*x_BK.shape[:-1], 1)
    for x_B1 in torch.split(x_BK, 1, dim=-1):
        with_it_BD = logs_BD + x_B1
        both_BD = torch.logaddexp(logs_BD[..., 1:], with_it_BD[..., :-1])
        logs_BD = torch.cat([logs_BD[..., :1], both_BD, with_it_BD[..., -1:]], dim=-1)
    return logs_BD


def _log_convolution(log_a_BD: Tensor, b_BD: Tensor) -> Tensor:
    """The logarithms of Σ_i a_i b_{d−i}, of log a and of b itself, which may be 0, b_0 being 1."""
    k = b_BD.shape[-1] - 1
    peak_BD = log_a_BD.detach().cummax(-1).values
    # Window d of the padded b is b_{d−k} … b_d, with zeros for what comes before b_0.
    b_BDD = torch.nn.functional.pad(b_BD, (k, 0)).unfold(-1, k + 1, 1)
    # Where a stands before such a zero it may be above the peak; it must not overflow there.
    a_BDD = (log_a_BD.flip(-1).unsqueeze(-2) - peak_BD.unsqueeze(-1)).clamp(max=0).exp()
    return (a_BDD * b_BDD).sum(-1).log() + peak_BD


class _ProductOfOthers(torch.autograd.Function):
    """e_d(exp((x − origin) / τ)) over all but the top k, which are not above the origin: [..., N] -> [..., K + 1].

    By a tree of products of polynomials. Samples lie innermost, so that every level's operations are on long rows.
    Degree 0, always 1, is not carried. All of it is one function: each further pass over all variables would cost
    about as much as a level of the tree.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x_BN: Tensor, top_BK: Tensor, origin_B1: Tensor, tau: float) -> Tensor:
        above_BN = (x_BN - origin_B1).div_(tau).clamp_(max=0).scatter_(-1, top_BK, -torch.inf)
        variables_NB = above_BN.exp_().reshape(-1, x_BN.shape[-1]).mT.contiguous()
        levels_PNB, k = [variables_NB.unsqueeze(0)], top_BK.shape[-1]
        while levels_PNB[-1].shape[1] > 1:
            levels_PNB.append(_pairwise_products(levels_PNB[-1], k))
        ctx.save_for_backward(*levels_PNB)
        ctx.tau, ctx.dtype = tau, x_BN.dtype  # type: ignore[attr-defined]
        e_PB = levels_PNB[-1].squeeze(1)
        return torch.nn.functional.pad(e_PB.mT, (1, k - len(e_PB)), value=1.0).reshape(*x_BN.shape[:-1], k + 1)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient_BD: Tensor) -> tuple[Tensor, None, None, None]:
        require_first_order()
        levels_PNB = ctx.saved_tensors  # type: ignore[attr-defined]
        k, n = gradient_BD.shape[-1] - 1, levels_PNB[0].shape[1]
        gradient_PNB = gradient_BD.reshape(-1, k + 1).mT[1 : 1 + len(levels_PNB[-1])].unsqueeze(1)
        for level_PNB in reversed(levels_PNB[:-1]):
            gradient_PNB = _pairwise_gradients(gradient_PNB, level_PNB)
        by_variable_NB = (gradient_PNB * levels_PNB[0]).squeeze(0).div_(ctx.tau)  # type: ignore[attr-defined]
        return by_variable_NB.mT.to(ctx.dtype).reshape(*gradient_BD.shape[:-1], n), None, None, None  # type: ignore[attr-defined]


def _pairwise_products(p_PNB: Tensor, k: int) -> Tensor:
    """The product of each polynomial of the first half with its partner in the second, up to degree k."""
    degrees, n, batch = p_PNB.shape
    half = n // 2
    a_PNB, b_PNB = p_PNB[:, :half], p_PNB[:, half : 2 * half]
    product_PNB = p_PNB.new_empty(min(2 * degrees, k), n - half, batch)
    torch.add(a_PNB, b_PNB, out=product_PNB[:degrees, :half])
    product_PNB[:degrees, half:] = p_PNB[:, 2 * half :]  # who has no partner goes on alone
    product_PNB[degrees:] = 0
    for i, count in _shifts(degrees, len(product_PNB)):
        product_PNB[i : i + count, :half].addcmul_(a_PNB[i - 1], b_PNB[:count])
    return product_PNB


def _pairwise_gradients(gradient_PNB: Tensor, p_PNB: Tensor) -> Tensor:
    """The gradient of the polynomials, from that of their pairwise products."""
    degrees, n, _ = p_PNB.shape
    half = n // 2
    a_PNB, b_PNB = p_PNB[:, :half], p_PNB[:, half : 2 * half]
    of_product_PNB = gradient_PNB[:, :half]
    of_pairs_PNB = torch.cat([of_product_PNB[:degrees], of_product_PNB[:degrees], gradient_PNB[:degrees, half:]], dim=1)
    for i, count in _shifts(degrees, len(gradient_PNB)):
        of_pairs_PNB[:count, :half].addcmul_(b_PNB[i - 1], of_product_PNB[i : i + count])
        of_pairs_PNB[:count, half : 2 * half].addcmul_(a_PNB[i - 1], of_product_PNB[i : i + count])
    return of_pairs_PNB


def _shifts(degrees: int, product_degrees: int) -> list[tuple[int, int]]:
    """Each degree i of one factor, and how many degrees of the other it may meet without exceeding the product's."""
    counts = ((i, min(degrees, product_degrees - i)) for i in range(1, degrees + 1))
    return [(i, count) for i, count in counts if count > 0]
