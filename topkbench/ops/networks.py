"""Comparator networks, as layers of comparators.

A comparator (i, j) moves the smaller of its two values to wire i and the larger to wire j; i > j is allowed. The
comparators of one layer touch different wires. After the last layer the largest value lies on wire n − 1.
"""

from collections.abc import Callable
from functools import lru_cache

from topkbench.ops.options import require_one_of

Comparator = tuple[int, int]
Layer = tuple[Comparator, ...]
Network = tuple[Layer, ...]


@lru_cache
def bitonic(n: int) -> Network:
    """Batcher's bitonic sorting network (Batcher 1968) on `n` wires, of any number.

    For n that is no power of two the wires of the next power below index 2^b − n are left out, and with them every
    comparator that touches one (as difftopk 0.2.0 does, Petersen et al. 2022). At some sizes, from n = 22 on, what
    remains does not sort; there the left-out wires are kept as paddings of −∞ and their comparators are resolved
    beforehand.

    Returns:
        ⌈log₂ n⌉ (⌈log₂ n⌉ + 1) / 2 layers.

    Raises:
        ValueError: n < 1.

    >>> bitonic(4)
    (((0, 1), (3, 2)), ((0, 2), (1, 3)), ((0, 1), (2, 3)))
    """
    _require_wires(n)
    padding = (1 << (n - 1).bit_length()) - n
    full = _bitonic_power_of_two(n + padding)
    return _without_padding(full, padding) if _dropping_sorts(padding) else _with_padding(full, padding)


@lru_cache
def odd_even(n: int) -> Network:
    """Odd-even transposition network: n layers that compare neighbours, from wire 0 and from wire 1 in turn.

    Source: Knuth, The Art of Computer Programming 3, §5.3.4; Petersen et al. 2021, §2.

    Raises:
        ValueError: n < 1.

    >>> odd_even(3)
    (((0, 1),), ((1, 2),), ((0, 1),))
    """
    _require_wires(n)
    return tuple(tuple((i, i + 1) for i in range(layer % 2, n - 1, 2)) for layer in range(n))


@lru_cache
def splitter_selection(n: int, k: int) -> Network:
    """Splitter selection network (Petersen et al. 2022): the k largest of `n` values, in order, on the top wires.

    Each wire carries a bound: how many values are known to be larger than its own. The wires of one bound go through
    a splitter cascade, which shows the value at its position i to be below 2^popcount(i) − 1 others at least and so
    raises the bounds; a wire whose bound reaches k is done. The values on the other wires are in no order.

    Raises:
        ValueError: k < 1 or k > n.

    >>> splitter_selection(3, 1)
    (((0, 2),), ((1, 2),))
    """
    _require_wires(n, k)
    bound = [0] * n
    free_from = [0] * n  # the first layer in which a wire may be used again
    layers: list[list[Comparator]] = []
    settled = 0  # ranks below it need no further splitting
    while _split_every_rank(range(k - 1, settled - 1, -1), bound, free_from, layers):
        settled += 1
    # The construction counts from the largest; the largest ends on wire n − 1.
    return tuple(tuple((n - 1 - loser, n - 1 - winner) for winner, loser in layer) for layer in layers)


SORTING: dict[str, Callable[[int], Network]] = {"bitonic": bitonic, "odd_even": odd_even}
"""Networks that sort all of n values."""
SELECTION: dict[str, Callable[[int, int], Network]] = {"splitter_selection": splitter_selection}
"""Networks that bring the k largest of n values, in order, to the last k wires."""
NAMES = (*SORTING, *SELECTION)


def named(kind: str, n: int, k: int) -> Network:
    """A network that brings at least the k largest of `n` values, in order, to the last k wires.

    Args:
        kind: one of `NAMES`.
        n: number of wires.
        k: number of ranks, 1..n; a sorting network is the same for all.

    Raises:
        ValueError: an unknown name, n < 1, or k out of range.

    >>> named("splitter_selection", 3, 1) == splitter_selection(3, 1)
    True
    """
    require_one_of(kind, NAMES, "sorting network")
    _require_wires(n, k)
    return SORTING[kind](n) if kind in SORTING else SELECTION[kind](n, k)


