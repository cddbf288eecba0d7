"""Scores and weights carried through a relaxed comparator network, with the gradient worked out by hand.

A comparator (i, j) with the gap d = x_j − x_i leaves F(d) x_i + F(−d) x_j on wire i and F(−d) x_i + F(d) x_j on wire j.
A layer gathers its low wires, its high wires and the idle ones, and changes the first two in place; what the backward
pass has to keep are the gaps.

Legend: M wires, N samples, R weights a sample, P comparators of a layer, K wires at the end, L live wires.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from topkbench.ops.first_order import require_first_order
from topkbench.ops.networks import Comparator, Network
from topkbench.ops.relaxation import Relaxation


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
    wiring = _wire(network, scores_NM.shape[1], k, scores_NM.device)
    return _Carry.apply(scores_NM, weights_MRN, wiring, relaxation)  # type: ignore[no-any-return,no-untyped-call]


@dataclass(frozen=True)
class _Layer:
    """Where a layer finds its wires. It lays them out anew: P lows, P highs, and those that only a later layer needs.

    Attributes:
        pairs: P.
        reads: [L], the row of each of its wires in the layout before it.
        readers: [L before + 1], the row of each wire before it in its own layout; the last, of zeros, for wires that
            nobody reads and for the zeros before it.
    """

    pairs: int
    reads: Tensor
    readers: Tensor


@dataclass(frozen=True)
class _Wiring:
    """A network without the comparators that no output depends on.

    Attributes:
        layers: in order.
        outputs: [K], the rows of the top wires in the last layout, the top wire first.
        last: rows of the last layout.
    """

    layers: tuple[_Layer, ...]
    outputs: Tensor
    last: int


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is cached under it could not be trained with later
def _wire(network: Network, m: int, k: int, device: torch.device) -> _Wiring:
    wires_of_all = 1 + max((wire for layer in network for pair in layer for wire in pair), default=m - 1)
    if wires_of_all != m:
        raise ValueError(f"the network is for {wires_of_all} scores, but there are {m}; build it for {m}")
    row = {wire: wire for wire in range(m)}  # the row of each wire in the layout
    layers = []
    for pairs, needed in _that_matter(network, range(m - k, m)):
        wires = [i for i, _ in pairs] + [j for _, j in pairs]
        wires += sorted(needed.difference(wires))
        reads = [row[wire] for wire in wires]
        before, row = row, {wire: at for at, wire in enumerate(wires)}
        readers = [row.get(wire, len(wires)) for wire in before] + [len(wires)]
        layers.append(_Layer(len(pairs), *(torch.tensor(rows, device=device) for rows in (reads, readers))))
    outputs = torch.tensor([row[wire] for wire in reversed(range(m - k, m))], device=device)
    return _Wiring(tuple(layers), outputs, len(row))


def _that_matter(network: Network, outputs: range) -> list[tuple[list[Comparator], set[int]]]:
    """The comparators on which an output depends, layer by layer, and the wires that are needed after each."""
    needed = set(outputs)
    layers = []
    for layer in reversed(network):
        kept = [pair for pair in layer if not needed.isdisjoint(pair)]
        if kept:
            layers.append((kept, set(needed)))
        needed.update(wire for pair in kept for wire in pair)
    return layers[::-1]


class _Carry(torch.autograd.Function):
    """The rows of a layout hold a wire's score and its weights, [L, 1 + R, N].

    They are kept in float64: of scores that come close together and of weights that almost vanish only small
    differences are left, and logistic_phi and the loss are steep there.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, scores_NM: Tensor, weights_MRN: Tensor, wiring: _Wiring, relaxation: Relaxation
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
        wiring: _Wiring = ctx.wiring  # type: ignore[attr-defined]
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


def _by_layer(rows_PRN: Tensor, wiring: _Wiring) -> tuple[Tensor, ...]:
    return torch.split(rows_PRN, [layer.pairs for layer in wiring.layers])
