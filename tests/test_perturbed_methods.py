"""perturbed_topk and fenchel_young: what tests/test_losses.py cannot ask where there is noise, and what is theirs.

The bounds are those of tests/ops/test_perturbed.py: with N = 10⁶, a share is off by .003 with a probability of at most
3e-8 (Hoeffding), and a share's derivative by .006016 / σ with one of 1e-6 (Bernstein).
"""

import math
from itertools import permutations

import pytest
import torch
from torch import Generator, Tensor

from topkbench import losses, train
from topkbench.errors import UsageError
from topkbench.ops.perturbed import fenchel_young
from topkbench.problem import Problem

METHODS = ("perturbed_topk", "fenchel_young")
MILLION = 10**6
by_method = pytest.mark.parametrize("method", METHODS)


def seeded(seed: int = 0) -> Problem:
    return Problem(generator=Generator().manual_seed(seed))


def sample(batch: int = 6, classes: int = 24, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(classes, (batch,), generator=generator)


# --- perturbed_topk ---


def plackett_luce(scores: Tensor, label: int, k: int) -> Tensor:
    """The probability of ranks 1..k where every place of the order goes to one of those left, by their softmax."""
    ranks = [torch.zeros((), dtype=scores.dtype)] * len(scores)
    for order in permutations(range(len(scores))):
        left = [scores[list(order[i:])].log_softmax(-1)[0] for i in range(len(order))]
        ranks[order.index(label)] = ranks[order.index(label)] + torch.stack(left).sum().exp()
    return torch.stack(ranks)[:k]


@pytest.mark.parametrize("label", [0, 2])
def test_ranks_under_gumbel_noise_are_plackett_and_luces(label):
    sigma, k = 0.7, 3
    scores = torch.tensor([0.3, -0.5, 1.0, 0.1], dtype=torch.float64)
    own, exact = (scores.clone().requires_grad_() for _ in range(2))
    loss = losses.load("perturbed_topk", sigma=sigma, num_samples=MILLION)
    ranks = loss.label_rank_distribution(own.unsqueeze(0), torch.tensor([label]), k, seeded())[0]
    expected = plackett_luce(exact / sigma, label, k)
    torch.testing.assert_close(ranks, expected, rtol=0, atol=0.003)
    for r in range(k):
        gradient = torch.autograd.grad(ranks[r], own, retain_graph=True)[0]
        expected_gradient = torch.autograd.grad(expected[r], exact, retain_graph=True)[0]
        torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=0.006016 / sigma)


def test_the_rank_is_counted_for_every_label_and_leading_axis():
    """Noise too small to change an order."""
    scores = torch.tensor([3.0, 9.0, 1.0, 5.0]).expand(2, 4, 4)
    labels = torch.arange(4).expand(2, 4)
    loss = losses.load("perturbed_topk", sigma=1e-3, num_samples=3)
    ranks = loss.label_rank_distribution(scores, labels, 3)
    expected = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]).expand(2, 4, 3)
    torch.testing.assert_close(ranks, expected, rtol=0, atol=0)


def test_perturbed_topk_is_hard_as_sigma_falls():
    """With the label at rank r the loss tends to −log Σ_{k ≥ r} p_k, or to the 1e-7 that the top-k loss admits."""
    loss = losses.load("perturbed_topk", p_k=(0.5, 0.0, 0.5), m=8, top1_mode="sort", sigma=1e-3)
    logits = torch.arange(24.0, dtype=torch.float64).expand(24, -1)
    expected = torch.full((24,), -math.log(1e-7), dtype=torch.float64)
    expected[:3] = torch.tensor([0.0, -math.log(0.5), -math.log(0.5)])
    by_rank = loss(logits, torch.arange(24)).flip(0)
    torch.testing.assert_close(by_rank, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("mode", "pulls"), [("sort", False), ("sm", True), ("smce", True)])
def test_a_label_out_of_reach_of_the_noise_is_given_up_by_sort_alone(mode, pulls):
    """Ten classes are a thousand σ above it."""
    logits = torch.tensor([[0.0] + [10.0] * 10 + [-5.0] * 13], dtype=torch.float64, requires_grad=True)
    losses.load("perturbed_topk", top1_mode=mode, sigma=0.01)(logits, torch.tensor([0]), seeded()).sum().backward()
    assert (logits.grad[0, 0] < -0.1) == pulls
    assert (logits.grad != 0).any() == pulls


def test_perturbed_topk_names_its_idle_options():
    idle = losses.load("perturbed_topk", p_k=(1.0,), m=16, top1_mode="sm").idle()
    assert idle == ("sigma", "num_samples", "perturbation")
    assert losses.load("perturbed_topk").idle() == ()


# --- fenchel_young ---


def test_fenchel_young_of_the_top_1_is_the_cross_entropy_of_the_short_list():
    """σ · cross-entropy(θ / σ); a sample's loss has a variance of at most σ² π²/3, so that Chebyshev allows .06 σ to be
    exceeded with a probability of 4e-3 for N = 250,000, and Hoeffding a gradient's .006 with one of 3e-8.
    """
    sigma, (logits, target) = 1.5, sample(1)
    loss = losses.load("fenchel_young", k=1, m=None, sigma=sigma, num_samples=250_000)
    own, exact = (logits.clone().requires_grad_() for _ in range(2))
    value = loss(own, target, seeded())
    expected = sigma * torch.nn.functional.cross_entropy(exact / sigma, target)
    assert value.item() == pytest.approx(expected.item(), abs=0.06 * sigma)
    value.sum().backward()
    expected.backward()
    torch.testing.assert_close(own.grad, exact.grad, rtol=0, atol=0.006)