def _require_wires(n: int, k: int = 1) -> None:
    if n < 1:
        raise ValueError(f"n = {n}: a network has at least one wire")
    if not 1 <= k <= n:
        raise ValueError(f"k = {k} is not between 1 and the {n} wires")


def _bitonic_power_of_two(n: int) -> Network:
    layers = []
    for block in range(1, n.bit_length()):
        for distance in (1 << step for step in reversed(range(block))):
            lower = (i for i in range(n) if not i & distance)
            # Neighbouring groups of 2^block wires sort in opposite directions, so that a pair of them is bitonic.
            layers.append(tuple((i + distance, i) if i >> block & 1 else (i, i + distance) for i in lower))
    return tuple(layers)


def _dropping_sorts(padding: int) -> bool:
    """Whether the comparators of the first `padding` wires may simply be dropped.

    A group of 2^b wires that sorts downwards treats the dropped wires as +∞, one that sorts upwards as −∞. A
    downward merge whose lower half, sorted upwards, is cut by the border then meets a sequence that falls, rises and
    falls: not bitonic. One wire on either side of the cut is put right by the next block; two are not. (Found by
    this argument; it gives exactly the 34 sizes in 2..128 at which a brute force finds unsorted inputs.)
    """
    for b in range(3, padding.bit_length() + 1):
        group, cut = divmod(padding, 1 << b)
        if group % 2 == 1 and 2 <= cut <= (1 << (b - 1)) - 2:
            return False
    return True


def _without_padding(network: Network, padding: int) -> Network:
    return tuple(tuple((i - padding, j - padding) for i, j in layer if min(i, j) >= padding) for layer in network)


def _with_padding(network: Network, padding: int) -> Network:
    """The network's action on wires `padding`.. when the wires below hold −∞.

    Wires are renamed on the way so that the smaller name always takes the smaller value: names are sorted along with
    the values, and each value's last name is its rank (Knuth, §5.3.4, exercise 16: making a network standard).
    """
    held: list[int | None] = [None] * padding + list(range(_wires(network) - padding))
    layers = []
    for layer in network:
        kept = []
        for i, j in layer:
            a, b = held[i], held[j]
            if a is None or b is None:
                held[i], held[j] = None, a if b is None else b
            else:
                held[i], held[j] = min(a, b), max(a, b)
                kept.append((min(a, b), max(a, b)))
        layers.append(tuple(kept))
    return tuple(layers)


def _wires(network: Network) -> int:
    return 1 + max(max(pair) for layer in network for pair in layer)


def _split_every_rank(ranks: range, bound: list[int], free_from: list[int], layers: list[list[Comparator]]) -> bool:
    """Split, for each rank, the wires whose bound it is; tell whether there was anything to split."""
    split = False
    for rank in ranks:
        wires = [wire for wire, b in enumerate(bound) if b == rank]
        if len(wires) < 2:
            continue
        cascade = _splitter_cascade(wires)
        start = max(free_from[wire] for wire in wires)
        layers.extend([] for _ in range(start + len(cascade) - len(layers)))
        for layer, comparators in zip(layers[start:], cascade, strict=False):
            layer.extend(comparators)
        for position, wire in enumerate(wires):
            bound[wire] += (1 << position.bit_count()) - 1
            free_from[wire] = start + len(cascade)
        split = True
    return split


def _splitter_cascade(wires: list[int]) -> list[list[Comparator]]:
    """Halving layers of (winner, loser): the largest of all goes to the first wire."""
    n = len(wires)
    distances = [1 << step for step in reversed(range((n - 1).bit_length()))]
    return [
        [(wires[i], wires[i + distance]) for i in range(n - distance) if not i & distance] for distance in distances
    ]
