"""The draws are those of torch.manual_seed, in the reference script's order."""

import torch

from topkbench import protocol
from topkbench.heads.linear import StackedLinear


def test_a_runs_draws_are_the_global_streams():
    torch.manual_seed(5)
    order, layer, epoch = torch.randperm(100), torch.nn.Linear(8, 4), torch.randperm(90)
    generator = protocol.stream(5)
    valid, train = protocol.split(100, 10, generator)
    assert torch.equal(valid, order[:10])
    assert torch.equal(train, order[10:])
    assert torch.equal(StackedLinear(1, 8, 4, generator).weight[0], layer.weight)
    assert torch.equal(protocol.epoch_order(90, generator), epoch)


def test_noise_depends_on_seed_and_draw():
    draws = [torch.rand(3, generator=protocol.noise(*at)) for at in ((0, "a"), (0, "a"), (0, "b"), (1, "a"))]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[3])


def test_valid_size_of_known_data():
    assert protocol.default_valid_size(1_281_167, 1000) == 50_000
    assert protocol.default_valid_size(11_060_223, 10_450) == 100_000
    assert protocol.default_valid_size(9_908, 826) == 990
