"""Perturbed functions against closed forms, within bounds that are derived; and what does not depend on chance.

Where an output lies in [0, 1], two inequalities bound the error of N samples:

    Hoeffding, of a mean:       P(|ȳ − E y| ≥ t) ≤ 2 exp(−2 N t²)
    Bernstein, of a gradient:   P(|mean of (y − E y) s − cov(y, s)| ≥ t) ≤ 2 exp(−N t² / (2 (1 + t))),

as E |s|^q ≤ q!/2 for q = 2, 3, … for both noises' scores s, 1 − E with E ~ Exp(1) or a normal. The covariance of the
sample differs from that mean by the product of the errors of ȳ and of the mean of s, both below .004 but for 1e-6.
With N = 10⁶, t = .003 and t = .006 fail with a probability of 3e-8 and 4e-8.
"""

import importlib.util
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from topkbench.ops.perturbed import NOISES, fenchel_young, perturbed

MILLION = 10**6
OF_A_MEAN = 0.003
OF_A_GRADIENT = 0.006 + 0.004**2
THETA = torch.tensor([-0.6, 1.9, -0.2, 1.1, -1.0], dtype=torch.float64)
by_noise = pytest.mark.parametrize("noise", NOISES)


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def argmax(theta: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(theta.argmax(-1), theta.shape[-1])


def random_scores(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64).to(dtype)


def value_and_jacobian(fn: Callable[[Tensor], Tensor], theta: Tensor) -> tuple[Tensor, Tensor]:
    """The value, flattened, and its derivative, a row an output."""
    theta = theta.clone().requires_grad_()
    value = fn(theta)
    rows = [torch.autograd.grad(y, theta, retain_graph=True)[0] for y in value.flatten()]
    return value.detach(), torch.stack(rows)


def assert_within(actual: Tensor, expected: Tensor, bound: float) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=bound)


# --- closed forms ---


def test_argmax_under_gumbel_noise_is_the_softmax():
    sigma = 0.5
    smooth = perturbed(argmax, MILLION, sigma, "gumbel", batched=False, generator=seeded())
    value, jacobian = value_and_jacobian(smooth, THETA)
    p = (THETA / sigma).softmax(-1)
    assert_within(value, p, OF_A_MEAN)
    assert_within(jacobian, (p.diag() - p.outer(p)) / sigma, OF_A_GRADIENT / sigma)


def test_argmax_is_what_the_authors_print():
    """google-research/perturbations, README.md, of as many samples: both have an error below OF_A_MEAN."""
    value = perturbed(argmax, MILLION, 0.5, "gumbel", batched=False, generator=seeded())(THETA)
    printed = torch.tensor([0.005539, 0.814773, 0.012393, 0.164778, 0.002517], dtype=torch.float64)
    assert_within(value, printed, 2 * OF_A_MEAN)


@pytest.mark.parametrize("x", [-0.4, 0.0, 0.3])
def test_a_step_under_normal_noise_is_the_normal_distribution(x):
    """f_σ(x) = Φ(x / σ), and its derivative the density."""
    sigma = 0.5
    smooth = perturbed(lambda v: v > 0, MILLION, sigma, "normal", batched=False, generator=seeded())
    value, slope = value_and_jacobian(smooth, torch.tensor(x, dtype=torch.float64))
    assert value.item() == pytest.approx((1 + math.erf(x / sigma / math.sqrt(2))) / 2, abs=OF_A_MEAN)
    density = math.exp(-((x / sigma) ** 2) / 2) / math.sqrt(2 * math.pi) / sigma
    assert slope.item() == pytest.approx(density, abs=OF_A_GRADIENT / sigma)


