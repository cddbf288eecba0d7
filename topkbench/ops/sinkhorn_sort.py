"""Sorting as entropic optimal transport (Cuturi, Teboul & Vert 2019): scores are moved onto sorted targets.

Scores x_1, …, x_n and targets y = 0, 1/(n − 1), …, 1 have equal weights and the cost (x_i − y_j)². The transport plan
P = argmin Σ_ij P_ij (x_i − y_j)² − ε H(P), scaled so that rows and columns sum to 1, is the relaxed permutation matrix
(their eq. 6 and definition 3): P_ij ∝ exp(2 x_i y_j / ε + f_i + g_j), as the rest of the cost goes into f and g.

Sinkhorn's iteration needs thousands of rounds where the scores are spread over many ε. Here g is found by Newton's
method on the concave semi-dual instead, begun at the potentials of ε → 0, which a sort gives exactly. Six steps are
always taken, so that nothing waits for a device; four brought every column's sum within 1e-9 of 1 wherever it was
tried, and tests/ops/test_permutations.py holds six to it. One more step, which autograd sees, makes the gradient
that of the implicit function.

Legend: B batch, M scores and targets, K ranks.
"""

import torch
from torch import Tensor

from topkbench.ops.cached import cached
from topkbench.ops.first_order import first_order
from topkbench.ops.options import require_positive
from topkbench.ops.scores import check_scores, finite, float_type, require_ranks

TOLERANCE = 1e-9
"""How far from 1 the sum of a column of P may be, in float64; rows sum to 1 by construction."""
_NEWTON_STEPS = 6
_HARD = 400.0  # exp(−400) is nothing: a comparison of these log-odds is settled


def label_rank_distribution(scores_BM: Tensor, label_B: Tensor, k: int, epsilon: float = 1.0) -> Tensor:
    """Probability that the label has rank 1, …, k.

    O(M³) operations a sample, for seven linear systems in float64, and some 60 M² bytes.

    Args:
        scores_BM: [..., B, M], floating point; ±∞ counts as ±1e18.
        label_B: [..., B], integers in 0..M−1.
        k: number of ranks, 1..M.
        epsilon: ε > 0, the strength of the entropy; difftopk's is 1 / inverse_temperature.

    Returns:
        [..., B, K], index 0 = rank 1, at least float32.

    Raises:
        TypeError: scores that are not floating point, or labels that are not integers.
        ValueError: shapes that differ, k, ε or (on the CPU) a label out of range.

    >>> label_rank_distribution(torch.tensor([[0.0, 1.0]]), torch.tensor([1]), 2)  # σ(1), σ(−1)
    tensor([[0.7311, 0.2689]])
    """
    m = scores_BM.shape[-1]
    check_scores(scores_BM, label_B)
    require_ranks(k, m)
    plan_BMM, order_BM = _plan(scores_BM, epsilon)
    place_B11 = (order_BM == label_B.unsqueeze(-1)).byte().argmax(-1)[..., None, None]
    row_BM = plan_BMM.gather(-2, place_B11.expand(*label_B.shape, 1, m)).squeeze(-2)
    return row_BM[..., -k:].flip(-1).to(float_type(scores_BM))


def permutation(scores_BM: Tensor, epsilon: float = 1.0) -> Tensor:
    """The relaxed permutation matrix P[element, rank], the last column rank 1 (difftopk's order).

    Args:
        scores_BM: [..., B, M].
        epsilon: ε > 0.

    Returns:
        [..., B, M, M], at least float32; rows and columns sum to 1.

    Raises:
        TypeError: scores that are not floating point.
        ValueError: ε out of range.

    >>> permutation(torch.tensor([[0.0, 1.0]]))
    tensor([[[0.7311, 0.2689],
             [0.2689, 0.7311]]])
    """
    plan_BMM, order_BM = _plan(scores_BM, epsilon)
    by_element_BMM = plan_BMM.gather(-2, order_BM.argsort(-1).unsqueeze(-1).expand_as(plan_BMM))
    return by_element_BMM.to(float_type(scores_BM))


def _plan(scores_BM: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """P of the scores in rising order, [..., B, M, M] float64, and that order, [..., B, M]."""
    require_positive(epsilon, "epsilon")
    sorted_BM, order_BM = finite(scores_BM).sort(dim=-1, stable=True)
    kernel_BMM = _kernel(sorted_BM.double(), epsilon)
    with torch.no_grad():
        potential_BM = _hard_potential(kernel_BMM)
        for _ in range(_NEWTON_STEPS):
            potential_BM = _newton(kernel_BMM, potential_BM)
    # The last step holds the Hessian constant, which is right for the first derivative alone.
    return first_order(_rows(kernel_BMM, _newton(kernel_BMM, potential_BM))), order_BM


def _kernel(sorted_BM: Tensor, epsilon: float) -> Tensor:
    """2 x_i y_j / ε, the lowest score at 0 and gaps that settle every comparison cut off: both leave P as it is."""
    m = sorted_BM.shape[-1]
    spacing = 1 / max(1, m - 1)
    gaps_BM = (sorted_BM[..., 1:] - sorted_BM[..., :-1]) / epsilon
    from_lowest_BM = torch.nn.functional.pad(gaps_BM.clamp(max=_HARD / spacing).cumsum(-1), (1, 0))
    return 2 * from_lowest_BM.unsqueeze(-1) * _targets(m, sorted_BM.device)


@cached()
def _targets(m: int, device: torch.device) -> Tensor:
    return torch.linspace(0, 1, m, dtype=torch.float64, device=device)


def _hard_potential(kernel_BMM: Tensor) -> Tensor:
    """The g of ε → 0: from one target to the next it falls by what a score half way between their two gains there."""
    gains_BMM = kernel_BMM.diff(dim=-1)
    own, next_one = gains_BMM.diagonal(dim1=-2, dim2=-1), gains_BMM.diagonal(-1, dim1=-2, dim2=-1)
    return torch.nn.functional.pad(-((own + next_one) / 2).cumsum(-1), (1, 0))


def _rows(kernel_BMM: Tensor, potential_BM: Tensor) -> Tensor:
    return (kernel_BMM + potential_BM.unsqueeze(-2)).softmax(-1)


def _newton(kernel_BMM: Tensor, potential_BM: Tensor) -> Tensor:
    """One step towards column sums of 1; the Hessian is held constant, which at the solution is exact."""
    plan_BMM = _rows(kernel_BMM, potential_BM)
    excess_BM = plan_BMM.sum(-2) - 1
    fixed_BMM = plan_BMM.detach()
    hessian_BMM = torch.diag_embed(fixed_BMM.sum(-2)) - fixed_BMM.mT @ fixed_BMM
    # g is determined up to a constant, and where P is hard not at all: both are pinned down.
    m = plan_BMM.shape[-1]
    pin_MM = 1 / m + 1e-9 * torch.eye(m, dtype=plan_BMM.dtype, device=plan_BMM.device)
    step_BM1: Tensor = torch.linalg.solve_ex(hessian_BMM + pin_MM, excess_BM.unsqueeze(-1)).result
    return potential_BM - step_BM1.squeeze(-1)
