"""NeuralSort (Grover et al. 2019): a softmax over the elements for each rank.

Element j has at rank r of n the logit ((n + 1 − 2r) s_j − Σ_i |s_j − s_i|) / τ (their eq. 5). The sums come from sorted
scores by cumulative sums, without the n × n differences.

Legend: B batch, M scores, K ranks.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from topkbench.ops.first_order import require_first_order
from topkbench.ops.options import require_positive
from topkbench.ops.scores import check_scores, finite, float_type, require_ranks

_SETTLED = 1000.0  # exp(−1000) is nothing


def label_rank_distribution(scores_BM: Tensor, label_B: Tensor, k: int, tau: float = 1.0) -> Tensor:
    """Probability that rank 1, …, k is the label's.

    O(M · K) a sample, beside the sort.

    Args:
        scores_BM: [..., B, M], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        label_B: [..., B], integers in 0..M−1.
        k: number of ranks, 1..M.
        tau: temperature τ > 0; difftopk's is 1 / inverse_temperature.

    Returns:
        [..., B, K], index 0 = rank 1. The ranks of one label need not sum to 1; the labels of one rank do.

    Raises:
        TypeError: scores that are not floating point, or labels that are not integers.
        ValueError: shapes that differ, k, τ or (on the CPU) a label out of range.

    >>> label_rank_distribution(torch.tensor([[0.0, 1.0]]), torch.tensor([1]), 2)  # σ(1), σ(−1)
    tensor([[0.7311, 0.2689]])
    """
    check_scores(scores_BM, label_B)
    ranks_BKM, order_BM = _ranks(scores_BM, k, tau)
    place_B11 = (order_BM == label_B.unsqueeze(-1)).byte().argmax(-1)[..., None, None]
    return ranks_BKM.gather(-1, place_B11.expand(*label_B.shape, k, 1)).squeeze(-1)


def permutation(scores_BM: Tensor, tau: float = 1.0) -> Tensor:
    """The relaxed permutation matrix P[element, rank], the last column rank 1 (difftopk's order).

    Args:
        scores_BM: [..., B, M], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        tau: temperature τ > 0.

    Returns:
        [..., B, M, M]; columns sum to 1, rows need not.

    Raises:
        TypeError: scores that are not floating point.
        ValueError: τ out of range.

    >>> permutation(torch.tensor([[0.0, 1.0]]))
    tensor([[[0.7311, 0.2689],
             [0.2689, 0.7311]]])
    """
    ranks_BKM, order_BM = _ranks(scores_BM, scores_BM.shape[-1], tau)
    by_element_BKM = ranks_BKM.gather(-1, order_BM.argsort(-1).unsqueeze(-2).expand_as(ranks_BKM))
    return by_element_BKM.flip(-2).mT


def _ranks(scores_BM: Tensor, k: int, tau: float) -> tuple[Tensor, Tensor]:
    """The softmax of each rank over the elements in falling order, [..., B, K, M], and that order, [..., B, M]."""
    m = scores_BM.shape[-1]
    require_ranks(k, m)
    require_positive(tau, "tau")
    sorted_BM, order_BM = finite(scores_BM).sort(dim=-1, descending=True, stable=True)
    # In float64: both terms are large and nearly equal around rank r where the scores are far apart.
    sorted_BM = sorted_BM.double() / tau
    # That scores count from the largest changes no softmax, nor that a gap which settles everything is cut off; so the
    # gradient may be that of the scores themselves.
    below_BM = _below_the_largest(sorted_BM.detach()) + (sorted_BM.detach() - sorted_BM)
    factor_K1 = torch.arange(1 - m, 2 * k - m, 2, device=below_BM.device, dtype=below_BM.dtype).unsqueeze(-1)
    minus_sums_BM = -_DistanceSums.apply(below_BM)  # type: ignore[no-untyped-call]
    logits_BKM = torch.addcmul(minus_sums_BM.unsqueeze(-2), factor_K1, below_BM.unsqueeze(-2))
    # The highest logit of rank r is that of the r-th largest.
    logits_BKM = logits_BKM - logits_BKM.detach().diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    return logits_BKM.to(float_type(scores_BM)).softmax(-1), order_BM


def _below_the_largest(sorted_BM: Tensor) -> Tensor:
    gaps_BM = sorted_BM[..., :-1] - sorted_BM[..., 1:]
    return torch.nn.functional.pad(gaps_BM.clamp(max=_SETTLED).cumsum(-1), (1, 0))


class _DistanceSums(torch.autograd.Function):
    """Σ_i |x_j − x_i| of rising x, [..., M]. Equal ones do not pull at each other: the slope of |0| is taken for 0."""

    @staticmethod
    def forward(ctx: FunctionCtx, x_BM: Tensor) -> Tensor:
        m = x_BM.shape[-1]
        ctx.save_for_backward(x_BM)
        up_to_BM = x_BM.cumsum(-1)
        balance_M = torch.arange(2 - m, m + 1, 2, device=x_BM.device)  # how many more are at or below than above
        return balance_M * x_BM - 2 * up_to_BM + up_to_BM[..., -1:]

    @staticmethod
    def backward(ctx: FunctionCtx, gradient_BM: Tensor) -> Tensor:
        require_first_order()
        (x_BM,) = ctx.saved_tensors  # type: ignore[attr-defined]
        below_BM = torch.searchsorted(x_BM, x_BM)
        not_above_BM = torch.searchsorted(x_BM, x_BM, right=True)
        sums_BM = torch.nn.functional.pad(gradient_BM.cumsum(-1), (1, 0))
        from_others_BM = sums_BM.gather(-1, below_BM) + sums_BM.gather(-1, not_above_BM) - sums_BM[..., -1:]
        own_BM: Tensor = gradient_BM * (below_BM + not_above_BM - x_BM.shape[-1])
        return from_others_BM + own_BM
