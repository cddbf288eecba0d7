"""Scores and weights carried through a relaxed comparator network, with the gradient worked out by hand.

A comparator (i, j) with the gap d = x_j − x_i leaves F(d) x_i + F(−d) x_j on wire i and F(−d) x_i + F(d) x_j on wire j.
Both are written to slots of their own in one buffer, so that a layer is a handful of operations on whole rows of memory
and the buffer is all that the backward pass has to keep.

Legend: M wires, N samples, R weights a sample, P comparators of a layer, K wires at the end, S slots.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from topkbench.ops.networks import Network
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
        ValueError: the network has more wires than there are scores.
    """
    wiring = _wire(network, scores_NM.shape[1], k, scores_NM.device)
    return _Carry.apply(scores_NM, weights_MRN, wiring, relaxation)  # type: ignore[no-any-return,no-untyped-call]


@dataclass(frozen=True)
class _Layer:
    """Where a layer of P comparators reads, and where what it writes is read in turn.

    Attributes:
        reads: [2P] slots, the lows before the highs; it writes to the next 2P free slots.
        readers: [2P], for each value written the place at which it is read; the backward pass finds its gradient there.
    """

    reads: Tensor
    readers: Tensor


@dataclass(frozen=True)
class _Wiring:
    """A network without the comparators that no output depends on.

    Places are numbered through: the reads of all layers, then the K outputs, then one for what nobody reads.

    Attributes:
        layers: in order.
        sizes: slots that the inputs and each layer write.
        low: the slots that all layers' comparators take for low.
        high: likewise for high.
        outputs: [K] slots, the top wire first.
        readers: [M], of the inputs.
    """

    layers: tuple[_Layer, ...]
    sizes: list[int]
    low: Tensor
    high: Tensor
    outputs: Tensor
    readers: Tensor


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is cached under it could not be trained with later
def _wire(network: Network, m: int, k: int, device: torch.device) -> _Wiring:
    if any(wire >= m for layer in network for pair in layer for wire in pair):
        raise ValueError(f"the network has more wires than the {m} scores; build it for {m}")
    reads, outputs = _slots(_that_matter(network, range(m - k, m)), m, k)
    places = [slot for layer in reads for slot in layer] + outputs
    reader = dict(zip(places, range(len(places)), strict=True))
    sizes = [m, *map(len, reads)]

    def index(found: list[int]) -> Tensor:
        return torch.tensor(found, dtype=torch.long, device=device)

    inputs, *readers = torch.split(index([reader.get(slot, len(places)) for slot in range(sum(sizes))]), sizes)
    layers = tuple(_Layer(index(slots), places) for slots, places in zip(reads, readers, strict=True))
    low = index([slot for slots in reads for slot in slots[: len(slots) // 2]])
    high = index([slot for slots in reads for slot in slots[len(slots) // 2 :]])
    return _Wiring(layers, sizes, low, high, index(outputs), inputs)


def _slots(layers: list[list[tuple[int, int]]], m: int, k: int) -> tuple[list[list[int]], list[int]]:
    """The slots that each layer reads, and those of the top k wires at the end."""
    slot, free = list(range(m)), m  # the slot that each wire's value lies in, and the next free one
    reads = []
    for layer in layers:
        wires = [i for i, _ in layer] + [j for _, j in layer]
        reads.append([slot[wire] for wire in wires])
        for wire in wires:
            slot[wire], free = free, free + 1
    return reads, slot[::-1][:k]


def _that_matter(network: Network, outputs: range) -> list[list[tuple[int, int]]]:
    """The comparators on which an output depends, layer by layer."""
    needed = set(outputs)
    layers = []
    for layer in reversed(network):
        kept = [pair for pair in layer if not needed.isdisjoint(pair)]
        needed.update(wire for pair in kept for wire in pair)
        layers.append(kept)
    return [layer for layer in reversed(layers) if layer]


class _Carry(torch.autograd.Function):
    """Slots hold a wire's score and its weights at one time, [S, 1 + R, N].

    They are kept in float64: of scores that come close together and of weights that almost vanish only small
    differences are left, and logistic_phi and the loss are steep there.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, scores_NM: Tensor, weights_MRN: Tensor, wiring: _Wiring, relaxation: Relaxation
    ) -> Tensor:
        _, r, n = weights_MRN.shape
        slots_SRN = weights_MRN.new_empty(sum(wiring.sizes), 1 + r, n, dtype=torch.float64)
        inputs_MRN, *written = torch.split(slots_SRN, wiring.sizes)
        inputs_MRN[:, 0], inputs_MRN[:, 1:] = scores_NM.mT, weights_MRN
        inputs_MRN.clamp_(-1e18, 1e18)
        swaps = []
        for layer, out_PRN in zip(wiring.layers, written, strict=True):
            low_PRN, high_PRN = slots_SRN.index_select(0, layer.reads).chunk(2)
            swap_P1N = relaxation.share(low_PRN[:, :1] - high_PRN[:, :1])
            _exchange(low_PRN, high_PRN, swap_P1N, out_PRN)
            swaps.append(swap_P1N)
        ctx.wiring, ctx.relaxation, ctx.dtype = wiring, relaxation, scores_NM.dtype  # type: ignore[attr-defined]
        ctx.save_for_backward(slots_SRN, *swaps)
        return slots_SRN.index_select(0, wiring.outputs)[:, 1:].to(weights_MRN.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient_KRN: Tensor) -> tuple[Tensor, None, None, None]:
        wiring: _Wiring = ctx.wiring  # type: ignore[attr-defined]
        slots_SRN, *swaps = ctx.saved_tensors  # type: ignore[attr-defined]
        # How much more is exchanged as the gap of the scores grows: F′ times each gap, of scores and of weights.
        gaps_PRN = slots_SRN.index_select(0, wiring.low).sub_(slots_SRN.index_select(0, wiring.high))
        gaps_PRN *= ctx.relaxation.slope(gaps_PRN[:, :1].to(gradient_KRN.dtype))  # type: ignore[attr-defined]
        steep = torch.split(gaps_PRN, [len(swap) for swap in swaps])
        k, r, n = gradient_KRN.shape
        sizes = [*wiring.sizes[1:], k, 1]
        gradient_SRN = slots_SRN.new_empty(sum(sizes), 1 + r, n)
        *read, outputs_KRN, nobody_1RN = torch.split(gradient_SRN, sizes)
        outputs_KRN[:, 0], outputs_KRN[:, 1:], nobody_1RN[:] = 0, gradient_KRN, 0
        for layer, out_PRN, swap_P1N, steep_PRN in reversed(list(zip(wiring.layers, read, swaps, steep, strict=True))):
            low_PRN, high_PRN = gradient_SRN.index_select(0, layer.readers).chunk(2)
            low_out, high_out = _exchange(low_PRN, high_PRN, swap_P1N, out_PRN)
            pull_PN = (low_PRN - high_PRN).mul_(steep_PRN).sum(1)
            low_out[:, 0] -= pull_PN
            high_out[:, 0] += pull_PN
        return gradient_SRN.index_select(0, wiring.readers)[:, 0].mT.to(ctx.dtype), None, None, None  # type: ignore[attr-defined]


def _exchange(low: Tensor, high: Tensor, swap: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
    """Write the lows and the highs, each mixed with the other by the share of a swap."""
    low_out, high_out = out.chunk(2)
    return torch.lerp(low, high, swap, out=low_out), torch.lerp(high, low, swap, out=high_out)
