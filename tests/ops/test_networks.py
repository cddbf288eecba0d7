"""Every network sorts; by the 0-1 principle it is enough that it sorts zeros and ones."""

import itertools

import numpy as np
import pytest

from topkbench.ops import networks

# Sizes at which dropping the padding wires of a bitonic network leaves one that does not sort, by brute force
# (DESIGN §6).
UNSORTED = [22, 38, *range(42, 47), 54, 70, *range(74, 79), *range(82, 95), 102, *range(106, 111), 118]
EVERY_SIZE = range(1, 129)


def run(network: networks.Network, inputs_BN: np.ndarray) -> np.ndarray:
    wires = inputs_BN.copy()
    for layer in network:
        for i, j in layer:
            low, high = np.minimum(wires[:, i], wires[:, j]), np.maximum(wires[:, i], wires[:, j])
            wires[:, i], wires[:, j] = low, high
    return wires


def zero_one_inputs(n: int, count: int) -> np.ndarray:
    """All of them up to n = 12, else `count` random ones of every density."""
    if n <= 12:
        return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)
    rng = np.random.default_rng(n)
    return (rng.random((count, n)) < rng.random((count, 1))).astype(np.int8)


def is_sorted(wires: np.ndarray) -> bool:
    return bool((np.diff(wires, axis=1) >= 0).all())


@pytest.mark.parametrize("build", [networks.bitonic, networks.odd_even])
def test_sorts(build):
    for n in EVERY_SIZE:
        if n <= 64 or build is networks.bitonic:
            assert is_sorted(run(build(n), zero_one_inputs(n, 500))), n


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("build", [networks.bitonic, networks.odd_even])
def test_sorts_20_000_inputs_at_every_size(build):
    for n in EVERY_SIZE:
        assert is_sorted(run(build(n), zero_one_inputs(n, 20_000))), n


def test_dropping_the_padding_fails_at_exactly_the_known_sizes():
    for n in range(2, 129):
        full = networks._bitonic_power_of_two(1 << (n - 1).bit_length())
        padding = (1 << (n - 1).bit_length()) - n
        dropped = run(networks._without_padding(full, padding), zero_one_inputs(n, 20_000))
        assert is_sorted(dropped) == (n not in UNSORTED), n
        assert networks._dropping_sorts(padding) == (n not in UNSORTED), n


def selects(n: int, k: int, count: int) -> bool:
    inputs = zero_one_inputs(n, count)
    wires = run(networks.splitter_selection(n, k), inputs)
    return bool((wires[:, -k:] == np.sort(inputs, axis=1)[:, -k:]).all())


@pytest.mark.parametrize("k", [1, 2, 5, 10])
def test_splitter_selection_brings_the_k_largest_to_the_top(k):
    for n in range(k, 65):
        assert selects(n, k, 500), n


@pytest.mark.long
@pytest.mark.parametrize("k", range(1, 11))
def test_splitter_selection_of_20_000_inputs_at_every_size(k):
    for n in range(k, 65):
        assert selects(n, k, 20_000), n


@pytest.mark.parametrize("network", [networks.bitonic(22), networks.odd_even(7), networks.splitter_selection(40, 5)])
def test_comparators_of_a_layer_touch_different_wires(network):
    for layer in network:
        wires = [wire for comparator in layer for wire in comparator]
        assert len(set(wires)) == len(wires)


def test_sizes_of_known_networks():
    """Batcher: ⌈log₂ n⌉ (⌈log₂ n⌉ + 1) / 2 layers; odd-even: n layers."""
    assert [len(networks.bitonic(n)) for n in (2, 4, 8, 16, 32)] == [1, 3, 6, 10, 15]
    assert sum(len(layer) for layer in networks.bitonic(16)) == 80
    assert len(networks.odd_even(9)) == 9


@pytest.mark.parametrize(("n", "k"), [(0, 1), (4, 0), (4, 5)])
def test_refuses_impossible_sizes(n, k):
    with pytest.raises(ValueError, match=r"is not between|at least one"):
        networks.splitter_selection(n, k)
