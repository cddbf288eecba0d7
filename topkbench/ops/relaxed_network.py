"""Scores and weights carried through a relaxed comparator network, with the gradient worked out by hand.

A comparator (i, j) with the gap d = x_j − x_i leaves F(d) x_i + F(−d) x_j on wire i and F(−d) x_i + F(d) x_j on wire j.
A layer gathers its low wires, its high wires and the idle ones (`ops.wiring`), and changes the first two in place; what
the backward pass has to keep are the gaps.

Legend: M wires, N samples, R weights a sample, P comparators of a layer, K wires at the end, L live wires.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from topkbench.ops.first_order import require_first_order
from topkbench.ops.networks import Network
from topkbench.ops.relaxation import Relaxation
from topkbench.ops.wiring import Wiring, lay_out


def carry(scores_NM: Tensor, weights_MRN: Tensor, network: Network, k: int, relaxation: Relaxation) -> Tensor:
    """The top k rows of P @ weights, where P is the relaxed permutation matrix that the scores make of the network.

    Args:
        scores_NM: scores, which decide every comparator; ±∞ counts as ±1e18, of which differences are finite.
        weights_MRN: constants, which are only mixed; no gradient flows to them.
        network: on M wires.
        k: how many wires to read at the end, 1..M.
        relaxation: of the comparators.

    Returns:
        [K, R, N], index 0 = the top wire, M − 1.

    Raises:
        ValueError: the network has not as many wires as there are scores.
    """
    wiring = lay_out(network, scores_NM.shape[1], k, scores_NM.device)
    return _Carry.apply(scores_NM, weights_MRN, wiring, relaxation)  # type: ignore[no-any-return,no-untyped-call]


class _Carry(torch.autograd.Function):
    """The rows of a layout hold a wire's score and its weights, [L, 1 + R, N].

    They are kept in float64: of scores that come close together and of weights that almost vanish only small
    differences are left, and logistic_phi and the loss are steep there.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, scores_NM: Tensor, weights_MRN: Tensor, wiring: Wiring, relaxation: Relaxation
    ) -> Tensor:
        m, r, n = weights_MRN.shape
        rows_LRN = weights_MRN.new_empty(m, 1 + r, n, dtype=torch.float64)
        rows_LRN[:, 0], rows_LRN[:, 1:] = scores_NM.mT, weights_MRN
        rows_LRN.clamp_(-1e18, 1e18)
        gaps_PRN = rows_LRN.new_empty(sum(layer.pairs for layer in wiring.layers), 1 + r, n)
        swaps = []
        for layer, gap_PRN in zip(wiring.layers, _by_layer(gaps_PRN, wiring), strict=True):
            rows_LRN = rows_LRN.index_select(0, layer.reads)
            low_PRN, high_PRN = rows_LRN[: layer.pairs], rows_LRN[layer.pairs : 2 * layer.pairs]
            torch.sub(low_PRN, high_PRN, out=gap_PRN)
            swap_P1N = relaxation.share(gap_PRN[:, :1])
            # lerp is exact where F is 0 or 1, also between a score and one that stands for an infinity.
            lows_PRN = torch.lerp(low_PRN, high_PRN, swap_P1N)
            high_PRN.lerp_(low_PRN, swap_P1N)
            low_PRN.copy_(lows_PRN)
            swaps.append(swap_P1N)
        ctx.wiring, ctx.relaxation, ctx.dtype = wiring, relaxation, scores_NM.dtype  # type: ignore[attr-defined]
        ctx.save_for_backward(gaps_PRN, *swaps)
        return rows_LRN.index_select(0, wiring.outputs)[:, 1:].to(weights_MRN.dtype)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient_KRN: Tensor) -> tuple[Tensor, None, None, None]:
        require_first_order()
        wiring: Wiring = ctx.wiring  # type: ignore[attr-defined]
        gaps_PRN, *swaps = ctx.saved_tensors  # type: ignore[attr-defined]
        # How much more is exchanged as the gap of the scores grows: F′ times each gap, of scores and of weights.
        slope_times_gap_PRN = gaps_PRN * ctx.relaxation.slope(gaps_PRN[:, :1].to(gradient_KRN.dtype))  # type: ignore[attr-defined]
        rows_LRN = gaps_PRN.new_zeros(wiring.last + 1, *gaps_PRN.shape[1:])
        rows_LRN[:, 1:].index_copy_(0, wiring.outputs, gradient_KRN.to(gaps_PRN.dtype))
        for layer, swap_P1N, layer_PRN in reversed(
            list(zip(wiring.layers, swaps, _by_layer(slope_times_gap_PRN, wiring), strict=True))
        ):
            low_PRN, high_PRN = rows_LRN[: layer.pairs], rows_LRN[layer.pairs : 2 * layer.pairs]
            moved_PRN = low_PRN - high_PRN
            pull_PN = (moved_PRN * layer_PRN).sum(1)
            moved_PRN *= swap_P1N
            moved_PRN[:, 0] += pull_PN
            low_PRN -= moved_PRN
            high_PRN += moved_PRN
            rows_LRN = rows_LRN.index_select(0, layer.readers)
        return rows_LRN[:-1, 0].mT.to(ctx.dtype), None, None, None  # type: ignore[attr-defined]


def _by_layer(rows_PRN: Tensor, wiring: Wiring) -> tuple[Tensor, ...]:
    return torch.split(rows_PRN, [layer.pairs for layer in wiring.layers])
