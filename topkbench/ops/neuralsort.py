"""NeuralSort (Grover et al. 2019): a softmax over the elements for each rank.

With the scores sorted, s_1 ≥ s_2 ≥ …, their equation 5 gives element j at rank r the logit ((n + 1 − 2r) s_j −
Σ_i |s_j − s_i|) / τ. Up to a constant of the rank that is (2r V_j − U_j) / τ, where V_j = s_1 − s_j and
U_j = Σ_{i<j} (2i + 1) (s_i − s_{i+1}): linear in the gaps, without the n × n differences.

Legend: B batch, M scores, K ranks.
"""

import torch
from torch import Tensor

from topkbench.ops.scores import check_labels, finite, float_type, require_positive, require_ranks


def label_rank_distribution(scores_BM: Tensor, label_B: Tensor, k: int, tau: float = 1.0) -> Tensor:
    """Probability that rank 1, …, k is the label's.

    O(M · K) a sample, beside the sort.

    Args:
        scores_BM: [..., B, M], floating point; ±∞ counts as ±1e18, half precision becomes float32. Where scores are
            equal, the gradient is that of the order in which they come.
        label_B: [..., B], integers in 0..M−1.
        k: number of ranks, 1..M.
        tau: temperature τ > 0; difftopk's is 1 / inverse_temperature.

    Returns:
        [..., B, K], index 0 = rank 1. The ranks of one label need not sum to 1; the labels of one rank do.

    Raises:
        ValueError: k, τ or (on the CPU) a label out of range.

    >>> label_rank_distribution(torch.tensor([[0.0, 1.0]]), torch.tensor([1]), 2)  # σ(1), σ(−1)
    tensor([[0.7311, 0.2689]])
    """
    check_labels(label_B, scores_BM.shape[-1])
    ranks_BKM, order_BM = _ranks(scores_BM, k, tau)
    place_B11 = (order_BM == label_B.unsqueeze(-1)).byte().argmax(-1)[..., None, None]
    return ranks_BKM.gather(-1, place_B11.expand(*label_B.shape, k, 1)).squeeze(-1)


def permutation(scores_BM: Tensor, tau: float = 1.0) -> Tensor:
    """The relaxed permutation matrix P[element, rank], the last column rank 1 (difftopk's order).

    Args:
        scores_BM: [..., B, M].
        tau: temperature τ > 0.

    Returns:
        [..., B, M, M]; columns sum to 1, rows need not.

    Raises:
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
    # In float64: U and 2r V are large and nearly equal around rank r where the scores are far apart.
    sorted_BM = sorted_BM.double() / tau
    v_B1M = (sorted_BM[..., :1] - sorted_BM).unsqueeze(-2)
    odd_M = torch.arange(1, 2 * m, 2, device=v_B1M.device)
    minus_u_B1M = 2 * (v_B1M.cumsum(-1) - v_B1M) - odd_M * v_B1M  # U, summed by parts
    twice_K1 = torch.arange(2, 2 * k + 1, 2, device=v_B1M.device, dtype=v_B1M.dtype).unsqueeze(-1)
    logits_BKM = torch.addcmul(minus_u_B1M, twice_K1, v_B1M)
    # The highest logit of rank r is that of the r-th largest.
    logits_BKM = logits_BKM - logits_BKM.detach().diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    return logits_BKM.to(float_type(scores_BM)).softmax(-1), order_BM