def test_fenchel_young_by_hand():
    """Noise too small to matter: 4 classes, k = 2. A label at rank 3 costs its distance from the second, which goes
    down as the label goes up; one at rank 1 or 2 costs nothing.
    """
    logits = torch.tensor([[4.0, 7.0, 1.0, 5.5]] * 3, dtype=torch.float64, requires_grad=True)
    loss = losses.load("fenchel_young", k=2, m=4, sigma=1e-9, num_samples=5)
    values = loss(logits, torch.tensor([0, 1, 3]))
    torch.testing.assert_close(values, torch.tensor([1.5, 0.0, 0.0], dtype=torch.float64), rtol=0, atol=1e-6)
    values.sum().backward()
    expected = torch.tensor([[-1.0, 0.0, 0.0, 1.0], [0.0] * 4, [0.0] * 4], dtype=torch.float64)
    torch.testing.assert_close(logits.grad, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_fenchel_young_shifts_weight_from_others_to_the_label(k):
    logits, target = sample()
    logits.requires_grad_()
    losses.load("fenchel_young", k=k, m=8)(logits, target, seeded()).sum().backward()
    of_label = logits.grad.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    assert (of_label <= 0).all()
    assert of_label.min() < -0.1
    others = logits.grad.scatter(-1, target.unsqueeze(-1), 0.0)
    assert (others >= 0).all()
    torch.testing.assert_close(others.sum(-1), -of_label, rtol=0, atol=1e-12)


def test_why_the_target_is_not_the_label_alone():
    """Its gradient would sum to k − 1, so that lower scores of all classes would be a lower loss, without end."""
    loss = losses.load("fenchel_young", k=3, m=None)
    scores = torch.randn(1, 6, dtype=torch.float64, generator=Generator().manual_seed(0)).requires_grad_()
    label = torch.eye(6)[:1]
    alone = fenchel_young(scores, label, loss._top, sigma=1.0)
    assert torch.autograd.grad(alone.sum(), scores)[0].sum().item() == pytest.approx(2, abs=1e-9)
    assert fenchel_young(scores - 100, label, loss._top, sigma=1.0).item() < -100


def test_fenchel_young_takes_every_class_without_a_short_list():
    """In any order: the short-list of all classes is sorted, and so is the noise."""
    logits, target = sample(classes=9)
    every = losses.load("fenchel_young", k=2, m=9)(logits, target, seeded())
    torch.testing.assert_close(losses.load("fenchel_young", k=2, m=None)(logits, target, seeded()), every)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k = 0"),
        ({"k": 5, "m": 5}, "m = 5 leaves no class outside the top 5; give m = 6 or more"),
        ({"k": 2.0}, "k = 2.0"),
    ],
)
def test_fenchel_young_refuses(options, message):
    with pytest.raises(UsageError, match=message):
        losses.load("fenchel_young", **options)


def test_fenchel_young_needs_more_than_k_classes():
    with pytest.raises(ValueError, match="k = 5, but there are only 5 classes; give k = 4 or fewer"):
        losses.load("fenchel_young", m=None)(*sample(classes=5))


# --- both ---


@by_method
def test_the_same_noise_gives_the_same_loss(method):
    logits, target = sample()
    loss = losses.find(method)()
    before = torch.get_rng_state()
    first, second = loss(logits, target, seeded()), loss(logits, target, seeded())
    assert torch.equal(first, second)
    assert not torch.equal(first, loss(logits, target, seeded(1)))
    assert torch.equal(torch.get_rng_state(), before)
    loss(logits, target)  # without a generator, the global one
    assert not torch.equal(torch.get_rng_state(), before)


@by_method
def test_heads_of_a_stack_are_samples_with_noise_of_their_own(method):
    """The mean over many equal samples is the same, however they are laid out.

    Half of them each: two means of 4000 losses, whose standard deviation the test measures, differ by more than six
    standard errors with a probability below 1e-8 (they are normal to that accuracy, being means of 4000 means).
    """
    logits, target = sample(1)
    loss = losses.find(method)()
    values = loss(logits.expand(2, 4000, -1), target.expand(2, 4000), seeded())
    assert values.shape == (2, 4000)
    error = values.std(1).square().sum().div(4000).sqrt()
    assert values.std() > 0
    assert (values[0].mean() - values[1].mean()).abs() < 6 * error


@by_method
def test_nan_is_not_hidden_and_stays_in_its_row(method):
    logits, target = sample(4)
    logits[2, target[2]] = torch.nan
    for options in ({}, {"m": None}, {"top1_mode": "sort"}):
        known = {name: value for name, value in options.items() if name in losses.options(method)}
        values = losses.load(method, **known)(logits, target, seeded())
        assert values.isnan().tolist() == [False, False, True, False]


@by_method
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0.0}, "sigma = 0.0 is not a positive number"),
        ({"num_samples": 0}, "num_samples = 0"),
        ({"perturbation": "cauchy"}, "unknown perturbation 'cauchy'"),
    ],
)
def test_refuses_noise_that_is_none(method, options, message):
    with pytest.raises(UsageError, match=message):
        losses.load(method, **options)


@by_method
@pytest.mark.parametrize("noise", ["gumbel", "normal"])
def test_learns(method, noise, blobs, tmp_path):
    """30 classes a standard deviation of .7 wide, which a linear head tells apart."""
    options = {"nloglr": 2.0, "batch_size": 100, "perturbation": noise, "n_epochs": 10}
    record = train.train(blobs, tmp_path, method, options).record
    assert record.selected["last"]["test"]["top1"] > 0.9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@by_method
def test_waits_for_no_device(method):
    logits, target = (x.cuda() for x in sample())
    logits = logits.float().requires_grad_()
    loss = losses.find(method)()
    loss(logits, target).sum().backward()  # what is cached is made now
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss(logits, target).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert logits.grad.isfinite().all()
