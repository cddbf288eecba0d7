"""A comparator network, laid out for whole layers to be gathered at once.

Legend: P comparators of a layer, K wires at the end, L live wires.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from topkbench.ops.cached import cached
from topkbench.ops.networks import Comparator, Network


@dataclass(frozen=True)
class WiredLayer:
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
class Wiring:
    """A network without the comparators that no output depends on.

    Attributes:
        layers: in order.
        outputs: [K], the rows of the top wires in the last layout, the top wire first.
        last: rows of the last layout.
    """

    layers: tuple[WiredLayer, ...]
    outputs: Tensor
    last: int


@cached(maxsize=64)
def lay_out(network: Network, m: int, k: int, device: torch.device) -> Wiring:
    """Lay out a network on m wires of which the last k are read at the end.

    Raises:
        ValueError: the network has not as many wires.
    """
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
        layers.append(WiredLayer(len(pairs), *(torch.tensor(rows, device=device) for rows in (reads, readers))))
    outputs = torch.tensor([row[wire] for wire in reversed(range(m - k, m))], device=device)
    return Wiring(tuple(layers), outputs, len(row))


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