def test_the_largest_of_two_under_normal_noise():
    """E max(a + σ Z, b + σ Z') = a Φ(α) + b Φ(−α) + √2 σ φ(α), α = (a − b) / (√2 σ); its gradient Φ(α), Φ(−α).

    The maximum moves by no more than σ |z|: Gaussian concentration gives P(|error| ≥ t) ≤ 2 exp(−N t² / (2 σ²)), 3e-8
    for t = 6 σ / √N. Its fourth central moment is then at most 16 σ⁴, that of Z is 3, so that the gradient's variance
    is at most √48 / N + 1 / N²: Chebyshev allows .1 to be exceeded with a probability of 7e-4.
    """
    sigma, a, b = 0.7, 0.2, -0.3
    smooth = perturbed(lambda v: v.amax(-1), MILLION, sigma, "normal", batched=False, generator=seeded())
    value, gradient = value_and_jacobian(smooth, torch.tensor([a, b], dtype=torch.float64))
    alpha = (a - b) / (math.sqrt(2) * sigma)
    first = (1 + math.erf(alpha / math.sqrt(2))) / 2
    expected = a * first + b * (1 - first) + sigma * math.exp(-(alpha**2) / 2) / math.sqrt(math.pi)
    assert value.item() == pytest.approx(expected, abs=6e-3 * sigma)
    assert_within(gradient, torch.tensor([[first, 1 - first]], dtype=torch.float64), 0.1)


def either(theta: Tensor) -> Tensor:
    """1 where any is positive, else −1: the authors' OR of signs."""
    return (theta > 0).any(-1) * 2 - 1


@pytest.mark.parametrize("theta", [[-5.0, 0.1], [-5.0, -0.05], [0.02, -0.1], [-0.15, -0.12]])
def test_or_under_gumbel_noise(theta):
    """None is positive with the probability exp(−S), S = Σ_j exp(θ_j / σ); outputs of −1 and 1 double both errors."""
    sigma = 0.1
    theta = torch.tensor(theta, dtype=torch.float64)
    odds = (theta / sigma).exp()
    none = (-odds.sum()).exp()
    smooth = perturbed(either, MILLION, sigma, "gumbel", batched=False, generator=seeded())
    value, gradient = value_and_jacobian(smooth, theta)
    assert_within(value, 1 - 2 * none, 2 * OF_A_MEAN)
    assert_within(gradient[0], 2 * none * odds / sigma, 2 * OF_A_GRADIENT / sigma)


def test_or_is_what_the_authors_print():
    """1 and .868, of 1000 samples: Hoeffding allows theirs .15 with 3e-5, as outputs span 2; ours has a thousandth."""
    smooth = perturbed(either, MILLION, 0.1, "gumbel", generator=seeded())
    assert_within(smooth(torch.tensor([[-5.0, 0.2], [-5.0, 0.1]])), torch.tensor([1.0, 0.868]), 0.15)


