"""Scores and weights carried through a relaxed comparator network, with the gradient worked out by hand.

A comparator (i, j) with the gap d = x_j − x_i leaves F(d) x_i + F(−d) x_j on wire i and F(−d) x_i + F(d) x_j on wire j.
A layer gathers its low wires, its high wires and the idle ones (`ops.wiring`), and changes the first two in place; what
the backward pass has to keep are the gaps and F of them.

Legend: M wires, N samples, R weights of a wire, S its score and its weights, P comparators, K wires at the end, L live
wires.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from topkbench.ops.first_order import require_first_order
from topkbench.ops.networks import Network
from topkbench.ops.relaxation import Relaxation
from topkbench.ops.scores import finite
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
    """A wire's score and its weights go through the layers together, in float64 both ways.

    Of scores that come close together and of weights that almost vanish only small differences are left, and
    logistic_phi and the loss are steep there; so they are in the gradient (0.2 % of it in float32, with
    β 8 and scores times 6).
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, scores_NM: Tensor, weights_RMN: Tensor, wiring: Wiring, relaxation: Relaxation
    ) -> Tensor:
        r, m, n = weights_RMN.shape
        rows_SLN = weights_RMN.new_empty(1 + r, m, n, dtype=torch.float64)
        rows_SLN[0], rows_SLN[1:] = finite(scores_NM).mT, weights_RMN
        gaps_SPN = rows_SLN.new_empty(1 + r, sum(layer.pairs for layer in wiring.layers), n)
        swaps = []
        for layer, gap_SPN in zip(wiring.layers, _by_layer(gaps_SPN, wiring), strict=True):
            rows_SLN = rows_SLN.index_select(1, layer.reads)
            low_SPN, high_SPN = rows_SLN[:, : layer.pairs], rows_SLN[:, layer.pairs : 2 * layer.pairs]
            torch.sub(low_SPN, high_SPN, out=gap_SPN)
            swap_PN = relaxation.share(gap_SPN[0])
            # lerp is exact where F is 0 or 1, also between a score and one that stands for an infinity.
            lows_SPN = torch.lerp(low_SPN, high_SPN, swap_PN)
            high_SPN.lerp_(low_SPN, swap_PN)
            low_SPN.copy_(lows_SPN)
            swaps.append(swap_PN)
        ctx.wiring, ctx.relaxation, ctx.dtype = wiring, relaxation, scores_NM.dtype  # type: ignore[attr-defined]
        ctx.save_for_backward(gaps_SPN, *swaps)
        return rows_SLN.index_select(1, wiring.outputs)[1:].to(weights_RMN.dtype)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient_RKN: Tensor) -> tuple[Tensor, None, None, None]:
        require_first_order()
        wiring: Wiring = ctx.wiring  # type: ignore[attr-defined]
        gaps_SPN, *swaps = ctx.saved_tensors  # type: ignore[attr-defined]
        # How much more is exchanged as the gap of the scores grows: F′ times each gap, of scores and of weights.
        pulls_SPN = gaps_SPN * ctx.relaxation.slope(gaps_SPN[0].to(gradient_RKN.dtype))  # type: ignore[attr-defined]
        rows_SLN = gaps_SPN.new_zeros(len(gaps_SPN), wiring.last + 1, gaps_SPN.shape[-1])
        rows_SLN[1:].index_copy_(1, wiring.outputs, gradient_RKN.to(gaps_SPN.dtype))
        for layer, swap_PN, pull_SPN in reversed(
            list(zip(wiring.layers, swaps, _by_layer(pulls_SPN, wiring), strict=True))
        ):
            low_SPN, high_SPN = rows_SLN[:, : layer.pairs], rows_SLN[:, layer.pairs : 2 * layer.pairs]
            moved_SPN = low_SPN - high_SPN
            pulled_PN = (moved_SPN * pull_SPN).sum(0)
            moved_SPN *= swap_PN
            moved_SPN[0] += pulled_PN
            low_SPN -= moved_SPN
            high_SPN += moved_SPN
            rows_SLN = rows_SLN.index_select(1, layer.readers)
        return rows_SLN[0, :-1].mT.to(ctx.dtype), None, None, None  # type: ignore[attr-defined]


def _by_layer(rows_SPN: Tensor, wiring: Wiring) -> tuple[Tensor, ...]:
    return torch.split(rows_SPN, [layer.pairs for layer in wiring.layers], dim=1)
