"""Heads against torch's own layers."""

from itertools import pairwise

import torch

from topkbench import heads
from topkbench.protocol import noise


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def plain(dims: list[int]) -> torch.nn.Sequential:
    torch.manual_seed(3)
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(dims)]
    return torch.nn.Sequential(*[part for layer in layers for part in (layer, torch.nn.ReLU())][:-1])


def test_initial_values_are_those_of_torchs_linear():
    head, reference = heads.FeedForward(2, [16, 9, 5], generator()), plain([16, 9, 5])
    ours, theirs = list(head.parameters()), list(reference.parameters())
    assert len(ours) == len(theirs) == 4
    for stacked, single in zip(ours, theirs, strict=True):
        assert all(torch.equal(one, single) for one in stacked)


def test_scores_are_those_of_torchs_layers():
    x = torch.randn(7, 16)
    for dims in ([16, 5], [16, 9, 5], [16, 9, 8, 5]):
        scores = heads.FeedForward(3, dims, generator())(x)
        assert scores.shape == (3, 7, 5)
        for one in scores:
            torch.testing.assert_close(one, plain(dims)(x))


def test_apply_relu():
    x = torch.randn(7, 16)
    torch.testing.assert_close(
        heads.FeedForward(1, [16, 5], generator(), apply_relu=True)(x)[0], plain([16, 5])(x.relu())
    )


def test_dropout_has_a_generator_of_its_own_and_is_off_in_evaluation():
    def head() -> heads.FeedForward:
        return heads.FeedForward(1, [16, 5], generator(), dropout=noise(0, "dropout"))

    x = torch.ones(20_000, 16)
    before = torch.get_rng_state()
    first, second = head()(x), head()(x)
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    torch.testing.assert_close(head().eval()(x)[0], plain([16, 5])(x))
    torch.testing.assert_close(first.mean(1), plain([16, 5])(x[:1]), atol=0.05, rtol=0)  # 2 · ½ = 1 on average


def test_heads_of_a_stack_learn_as_they_would_alone():
    x, y = torch.randn(20, 16, dtype=torch.float64), torch.arange(20) % 5

    def trained(rates: list[float]) -> heads.FeedForward:
        head = heads.FeedForward(len(rates), [16, 9, 5], generator()).double()
        views = heads.HeadViews(head)
        groups = [{"params": parameters, "lr": rate} for parameters, rate in zip(views, rates, strict=True)]
        optimizer = torch.optim.Adam(groups, fused=True)
        for _ in range(20):
            sum(torch.nn.functional.cross_entropy(scores, y) for scores in head(x)).backward()
            views.hand_over_gradients()
            optimizer.step()
        return head

    together = trained([1e-2, 1e-3])
    for at, rate in enumerate([1e-2, 1e-3]):
        for stacked, alone in zip(together.parameters(), trained([rate]).parameters(), strict=True):
            torch.testing.assert_close(stacked[at], alone[0], rtol=0, atol=1e-12)
