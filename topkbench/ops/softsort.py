"""SoftSort (Prillo & Eisenschlos 2020, eq. 6): a softmax over the elements for each rank, by the nearness of scores.

At rank r, whose score is the r-th largest s_[r], element j has the logit −|s_j − s_[r]|^p / τ.

Legend: B batch, M scores, K ranks.
"""

from torch import Tensor

from topkbench.ops.options import require_positive
from topkbench.ops.scores import check_scores, finite, require_ranks


def label_rank_distribution(scores_BM: Tensor, label_B: Tensor, k: int, tau: float = 1.0, power: float = 1.0) -> Tensor:
    """Probability that rank 1, …, k is the label's.

    O(M · K) a sample, beside the sort.

    Args:
        scores_BM: [..., B, M], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        label_B: [..., B], integers in 0..M−1.
        k: number of ranks, 1..M.
        tau: temperature τ > 0; difftopk's is 1 / inverse_temperature.
        power: p ≥ 1.

    Returns:
        [..., B, K], index 0 = rank 1. The ranks of one label need not sum to 1; the labels of one rank do.

    Raises:
        TypeError: scores that are not floating point, or labels that are not integers.
        ValueError: shapes that differ, k, τ, p or (on the CPU) a label out of range.

    >>> import torch
    >>> label_rank_distribution(torch.tensor([[0.0, 1.0]]), torch.tensor([1]), 2)  # σ(1), σ(−1)
    tensor([[0.7311, 0.2689]])
    """
    check_scores(scores_BM, label_B)
    ranks_BKM = _ranks(scores_BM, k, tau, power)
    return ranks_BKM.gather(-1, label_B.long()[..., None, None].expand(*label_B.shape, k, 1)).squeeze(-1)


def permutation(scores_BM: Tensor, tau: float = 1.0, power: float = 1.0) -> Tensor:
    """The relaxed permutation matrix P[element, rank], the last column rank 1 (difftopk's order).

    Args:
        scores_BM: [..., B, M], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        tau: temperature τ > 0.
        power: p ≥ 1.

    Returns:
        [..., B, M, M]; columns sum to 1, rows need not.

    Raises:
        TypeError: scores that are not floating point.
        ValueError: τ or p out of range.

    >>> import torch
    >>> permutation(torch.tensor([[0.0, 1.0]]))
    tensor([[[0.7311, 0.2689],
             [0.2689, 0.7311]]])
    """
    return _ranks(scores_BM, scores_BM.shape[-1], tau, power).flip(-2).mT


def _ranks(scores_BM: Tensor, k: int, tau: float, power: float) -> Tensor:
    """The softmax of each rank over the elements, [..., B, K, M]."""
    require_ranks(k, scores_BM.shape[-1])
    require_positive(tau, "tau")
    if not power >= 1:  # below, the slope has no bound at the elements themselves
        raise ValueError(f"power = {power} is below 1")
    scores_BM = finite(scores_BM)
    # Slower than topk, but which of equal scores a rank's gradient goes to does not depend on k.
    largest_BK = scores_BM.sort(dim=-1, descending=True, stable=True).values[..., :k]
    distances_BKM = (scores_BM.unsqueeze(-2) - largest_BK.unsqueeze(-1)).abs()
    return ((distances_BKM if power == 1 else distances_BKM**power) / -tau).softmax(-1)
