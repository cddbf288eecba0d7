"""Differentiable sorting networks (Petersen et al. 2021, 2022): the ranks that a relaxed network gives.

Each layer of relaxed comparators is a doubly stochastic matrix, and their product P, with P[wire, element], is the
relaxed permutation matrix. Rank 1, the largest, is wire n − 1.

Legend: B batch, M wires, K ranks, N all samples, R weights a sample.
"""

import torch
from torch import Tensor

from topkbench.ops.networks import Network
from topkbench.ops.relaxation import Relaxation
from topkbench.ops.relaxed_network import carry
from topkbench.ops.scores import check_scores, float_type, require_ranks


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
    matrix takes O(layers · M²).

    Args:
        scores_BM: scores, [..., B, M], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        label_B: the wire of each label, [..., B], integers in 0..M−1.
        layers: a network of `ops.networks` on M wires that brings the k largest to the last k wires.
        k: number of ranks, 1..M.
        distribution: one of `ops.relaxation.DISTRIBUTIONS`; see `ops.relaxation.Relaxation`.
        inverse_temperature: β > 0; the larger, the harder.
        art_lambda: λ in [0, 1) of logistic_phi; others do not use it.

    Returns:
        [..., B, K], index 0 = rank 1. A row sums to at most 1, to 1 where k = M.

    Raises:
        TypeError: scores that are not floating point, or labels that are not integers.
        ValueError: shapes that differ, k, β, λ or (on the CPU) a label out of range, an unknown distribution, or a
            network of another size.

    >>> from topkbench.ops.networks import bitonic
    >>> scores = torch.tensor([[0.0, 1.0]])  # σ(1) = 0.7311
    >>> label_rank_distribution(scores, torch.tensor([1]), bitonic(2), 2, "logistic")
    tensor([[0.7311, 0.2689]])
    """
    relaxation = Relaxation(distribution, inverse_temperature, art_lambda)
    m = scores_BM.shape[-1]
    require_ranks(k, m)
    check_scores(scores_BM, label_B)
    label_1N = label_B.reshape(1, -1).long()
    one_hot_MN = torch.zeros(m, label_1N.shape[1], dtype=float_type(scores_BM), device=scores_BM.device)
    one_hot_MN.scatter_(0, label_1N, 1)
    ranks_RKN = carry(scores_BM.reshape(-1, m), one_hot_MN.unsqueeze(0), layers, k, relaxation)
    return ranks_RKN.squeeze(0).mT.reshape(*label_B.shape, k)


def topk_matrix(
    scores_BM: Tensor,
    layers: Network,
    k: int,
    distribution: str = "logistic_phi",
    inverse_temperature: float = 1.0,
    art_lambda: float = 0.5,
) -> Tensor:
    """The rows of P for the last k wires, transposed: P[element, rank], the last column rank 1 (difftopk's order).

    O(layers · M²) operations and, where a gradient is wanted, as many bytes times 4 a sample: a one-hot of every wire
    goes through the layers. For a loss on the label alone `label_rank_distribution` is M times cheaper.

    Args:
        scores_BM: [..., B, M].
        layers: a network of `ops.networks` on M wires that brings the k largest to the last k wires.
        k: number of ranks, 1..M.
        distribution: one of `ops.relaxation.DISTRIBUTIONS`.
        inverse_temperature: β > 0.
        art_lambda: λ in [0, 1).

    Returns:
        [..., B, M, K]; columns sum to 1.

    Raises:
        TypeError: scores that are not floating point.
        ValueError: k, β or λ out of range, an unknown distribution, or a network of another size.

    >>> from topkbench.ops.networks import bitonic
    >>> topk_matrix(torch.tensor([[0.0, 1.0]]), bitonic(2), 1, "logistic")
    tensor([[[0.2689],
             [0.7311]]])
    """
    relaxation = Relaxation(distribution, inverse_temperature, art_lambda)
    m = scores_BM.shape[-1]
    require_ranks(k, m)
    scores_NM = scores_BM.reshape(-1, m)
    eye_MM = torch.eye(m, dtype=float_type(scores_BM), device=scores_BM.device)
    columns_RKN = carry(scores_NM, eye_MM.unsqueeze(-1).expand(m, m, len(scores_NM)), layers, k, relaxation)
    return columns_RKN.flip(1).permute(2, 0, 1).reshape(*scores_BM.shape, k)
