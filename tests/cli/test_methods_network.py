"""`topkbench methods --network`: what is drawn is the network."""

import json
import re
from pathlib import Path

import pytest

from topkbench.cli import _networks
from topkbench.ops import networks

LEGEND = "an arrow points at the wire that takes the larger value"
DRAWN_BY_HAND = f"""\
0  1  2  3
│  │  │  │
├──►  ◄──┤
│  │  │  │
├──┼──►  │
│  ├──┼──►
│  │  │  │
├──►  ├──►
│  │  │  │
3 layers, 6 comparators; {LEGEND}
"""


def read(drawing: str, n: int) -> list[set[tuple[int, int]]]:
    """The comparators in a drawing, (wire of the smaller value, wire of the larger), layer by layer."""
    numbers, *lines, _ = drawing.splitlines()
    column = {match.start(): int(match[0]) for match in re.finditer(r"\d+", numbers)}
    assert list(column.values()) == list(range(n))
    layers: list[set[tuple[int, int]]] = []
    for line in lines:
        assert [line[at] in "│├┤┼◄►" for at in column] == [True] * n
        pairs = [(match.start(), match.end() - 1) for match in re.finditer(r"[├◄][─┼]+[┤►]", line)]
        if not pairs:
            layers.append(set())  # wires alone part two layers
        for left, right in pairs:
            assert (line[left], line[right]) in {("├", "►"), ("◄", "┤")}
            ends = column[left], column[right]
            layers[-1].add(ends if line[left] == "├" else ends[::-1])
    assert layers.pop() == set()
    return layers


@pytest.mark.parametrize(
    ("kind", "n", "k"),
    [
        ("bitonic", 2, 2),
        ("bitonic", 8, 1),
        ("bitonic", 22, 1),
        ("bitonic", 32, 1),
        ("bitonic", 110, 1),
        ("odd_even", 7, 1),
        ("splitter_selection", 13, 4),
        ("splitter_selection", 32, 5),
    ],
)
def test_the_drawing_is_the_network(kind, n, k):
    network = networks.named(kind, n, k)
    drawing = _networks.draw(network, n)
    assert read(drawing, n) == [set(layer) for layer in network]
    comparators = sum(map(len, network))
    plural = "s" if comparators > 1 else ""
    assert drawing.splitlines()[-1].startswith(f"{len(network)} layer{plural}, {comparators} comparator{plural}; ")
    if n <= 32:
        assert max(map(len, drawing.splitlines())) <= 100


@pytest.mark.parametrize("arguments", ["--network bitonic 4", "--network=bitonic 4", "--network bitonic,4"])
def test_bitonic_4_as_drawn_by_hand(topkbench, arguments):
    done = topkbench("methods", *arguments.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, DRAWN_BY_HAND, "")


def test_the_page_shows_what_is_drawn():
    page = Path(__file__).parents[2] / "docs" / "soft-swaps.md"
    assert f"```\n{_networks.draw(networks.bitonic(8), 8)}\n```\n" in page.read_text()


def test_a_single_wire_has_nothing_to_compare(topkbench):
    assert topkbench("methods", "--network", "odd_even", 1).stdout.splitlines()[:2] == ["0", "│"]


@pytest.mark.parametrize("words", ["bitonic 6", "odd_even 3", "splitter_selection 7 2"])
def test_json_holds_the_layers(topkbench, words):
    kind, *numbers = words.split()
    expected = getattr(networks, kind)(*map(int, numbers))
    printed = json.loads(topkbench("methods", "--network", *words.split(), "--json").stdout)
    assert [[tuple(pair) for pair in layer] for layer in printed] == [list(layer) for layer in expected]


def test_it_draws_without_torch(topkbench):
    done = topkbench("methods", "--network", "bitonic", 8, PYTHONVERBOSE="1")
    assert done.returncode == 0
    assert "import 'torch" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--network", "'--network' requires an argument"),
        ("--network bitnic 8", "unknown network 'bitnic'; did you mean 'bitonic'? --network takes one of: bitonic N, "),
        ("--network 8", "unknown network '8'; --network takes one of: bitonic N, odd_even N, splitter_selection N K"),
        ("--network bitonic", "--network bitonic: give bitonic N, in whole numbers, as in: --network bitonic 8"),
        ("--network bitonic 8 2", "--network bitonic 8 2: give bitonic N"),
        ("--network odd_even 8.5", "--network odd_even 8.5: give odd_even N"),
        ("--network splitter_selection 8", "give splitter_selection N K, in whole numbers, as in: --network splitter"),
        ("--network splitter_selection 8 9", "k = 9 is not between 1 and the 8 wires"),
        ("--network splitter_selection 8 0", "k = 0 is not between 1 and the 8 wires"),
        ("--network bitonic 0", "--network bitonic 0: n = 0: a network has at least one wire"),
        ("--network bitonic -8", "-8"),
        ("--network bitonic 99999999", "only up to 1024 wires are drawn"),
        ("softsort --network bitonic 8", "softsort and --network are two things to show; give one of them"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(topkbench, arguments, message):
    done = topkbench("methods", *arguments.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
