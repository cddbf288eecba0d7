"""`methods --network`: comparator networks, drawn as text.

Wires run down the page and layers follow one another, so that a page as wide as a terminal has room for 33 wires,
whatever the depth. Comparators of one layer that would cross get lines of their own; wires alone part two layers.
"""

from topkbench.errors import UsageError, did_you_mean
from topkbench.ops import networks
from topkbench.ops.networks import Comparator, Layer, Network

WIRES = 1024
"""The most that is drawn: for bitonic some 2,000 lines of 5,120 characters."""

_FORMS = ", ".join([*(f"{kind} N" for kind in networks.SORTING), *(f"{kind} N K" for kind in networks.SELECTION)])


def build(words: list[str]) -> tuple[Network, int]:
    """The network that the words name, and its number of wires.

    Args:
        words: a name, the number of wires and, of a selection network, that of ranks, as they were typed.

    Raises:
        UsageError: there is no such network.

    >>> build(["odd_even", "3"])
    ((((0, 1),), ((1, 2),), ((0, 1),)), 3)
    """
    kind, *numbers = words
    if kind not in networks.NAMES:
        near = did_you_mean(kind, networks.NAMES) or ";"
        raise UsageError(f"unknown network {kind!r}{near} --network takes one of: {_FORMS}")
    n, k = _numbers(kind, numbers)
    if n > WIRES:
        raise UsageError(
            f"--network {' '.join(words)}: only up to {WIRES} wires are drawn; topkbench.ops.networks has any"
        )
    try:
        return networks.named(kind, n, k), n
    except ValueError as error:
        raise UsageError(f"--network {' '.join(words)}: {error}") from error


def _numbers(kind: str, given: list[str]) -> tuple[int, int]:
    """N and K; of a sorting network, for which K says nothing, 1."""
    takes = "N K" if kind in networks.SELECTION else "N"
    if len(given) != len(takes.split()) or not all(number.isdecimal() for number in given):
        example = f"--network {kind} {'8 3' if takes == 'N K' else '8'}"
        got = " ".join([kind, *given])
        raise UsageError(f"--network {got}: give {kind} {takes}, in whole numbers, as in: {example}")
    n, k = (*map(int, given), 1)[:2]
    return n, k


def draw(network: Network, n: int) -> str:
    """The network on `n` wires, and a line of figures under it.

    >>> print(draw((((0, 1), (3, 2)), ((0, 2), (1, 3))), 4))
    0  1  2  3
    │  │  │  │
    ├──►  ◄──┤
    │  │  │  │
    ├──┼──►  │
    │  ├──┼──►
    │  │  │  │
    2 layers, 4 comparators; an arrow points at the wire that takes the larger value
    """
    pitch = 1 + max(2, len(str(n - 1)))
    wires = _line([], n, pitch)
    lines = ["".join(f"{wire:<{pitch}}" for wire in range(n)).rstrip(), wires]
    for layer in network:
        lines += [*(_line(pairs, n, pitch) for pairs in _apart(layer)), wires]
    return "\n".join([*lines, _figures(network)])


def _apart(layer: Layer) -> list[list[Comparator]]:
    """The comparators of a layer in as few lines as keep them from crossing."""
    lines: list[list[Comparator]] = []
    for pair in sorted(layer, key=min):
        free = next((line for line in lines if max(line[-1]) < min(pair)), None)
        if free is None:
            lines.append([pair])
        else:
            free.append(pair)
    return lines


def _line(pairs: list[Comparator], n: int, pitch: int) -> str:
    gap, bar = " " * (pitch - 1), "─" * (pitch - 1)
    cells = ["│" + gap] * n
    for smaller, larger in pairs:
        left, right = min(smaller, larger), max(smaller, larger)
        cells[left:right] = ["┼" + bar] * (right - left)
        cells[left] = ("├" if smaller == left else "◄") + bar
        cells[right] = ("┤" if smaller == right else "►") + gap
    return "".join(cells).rstrip()


def _figures(network: Network) -> str:
    comparators = sum(map(len, network))
    return (
        f"{_count(len(network), 'layer')}, {_count(comparators, 'comparator')}; "
        "an arrow points at the wire that takes the larger value"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
