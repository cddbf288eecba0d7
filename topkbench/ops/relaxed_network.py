"""Scores and weights carried through a relaxed comparator network, with the gradient worked out by hand.

A comparator (i, j) with the gap d = x_j − x_i leaves F(d) x_i + F(−d) x_j on wire i and F(−d) x_i + F(d) x_j on wire j.
A layer gathers its low wires, its high wires and the idle ones (`ops.wiring`), and changes the first two in place; what
the backward pass has to keep are the gaps and F of them.

Legend: M wires, N samples, R weights a sample, P comparators of a layer, K wires at the end, L live wires.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from topkbench.ops.first_order import require_first_order
from topkbench.ops.networks import Network
from topkbench.ops.relaxation import Relaxation
from topkbench.ops.wiring import Wiring, lay_out


def carry(scores_NM: Tensor, weights_RMN: Tensor, network: Network, k: int, relaxation: Relaxation) -> Tensor:
    """The top k rows of P @ weights, where P is the relaxed permutation matrix that the scores make of the network.

    Args:
        scores_NM: scores, which decide every comparator; ±∞ counts as ±1e18, of which differences are finite.
        weights_RMN: constants, which are only mixed; no gradient flows to them.
        network: on M wires.
        k: how many wires to read at the end, 1..M.
        relaxation: of the comparators.

    Returns:
        [R, K, N], index 0 = the top wire, M − 1.

    Raises:
        ValueError: the network has not as many wires as there are scores.
    """
    wiring = lay_out(network, scores_NM.shape[1], k, scores_NM.device)
    return _Carry.apply(scores_NM, weights_RMN, wiring, relaxation)  # type: ignore[no-any-return,no-untyped-call]


class _Carry(torch.autograd.Function):
    """What goes through the layers together is a wire's score and its weights: the first axis, [1 + R, L, N].

    Forward it is kept in float64: of scores that come close together and of weights that almost vanish only small
    differences are left, and logistic_phi and the loss are steep there. Backward, with the gaps known, the scores' own
    type is enough.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, scores_NM: Tensor, weights_RMN: Tensor, wiring: Wiring, relaxation: Relaxation
    ) -> Tensor:
        r, m, n = weights_RMN.shape
        rows_RLN = weights_RMN.new_empty(1 + r, m, n, dtype=torch.float64)
        rows_RLN[0], rows_RLN[1:] = scores_NM.mT, weights_RMN
        rows_RLN.clamp_(-1e18, 1e18)
        pairs = sum(layer.pairs for layer in wiring.layers)
        gaps_RPN, swaps_1PN = rows_RLN.new_empty(1 + r, pairs, n), rows_RLN.new_empty(1, pairs, n)
        for layer, gap_RPN, swap_1PN in zip(
            wiring.layers, _by_layer(gaps_RPN, wiring), _by_layer(swaps_1PN, wiring), strict=True
        ):
            rows_RLN = rows_RLN.index_select(1, layer.reads)
            low_RPN, high_RPN = rows_RLN[:, : layer.pairs], rows_RLN[:, layer.pairs : 2 * layer.pairs]
            torch.sub(low_RPN, high_RPN, out=gap_RPN)
            swap_1PN.copy_(relaxation.share(gap_RPN[:1]))
            # lerp is exact where F is 0 or 1, also between a score and one that stands for an infinity.
            lows_RPN = torch.lerp(low_RPN, high_RPN, swap_1PN)
            high_RPN.lerp_(low_RPN, swap_1PN)
            low_RPN.copy_(lows_RPN)
        ctx.wiring, ctx.relaxation, ctx.dtype = wiring, relaxation, scores_NM.dtype  # type: ignore[attr-defined]
        ctx.save_for_backward(gaps_RPN, swaps_1PN)
        return rows_RLN.index_select(1, wiring.outputs)[1:].to(weights_RMN.dtype)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient_RKN: Tensor) -> tuple[Tensor, None, None, None]:
        require_first_order()
        wiring: Wiring = ctx.wiring  # type: ignore[attr-defined]
        gaps_RPN, swaps_1PN = (kept.to(gradient_RKN.dtype) for kept in ctx.saved_tensors)  # type: ignore[attr-defined]
        # How much more is exchanged as the gap of the scores grows: F′ times each gap, of scores and of weights.
        gaps_RPN = gaps_RPN * ctx.relaxation.slope(gaps_RPN[:1])  # type: ignore[attr-defined]
        rows_RLN = gaps_RPN.new_zeros(len(gaps_RPN), wiring.last + 1, gaps_RPN.shape[-1])
        rows_RLN[1:].index_copy_(1, wiring.outputs, gradient_RKN)
        for layer, swap_1PN, slope_times_gap_RPN in reversed(
            list(zip(wiring.layers, _by_layer(swaps_1PN, wiring), _by_layer(gaps_RPN, wiring), strict=True))
        ):
            low_RPN, high_RPN = rows_RLN[:, : layer.pairs], rows_RLN[:, layer.pairs : 2 * layer.pairs]
            moved_RPN = low_RPN - high_RPN
            pull_PN = (moved_RPN * slope_times_gap_RPN).sum(0)
            moved_RPN *= swap_1PN
            moved_RPN[0] += pull_PN
            low_RPN -= moved_RPN
            high_RPN += moved_RPN
            rows_RLN = rows_RLN.index_select(1, layer.readers)
        return rows_RLN[0, :-1].mT.to(ctx.dtype), None, None, None  # type: ignore[attr-defined]


def _by_layer(rows_RPN: Tensor, wiring: Wiring) -> tuple[Tensor, ...]:
    return torch.split(rows_RPN, [layer.pairs for layer in wiring.layers], dim=1)