def the_guides_script():
    path = Path(__file__).parents[2] / "docs" / "perturbed_optimizers.py"
    spec = importlib.util.spec_from_file_location("perturbed_optimizers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shortest_path_learns_to_take_another_edge():
    """The script behind docs/perturbed-optimizers.svg; probabilities are counted here, without `perturbed`."""
    grid = the_guides_script()
    right_and_down = [(n, n + 1) for n in range(9) if n % 3 < 2] + [(n, n + 3) for n in range(6)]
    assert sorted(grid.EDGES) == sorted(right_and_down)
    costs = torch.rand(200, 12, generator=seeded())
    for row, edges in zip(costs.tolist(), grid.shortest_path(costs), strict=True):
        at, cost = {0: 0.0}, dict(zip(grid.EDGES, row, strict=True))
        for start, end in sorted(cost):  # nodes in order: Bellman's recursion
            at[end] = min(at.get(end, math.inf), at[start] + cost[start, end])
        assert (edges @ torch.tensor(row)).item() == pytest.approx(at[8], rel=1e-5)
    edge = grid.EDGES.index(grid.LIFTED)
    trail = grid.ascend()
    noise = grid.SIGMA * torch.randn(100_000, 12, generator=seeded(7))
    before, after = (grid.shortest_path(costs + noise)[:, edge].mean().item() for costs in (trail[0], trail[-1]))
    assert len(trail) == 31
    assert before < 0.1
    assert after > 0.9


# --- the estimate of the gradient ---


@by_noise
@pytest.mark.parametrize("num_samples", [1, 2, 3])
def test_the_gradient_is_unbiased_however_few_the_samples(noise, num_samples):
    """The mean over B = 4e5 independent estimates. Each has a variance of at most E y² s² / σ² ≤ 1 / σ² for N = 1, and

        ((E (y − E y)² s² + Var y Var s / (N − 1)) / N) / σ² ≤ (1 + 1/4) / (2 σ²)

    beyond: Chebyshev allows .05 / σ to be exceeded with a probability of 1e-3. Were N − 1 taken for N, the gradient
    would be off by a half (N = 2) or a third.
    """
    sigma, x = 1.0, 0.3
    theta = torch.full((400_000, 1), x, dtype=torch.float64, requires_grad=True)
    perturbed(lambda v: v[:, 0] > 0, num_samples, sigma, noise, generator=seeded())(theta).sum().backward()
    density = {
        "normal": math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
        "gumbel": math.exp(x - math.exp(x)),  # of −Z at x
    }[noise]
    assert theta.grad.mean().item() == pytest.approx(density, abs=0.05)
    assert density > 0.3


@by_noise
def test_a_constant_added_to_fn_changes_no_gradient(noise):
    theta = random_scores(6, 4).requires_grad_()
    gradients = []
    for constant in (0.0, 1e3):
        smooth = perturbed(lambda v, c=constant: argmax(v).double() + c, 50, 0.5, noise, generator=seeded())
        gradients.append(torch.autograd.grad(smooth(theta)[:, 0].sum(), theta)[0])
    assert gradients[0].abs().max() > 0.1
    assert_within(gradients[1], gradients[0], 1e-9)


def test_a_second_derivative_is_refused():
    theta = random_scores(2, 3).requires_grad_()
    for loss in (perturbed(argmax)(theta)[:, 0], fenchel_young(theta, torch.eye(3)[:2], argmax)):
        with pytest.raises(NotImplementedError, match="no second derivative"):
            torch.autograd.grad(loss.sum(), theta, create_graph=True)


# --- samples, chunks, generators ---


class Watched:
    """argmax, and what it was called with."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []
        self.gradients_were_on = False

    def __call__(self, theta: Tensor) -> Tensor:
        self.seen.append(theta.clone())
        self.gradients_were_on |= torch.is_grad_enabled()
        return argmax(theta)


@by_noise
def test_noise_and_result_do_not_depend_on_the_chunk(noise):
    """5000 samples of 2 × 60 numbers are more than one block of noise."""
    theta = random_scores(2, 60)
    weights = random_scores(2, 60, seed=1)
    runs = {}
    for chunk in (None, 1, 7, 999, 10**9):
        fn, own = Watched(), theta.clone().requires_grad_()
        value = perturbed(fn, 5000, 0.5, noise, generator=seeded(), chunk=chunk)(own)
        forward, fn.seen = fn.seen, []
        (value * weights).sum().backward()
        assert not fn.gradients_were_on
        assert len(forward) > 1
        assert all(len(rows) <= 2 * (chunk or 5000) for rows in forward)
        assert torch.equal(torch.cat(forward), torch.cat(fn.seen))
        runs[chunk] = torch.cat(forward), value.detach(), own.grad
    for noisy, value, gradient in runs.values():
        assert torch.equal(noisy, runs[None][0])
        assert_within(value, runs[None][1], 1e-12)
        assert_within(gradient, runs[None][2], 1e-12)


@by_noise
def test_the_noise_is_what_it_is_called(noise):
    """Kolmogorov's distance of n samples from F exceeds t with a probability of at most 2 exp(−2 n t²), 3e-8 here."""
    fn = Watched()
    perturbed(fn, 1000, 2.0, noise, generator=seeded())(torch.full((10, 100), 3.0, dtype=torch.float64))
    z = (torch.cat(fn.seen).flatten() - 3) / 2
    z = z.sort().values
    distribution = torch.special.ndtr(z) if noise == "normal" else (-(-z).exp()).exp()
    steps = torch.arange(1, MILLION + 1, dtype=torch.float64) / MILLION
    assert (distribution - steps).abs().max() < OF_A_MEAN
    assert torch.corrcoef(torch.cat(fn.seen).T[:5]).fill_diagonal_(0).abs().max() < 0.06  # 6 / √(10⁴) for each pair


@by_noise
def test_the_noise_is_the_same_in_every_precision(noise):
    values = {}
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        fn, theta = Watched(), torch.zeros(2, 3, dtype=dtype, requires_grad=True)
        values[dtype] = perturbed(fn, 100, 0.5, noise, generator=seeded())(theta)
        values[dtype].sum().backward()
        assert values[dtype].dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert theta.grad.dtype == dtype
        torch.testing.assert_close(values[dtype].double(), values[torch.float16].double())


def test_a_generator_makes_it_repeatable_and_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    theta, generator = random_scores(3, 4).requires_grad_(), seeded()
    smooth = perturbed(argmax, 20, 0.5, generator=generator)
    first = smooth(theta)
    state = generator.get_state()
    gradient = torch.autograd.grad(first[:, 0].sum(), theta, retain_graph=True)[0]
    assert torch.equal(generator.get_state(), state)  # the backward pass takes nothing from it
    assert torch.equal(torch.autograd.grad(first[:, 0].sum(), theta)[0], gradient)
    assert not torch.equal(smooth(theta), first)
    assert torch.equal(perturbed(argmax, 20, 0.5, generator=seeded())(theta), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_generator_the_global_one_is_used():
    theta = random_scores(3, 4).requires_grad_()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first, second = perturbed(argmax, 20, 0.5)(theta), perturbed(argmax, 20, 0.5)(theta)
        gradient = torch.autograd.grad(first[:, 0].sum(), theta)[0]
    assert not torch.equal(first, second)
    expected = perturbed(argmax, 20, 0.5, generator=seeded(3))(theta)
    assert torch.equal(first, expected)
    assert torch.equal(gradient, torch.autograd.grad(expected[:, 0].sum(), theta)[0])


def test_a_million_samples_take_bounded_memory():
    """Kept, the noise of 5 · 8 numbers a sample would take 160 MB, and as much again for inputs and outputs."""
    script = """
import resource, sys, torch
from topkbench.ops.perturbed import perturbed
torch.set_num_threads(1)
theta = torch.zeros(8, 5, requires_grad=True)
def peak(samples):
    perturbed(lambda v: v > v.amax(-1, keepdim=True) - 1, samples, 0.5)(theta).sum().backward()
    units = 2**10 if sys.platform == "linux" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // units
few, many = peak(10_000), peak(1_000_000)
print(many - few)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 32  # MiB


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@by_noise
def test_waits_for_no_device_and_repeats_its_noise_there(noise):
    theta = random_scores(3, 4, dtype=torch.float32).cuda().requires_grad_()
    for generator in (None, torch.Generator("cuda").manual_seed(0)):
        fn = Watched()
        smooth = perturbed(fn, 30, 0.5, noise, generator=generator, chunk=7)
        torch.cuda.set_sync_debug_mode("error")
        try:
            smooth(theta).sum().backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        seen = torch.cat(fn.seen).view(2, -1)
        assert torch.equal(seen[0], seen[1])


# --- signatures ---


def test_every_form_of_the_decorator():
    @perturbed
    def plain(theta):
        """An argmax."""
        return argmax(theta)

    @perturbed(num_samples=10, sigma=0.5, noise="normal", batched=False, generator=seeded())
    def with_options(theta):
        return argmax(theta)

    assert (plain.__name__, plain.__doc__) == ("plain", "An argmax.")
    assert_within(plain(torch.tensor([[0.0, 9.0]])), torch.tensor([[0.0, 1.0]]), 0)
    called = perturbed(argmax, 10, 0.5, "normal", batched=False, generator=seeded())
    assert torch.equal(with_options(THETA), called(THETA))


def test_each_of_several_inputs_gets_noise_and_gradient():
    """P(a + σ Z > b + σ Z') = σ((a − b) / σ) with Gumbel noise in both; what comes by name is left as it is."""

    def beats(a: Tensor, sign: int, b: Tensor, *, scale: Tensor) -> Tensor:
        assert scale.shape == (1,)
        return (sign * (a - b) * scale > 0).double()

    sigma = 0.8
    a, b = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.5, 0.1))
    smooth = perturbed(beats, MILLION, sigma, batched=False, generator=seeded())
    value = smooth(a, -1, b, scale=torch.ones(1))
    value.backward()
    p = 1 / (1 + math.exp((0.5 - 0.1) / sigma))
    assert value.item() == pytest.approx(p, abs=OF_A_MEAN)
    assert a.grad.item() == pytest.approx(-p * (1 - p) / sigma, abs=OF_A_GRADIENT / sigma)
    assert b.grad.item() == pytest.approx(p * (1 - p) / sigma, abs=OF_A_GRADIENT / sigma)


def test_an_input_that_needs_no_gradient_changes_nothing():
    theta, other = random_scores(3, 4).requires_grad_(), random_scores(3, 2, seed=1)
    smooth = [perturbed(lambda x, y: x[:, 0] > y[:, 1], 50, 0.5, generator=seeded()) for _ in range(2)]
    gradient = torch.autograd.grad(smooth[0](theta, other).sum(), theta)[0]
    again = torch.autograd.grad(smooth[1](theta, other.requires_grad_()).sum(), theta)[0]
    assert gradient.abs().max() > 0
    assert torch.equal(gradient, again)


def test_several_outputs_of_several_shapes_and_types():
    """Their gradients add up: to that of their sum as one output."""

    def parts(theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        order = theta.argsort(-1)
        return order, order.unsqueeze(-1) == torch.arange(4), theta.amax(-1)

    def together(theta: Tensor) -> Tensor:
        order, matrix, largest = parts(theta)
        return 2 * order[:, 0] + 3 * matrix[:, 1, 2] + 5 * largest

    theta = random_scores(3, 4).requires_grad_()
    order, matrix, largest = perturbed(parts, 40, 0.5, generator=seeded())(theta)
    assert (order.shape, matrix.shape, largest.shape) == ((3, 4), (3, 4, 4), (3,))
    assert {order.dtype, matrix.dtype, largest.dtype} == {torch.float64}
    mixed = 2 * order[:, 0] + 3 * matrix[:, 1, 2] + 5 * largest
    whole = perturbed(together, 40, 0.5, generator=seeded())(theta)
    assert_within(mixed, whole, 1e-12)
    gradients = [torch.autograd.grad(y.sum(), theta)[0] for y in (mixed, whole)]
    assert_within(gradients[0], gradients[1], 1e-10)
    (alone,) = perturbed(lambda v: (argmax(v),), 5)(theta)
    assert alone.shape == (3, 4)


def test_one_sample_alone_is_a_batch_of_one():
    single = random_scores(2, 5).requires_grad_()
    smooth = perturbed(lambda v: v.flatten(1).argmax(-1), 30, 0.5, batched=False, generator=seeded())
    value = smooth(single)
    assert value.shape == ()
    batch = perturbed(lambda v: v.flatten(1).argmax(-1), 30, 0.5, generator=seeded())(single.unsqueeze(0))
    assert torch.equal(value, batch[0])
    gradients = [torch.autograd.grad(y.sum(), single)[0] for y in (value, batch)]
    assert torch.equal(gradients[0], gradients[1])


def test_an_empty_batch():
    theta = torch.zeros(0, 4, requires_grad=True)
    value = perturbed(argmax)(theta)
    assert value.shape == (0, 4)
    loss = fenchel_young(theta, torch.zeros(0, 4), argmax)
    assert loss.shape == (0,)
    (value.sum() + loss.sum()).backward()
    assert theta.grad.shape == (0, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_samples": 0}, "num_samples = 0"),
        ({"sigma": 0.0}, "sigma = 0.0 is not a positive number"),
        ({"sigma": -1.0}, "sigma = -1.0 is not a positive number"),
        ({"noise": "cauchy"}, "unknown noise 'cauchy'; one of gumbel, normal"),
        ({"chunk": 0}, "chunk = 0"),
    ],
)
def test_refuses_options(options, message):
    with pytest.raises(ValueError, match=message):
        perturbed(argmax, **options)
    with pytest.raises(ValueError, match=message):
        perturbed(**options)
    with pytest.raises(ValueError, match=message):
        fenchel_young(torch.zeros(1, 2), torch.zeros(1, 2), argmax, **options)


@pytest.mark.parametrize(
    ("fn", "inputs", "error", "message"),
    [
        (argmax, (), TypeError, "no tensor to perturb"),
        (argmax, (3,), TypeError, "no tensor to perturb"),
        (argmax, (torch.arange(4),), TypeError, "an input is torch.int64"),
        (argmax, (torch.tensor(1.0),), ValueError, r"inputs \[\] have no common first axis"),
        (argmax, (torch.zeros(2, 3), torch.zeros(4, 3)), ValueError, r"inputs \[2, 3\] and \[4, 3\] have no common"),
        (lambda v: None, (torch.zeros(2, 3),), TypeError, "fn gave a NoneType"),
        (lambda v: (v, 1), (torch.zeros(2, 3),), TypeError, "fn gave a int"),
        (lambda v: v.sum(), (torch.zeros(2, 3),), ValueError, r"fn gave \[\] for 20 rows"),
        (lambda v: v[1:], (torch.zeros(2, 3),), ValueError, r"fn gave \[19, 3\] for 20 rows"),
    ],
)
def test_refuses_inputs_and_outputs(fn, inputs, error, message):
    with pytest.raises(error, match=message):
        perturbed(fn, 10)(*inputs)


def test_refuses_a_generator_of_another_device():
    with pytest.raises(ValueError, match="the generator is on cpu, the inputs on meta; give both one device"):
        perturbed(argmax, generator=seeded())(torch.zeros(2, 3, device="meta"))


def test_refuses_what_is_no_function():
    with pytest.raises(TypeError, match="fn is 100, which cannot be called"):
        perturbed(100)


# --- Fenchel–Young losses ---


def test_fenchel_young_value_and_gradient_are_those_of_the_samples():
    theta, target = random_scores(3, 5).requires_grad_(), random_scores(3, 5, seed=1).softmax(-1)
    fn = Watched()
    loss = fenchel_young(theta, target, fn, num_samples=40, sigma=0.5, generator=seeded(), chunk=9)
    loss.sum().backward()
    noisy = torch.cat(fn.seen).view(40, 3, 5)  # chunks hold whole samples
    excess = argmax(noisy) - target
    assert loss.shape == (3,)
    assert_within(loss.detach(), (excess * noisy).sum(-1).mean(0), 1e-12)
    assert_within(theta.grad, excess.mean(0), 1e-12)


@by_noise
def test_fenchel_young_is_never_negative_and_least_where_the_mean_is_the_target(noise):
    """For fixed noise it is convex, with a zero gradient where the mean of the answers is the target."""
    theta = random_scores(3, 5).requires_grad_()
    fn = Watched()
    perturbed(fn, 100, 0.5, noise, generator=seeded())(theta)
    target = argmax(torch.cat(fn.seen).view(100, 3, 5)).double().mean(0)

    def loss(at: Tensor, y: Tensor) -> Tensor:
        return fenchel_young(at, y, argmax, num_samples=100, sigma=0.5, noise=noise, generator=seeded())

    least = loss(theta, target)
    assert_within(torch.autograd.grad(least.sum(), theta)[0], torch.zeros(3, 5, dtype=torch.float64), 1e-12)
    for seed in range(20):
        away = theta.detach() + 0.3 * random_scores(3, 5, seed=seed)
        assert (loss(away, target) >= least - 1e-12).all()  # where no answer changes, they are equal
        single = fenchel_young(10 * away, argmax(away.flip(-1)), argmax, num_samples=1, noise=noise)
        assert (single >= 0).all()


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_fenchel_young_of_the_argmax_under_gumbel_noise_is_the_cross_entropy(sigma):
    """L = σ · cross-entropy(θ / σ), ∂L/∂θ = softmax(θ / σ) − y.

    The best other score less the label's is logistic with the scale σ, and a sample's loss is its positive part, of a
    variance of at most σ² π²/3: Chebyshev allows .03 σ to be exceeded with a probability of 4e-3.
    """
    theta, label = THETA.clone().requires_grad_(), 3
    target = argmax(torch.eye(5)[label])
    loss = fenchel_young(theta, target, argmax, num_samples=MILLION, sigma=sigma, batched=False, generator=seeded())
    loss.backward()
    p = (THETA / sigma).softmax(-1)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(-sigma * math.log(p[label]), abs=0.03 * sigma)
    assert_within(theta.grad, p - target, OF_A_MEAN)


def test_fenchel_young_with_several_right_answers():
    """Partial: the right answer that is best for each sample is the target."""
    theta = random_scores(4, 6).requires_grad_()
    right = torch.tensor([True, False, False, True, False, True])
    fn = Watched()
    loss = fenchel_young(
        theta, lambda v: argmax(v.where(right, -torch.inf)), fn, num_samples=50, sigma=0.5, generator=seeded()
    )
    loss.sum().backward()
    noisy = torch.cat(fn.seen).view(50, 4, 6)
    best_right = noisy[..., right].amax(-1)
    assert_within(loss.detach(), (noisy.amax(-1) - best_right).mean(0), 1e-12)
    wins = (noisy == noisy.amax(-1, keepdim=True)).double() - (noisy == best_right.unsqueeze(-1)).double()
    assert_within(theta.grad, wins.mean(0), 1e-12)


def test_fenchel_young_of_a_minimiser():
    """The shortest path, given negative costs: a path that is short by more than the noise costs nothing."""
    grid = the_guides_script()
    costs = torch.full((12,), 9.0)
    path = grid.TAKEN_PE[2]
    costs[path > 0] = 1.0
    loss = fenchel_young(-costs, path, lambda v: grid.shortest_path(-v), num_samples=50, sigma=0.1, batched=False)
    assert loss.item() == 0
    other = fenchel_young(-costs, grid.TAKEN_PE[3], lambda v: grid.shortest_path(-v), num_samples=50, batched=False)
    assert other.item() > 8


def test_fenchel_young_takes_infinite_and_half_precision_scores():
    theta = torch.tensor([[torch.inf, 1.0, -torch.inf], [0.0, 1.0, 2.0]])
    target = torch.tensor([[1, 0, 0], [0, 1, 0]])
    for dtype in (torch.float16, torch.float32, torch.float64):
        own = theta.to(dtype, copy=True).requires_grad_()
        loss = fenchel_young(own, target, argmax, generator=seeded())
        loss.sum().backward()
        assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert loss[0] == 0
        assert loss.isfinite().all()
        assert own.grad.isfinite().all()


@pytest.mark.parametrize(
    ("scores", "target", "fn", "error", "message"),
    [
        (torch.zeros(2, 3), torch.zeros(2), argmax, ValueError, r"an answer \[2\] for scores \[2, 3\]"),
        (torch.zeros(2, 3), torch.zeros(4, 3), argmax, ValueError, r"an answer \[4, 3\] for scores \[2, 3\]"),
        (torch.zeros(2, 3), torch.zeros(2, 3), lambda v: v[:, 0], ValueError, r"an answer \[20\] for scores \[20, 3\]"),
        (torch.zeros(2, 3), lambda v: v[:, 0], argmax, ValueError, r"an answer \[20\] for scores \[20, 3\]"),
        (torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 3), argmax, TypeError, "give floating point scores"),
    ],
)
def test_fenchel_young_refuses(scores, target, fn, error, message):
    with pytest.raises(error, match=message):
        fenchel_young(scores, target, fn, num_samples=10)


def test_whole_numbers_of_any_library():
    x = torch.zeros(2, 3)
    perturbed(torch.relu, num_samples=np.int64(5), chunk=np.int64(2))(x)
    with pytest.raises(TypeError, match=r"num_samples = 2\.5; give a whole number"):
        perturbed(torch.relu, num_samples=2.5)
    with pytest.raises(ValueError, match=r"scores \[5\] have no axis beside the batch's; give batched=False"):
        fenchel_young(torch.zeros(5), torch.zeros(5), torch.relu)
