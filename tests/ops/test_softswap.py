"""Soft swaps: the figures that their author prints, exact fractions, plain scalar loops, and what holds at every scale.

Printed figures are those of the README of johnhw/differentiable_sorting.
"""

from fractions import Fraction
from functools import partial
from math import exp, log

import pytest
import torch

from topkbench import losses
from topkbench.ops import softswap
from topkbench.ops.networks import bitonic

X = torch.tensor([5.0, -1.0, 9.5, 13.2, 16.2, 20.5, 42.0, 18.0], dtype=torch.float64)
TIED = torch.tensor([1.0, 2.0, 3.0, 4.0, 8.0, 7.0, 6.0, 4.0], dtype=torch.float64)
VECTORS = torch.tensor([[1.0, 5.0], [30.0, 30.0], [6.0, 9.0], [80.0, -2.0]], dtype=torch.float64)
SIZES = [1, 2, 3, 5, 6, 7, 8, 12, 22, 33, 64]
RELAXATIONS = {
    "softmax": softswap.softmax,
    "softmax, sharp": partial(softswap.softmax, alpha=10.0),
    "smoothmax": softswap.smoothmax(),
    "smoothmax, blunt": softswap.smoothmax(0.1),
    "softmax_smooth": softswap.softmax_smooth(0.05),
    "softmax_smooth, mean": softswap.softmax_smooth(1.0),
}
MIXED = {name: relaxation for name, relaxation in RELAXATIONS.items() if name != "softmax_smooth, mean"}
"""Without the one whose sorted values are all equal, or nearly: where they change places their slopes jump."""
by_relaxation = pytest.mark.parametrize("relaxation", RELAXATIONS.values(), ids=RELAXATIONS.keys())
by_mixed = pytest.mark.parametrize("relaxation", MIXED.values(), ids=MIXED.keys())


def first(vectors: torch.Tensor) -> torch.Tensor:
    return vectors[..., 0]


def random_values(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(shape[-1]))


def through_the_network(values, high):
    """One comparator after the other, on Python's own numbers."""
    values = list(values)
    for layer in bitonic(len(values)):
        for i, j in layer:
            a, b = values[i], values[j]
            values[j] = high(a, b)
            values[i] = a + b - values[j]
    return values


def close(actual: torch.Tensor, expected, atol: float) -> None:
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("relaxation", "printed"),
    [
        (softswap.softmax, [-1.007, 4.996, 9.439, 13.212, 15.948, 18.21, 20.602, 42.0]),
        (softswap.softmax_smooth(), [-1.007, 4.996, 9.439, 13.212, 15.948, 18.21, 20.602, 42.0]),
        (softswap.softmax_smooth(0.05), [1.242, 5.333, 9.607, 12.446, 16.845, 18.995, 20.932, 37.999]),
        (softswap.softmax_smooth(1.0), [15.425] * 8),
    ],
)
def test_the_printed_sorts(relaxation, printed):
    close(softswap.soft_sort(X, relaxation), printed, 5.1e-4)


def test_the_printed_gradient_of_the_minimum():
    """Theirs is in float32, whose 6e-8 the small ones have lost."""
    printed = [7.3447e-03, 9.9257e-01, 8.1266e-05, 3.9275e-06, 3.4427e-08, 1.4447e-09, 0, 9.5952e-09]
    for dtype in (torch.float32, torch.float64):
        x = X.to(dtype).requires_grad_()
        softswap.soft_sort(x)[0].backward()
        torch.testing.assert_close(x.grad, torch.tensor(printed, dtype=dtype), rtol=5e-5, atol=6e-8)


def test_the_printed_ranks_and_their_jacobian():
    close(softswap.soft_rank(TIED), [0, 1, 2, 3, 7, 6, 5, 3], 5e-5)
    close(softswap.soft_rank(TIED, 0.25), [0.13, 1.09, 2, 3.11, 6.99, 6, 5, 3.11], 5.1e-3)
    printed = [
        [2.162, -1.059, -0.523, -0.287, -0.01, -0.018, -0.056, -0.21],
        [-0.066, 0.562, -0.186, -0.155, -0.005, -0.011, -0.035, -0.105],
        [-0.012, -0.013, 0.041, -0.005, 0, -0.001, -0.002, -0.008],
        [-0.012, -0.025, -0.108, 0.564, -0.05, -0.086, -0.141, -0.14],
        [-0.001, -0.001, -0.003, -0.005, 0.104, -0.058, -0.028, -0.008],
        [0, -0.001, -0.002, -0.004, -0.001, 0.028, -0.012, -0.007],
        [0, 0, -0.001, -0.002, -0.016, -0.018, 0.038, -0.001],
        [-0.012, -0.025, -0.108, -0.209, -0.05, -0.086, -0.141, 0.633],
    ]
    close(torch.autograd.functional.jacobian(lambda x: softswap.soft_rank(x, 0.25), TIED), printed, 5.1e-4)


def test_the_printed_vectors():
    """Their network hands the larger key to the wire that gets the smaller value elsewhere: it sorts downwards."""
    printed = [[80, -2], [30, 30], [5.99977301, 8.99981841], [1.00022699, 5.00018159]]
    close(softswap.sort_vectors(VECTORS, first, alpha=2.0).flip(0), printed, 5e-9)


@pytest.mark.parametrize("n", [2, 3, 5, 6, 7, 8])
def test_log_sum_exp_in_exact_fractions(n):
    """With p = exp(x), a swap makes of p and q the fractions p q / (p + q) and p + q."""
    values = [Fraction(1 + 7 * i % 5, 1 + 3 * i % 4) for i in range(n)]
    exact = list(values)
    for layer in bitonic(n):
        for i, j in layer:
            p, q = exact[i], exact[j]
            exact[i], exact[j] = p * q / (p + q), p + q
    x = torch.tensor([log(p) for p in values], dtype=torch.float64)
    close(softswap.soft_sort(x), sorted(log(p.numerator) - log(p.denominator) for p in exact), 1e-12)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("n", SIZES)
def test_every_relaxation_is_its_formula(n, alpha):
    formulas = {
        partial(softswap.softmax, alpha=alpha): lambda a, b: log(exp(alpha * a) + exp(alpha * b)) / alpha,
        softswap.smoothmax(alpha): lambda a, b: (
            (a * exp(alpha * a) + b * exp(alpha * b)) / (exp(alpha * a) + exp(alpha * b))
        ),
        softswap.softmax_smooth(0.3, alpha): lambda a, b: (
            log((exp(alpha * (0.85 * a + 0.15 * b)) + exp(alpha * (0.15 * a + 0.85 * b))) / 1.3) / alpha
        ),
    }
    x = random_values(n, scale=3.0)
    for relaxation, formula in formulas.items():
        close(softswap.soft_sort(x, relaxation), sorted(through_the_network(x.tolist(), formula)), 1e-11)


def test_soft_swaps_alone_do_not_sort_eight_equal_values():
    """Why the sort ends with a hard one: the two in the middle come out exchanged."""
    alone = through_the_network([0.0] * 8, lambda a, b: log(exp(a) + exp(b)))
    assert alone[3] == pytest.approx(log(725 / 533))
    assert alone[4] == pytest.approx(log(533 / 725))
    close(softswap.soft_sort(torch.zeros(8, dtype=torch.float64)), sorted(alone), 1e-14)


def hard_cases(n: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    normal = torch.randn(4, n, generator=generator)
    return {
        "uniform": 2 * torch.rand(4, n, generator=generator) - 1,
        "equal": torch.ones(4, n),
        "many ties": torch.randint(-2, 3, (4, n), generator=generator) / 2,
        "heavy tails": (normal / normal.roll(1)).clamp(-1, 1),
        "clusters": torch.randint(-1, 2, (4, n), generator=generator) * 0.9 + 1e-4 * normal.clamp(-4, 4),
        "falling": torch.linspace(1, -1, n).expand(4, n),
        "one outlier": torch.eye(n)[:1].expand(4, n),
    }


@by_relaxation
@pytest.mark.parametrize("n", [2, 7, 22, 1024])
def test_finite_and_ordered_in_float32_at_every_scale(n, relaxation):
    for name, values in hard_cases(n).items():
        for scale in (1e-4, 1.0, 30.0, 1e4):
            x = (scale * values).requires_grad_()
            y = softswap.soft_sort(x, relaxation)
            (y * torch.linspace(-1, 1, n)).sum().backward()
            assert y.isfinite().all(), (name, scale)
            assert (y.diff() >= 0).all(), (name, scale)
            assert x.grad.isfinite().all(), (name, scale)


@by_relaxation
def test_the_sum_is_kept(relaxation):
    x = random_values(5, 22, scale=3.0)
    torch.testing.assert_close(softswap.soft_sort(x, relaxation).sum(-1), x.sum(-1))


@pytest.mark.parametrize("n", SIZES)
def test_hard_swaps_sort(n):
    x = random_values(6, n)
    hard = [torch.maximum, partial(softswap.softmax, alpha=1e9), softswap.smoothmax(1e9)]
    for relaxation in hard:
        torch.testing.assert_close(softswap.soft_sort(x, relaxation), x.sort(-1).values, rtol=0, atol=1e-8)
    compared = softswap.sort_by(x, lambda a, b: (a > b).double())
    assert torch.equal(compared, x.sort(-1).values)


def test_an_outlier_costs_the_others_no_digits():
    x = torch.tensor([1e4, 1e-3, 300.0, 2e-3, -1e4])
    expected = softswap.soft_sort(x.double()).float()
    torch.testing.assert_close(softswap.soft_sort(x), expected, rtol=1e-6, atol=0)


@by_mixed
@pytest.mark.parametrize("n", [2, 5, 8])
def test_derivatives(n, relaxation):
    x = random_values(2, n, scale=1.5).requires_grad_()
    for operator in (
        softswap.soft_sort,
        partial(softswap.soft_rank, sigma=0.8),
        partial(softswap.soft_argsort, sigma=0.8),
    ):
        assert torch.autograd.gradcheck(partial(operator, relaxation=relaxation), x)
        assert torch.autograd.gradgradcheck(partial(operator, relaxation=relaxation), x)


@by_relaxation
def test_derivatives_of_a_swap_where_values_are_equal_and_where_they_are_far_apart(relaxation):
    for a, b in ((0.3, 0.3), (-2.0, 1.0)):
        pair = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (a, b))
        assert torch.autograd.gradgradcheck(relaxation, tuple(pair))
    near, far = (torch.tensor(value, requires_grad=True) for value in (0.0, 1e4))
    slopes = torch.autograd.grad(relaxation(near, far), (near, far), create_graph=True)
    for slope in slopes:
        for curvature in torch.autograd.grad(slope, (near, far), retain_graph=True, allow_unused=True):
            assert curvature is None or curvature.isfinite()


def test_ranks_and_places_are_the_kernels():
    x, sigma = TIED.tolist(), 0.4
    y = sorted(through_the_network(x, lambda a, b: log(exp(a) + exp(b))))
    kernel = [[exp(-((s - t) ** 2) / (2 * sigma**2)) for t in y] for s in x]
    ranks = [sum(j * w for j, w in enumerate(row)) / sum(row) for row in kernel]
    places = [sum(i * w for i, w in enumerate(column)) / sum(column) for column in zip(*kernel, strict=True)]
    close(softswap.soft_rank(TIED, sigma), ranks, 1e-12)
    close(softswap.soft_argsort(TIED, sigma), places, 1e-12)


def test_equal_elements_share_the_mean_of_their_indices():
    """4 is at 3 and at 7; as both are nearest to one place, weights that sum to 1 by element would give 10, and 0."""
    close(softswap.soft_argsort(TIED)[3:5], [5.0, 5.0], 1e-9)


def test_ranks_of_values_far_apart_are_hard():
    order = torch.stack([torch.randperm(20, generator=torch.Generator().manual_seed(seed)) for seed in range(4)])
    x = 50.0 * order
    close(softswap.soft_rank(x), order, 1e-6)
    close(softswap.soft_argsort(x), order.argsort(-1), 1e-6)


@pytest.mark.parametrize("sigma", [1e-6, 0.1, 1e3])
def test_ranks_stay_between_0_and_the_last(sigma):
    for values in hard_cases(50).values():
        x = (1e4 * values).requires_grad_()
        for ranks in (softswap.soft_rank(x, sigma), softswap.soft_argsort(x, sigma)):
            assert ((ranks >= 0) & (ranks <= 49 * (1 + 1e-6))).all()
            ranks.sum().backward(retain_graph=True)
            assert x.grad.isfinite().all()


def test_infinities_and_half_precision():
    x = torch.tensor([2.0, torch.inf, -torch.inf, 1.0, torch.inf])
    for relaxation in RELAXATIONS.values():
        assert softswap.soft_sort(x, relaxation).isfinite().all()
        assert softswap.soft_rank(x, 1e-3, relaxation).isfinite().all()
    for dtype in (torch.float16, torch.bfloat16):
        assert softswap.soft_sort(x.to(dtype)).dtype == torch.float32
    assert softswap.sort_vectors(x.unsqueeze(-1).half(), first).dtype == torch.float32


def test_vectors_are_mixed_whole():
    """By hand, N = 2: with w = σ(α (key b − key a)), a w + b (1 − w) comes first."""
    a, b = [3.0, 1.0, 0.0], [1.0, 5.0, -2.0]
    weight = 1 / (1 + exp(0.5 * (3.0 - 1.0)))
    expected = [
        [weight * s + (1 - weight) * t for s, t in zip(a, b, strict=True)],
        [(1 - weight) * s + weight * t for s, t in zip(a, b, strict=True)],
    ]
    close(softswap.sort_vectors(torch.tensor([a, b], dtype=torch.float64), first, 0.5), expected, 1e-14)


@pytest.mark.parametrize("n", SIZES)
def test_vectors_rise_by_their_keys_and_keep_their_sum(n):
    x = random_values(3, 2, n, 4, scale=2.0)
    direction = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64)
    for alpha in (0.1, 1.0, 1e6):
        y = softswap.sort_vectors(x, lambda v: (v * direction).sum(-1), alpha)
        assert ((y * direction).sum(-1).diff() >= 0).all()
        torch.testing.assert_close(y.sum(-2), x.sum(-2))
    order = (x * direction).sum(-1).argsort(-1)
    torch.testing.assert_close(y, x.take_along_dim(order.unsqueeze(-1), -2), rtol=0, atol=1e-4)


def test_smoothmax_is_a_comparison():
    """It weights a with σ(α (a − b)): sort, comparison and vectors of one component are one thing."""
    x = random_values(5, 12)
    by_value = softswap.soft_sort(x, softswap.smoothmax(3.0))
    compared = softswap.sort_by(x, lambda a, b: torch.sigmoid(3 * (a - b)))
    as_vectors = softswap.sort_vectors(x.unsqueeze(-1), first, 3.0).squeeze(-1)
    torch.testing.assert_close(compared.sort(-1).values, by_value)
    torch.testing.assert_close(as_vectors, by_value)


def test_sort_by_any_comparison_along_any_axis():
    """Words by length alone: one-hot vectors whose comparison is a table of preferences."""
    longer = torch.tensor([[0.5, 1.0, 0.0], [0.0, 0.5, 0.0], [1.0, 1.0, 0.5]], dtype=torch.float64)  # 1 < 0 < 2
    items = torch.eye(3, dtype=torch.float64)

    def compare(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return ((a @ longer) * b).sum(-1, keepdim=True)

    assert torch.equal(softswap.sort_by(items, compare, dim=-2), items[[1, 0, 2]])
    x = random_values(4, 6)
    along_rows = softswap.sort_by(x, lambda a, b: (a > b).double(), dim=0)
    assert torch.equal(along_rows, x.sort(0).values)


def test_derivatives_of_sorted_vectors():
    x = random_values(2, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: softswap.sort_vectors(v, first, 1.5), x)
    assert torch.autograd.gradgradcheck(lambda v: softswap.sort_vectors(v, first, 1.5), x)


def test_leading_axes():
    x = random_values(3, 4, 11)
    for operator in (softswap.soft_sort, softswap.soft_rank, softswap.soft_argsort):
        together = operator(x)
        assert together.shape == x.shape
        for head in range(3):
            for row in range(4):
                torch.testing.assert_close(together[head, row], operator(x[head, row]))


@by_relaxation
@pytest.mark.parametrize(("n", "k"), [(1, 1), (8, 3), (11, 11)])
def test_the_labels_ranks_are_the_kernels(n, k, relaxation):
    scores, label, sigma = random_values(6, n, scale=2.0), torch.arange(6) % n, 0.7
    falling = softswap.soft_sort(scores, relaxation).flip(-1)
    own = scores[torch.arange(6), label].unsqueeze(-1)
    kernel = torch.exp(-((own - falling) ** 2) / (2 * sigma**2))
    ranks = softswap.label_rank_distribution(scores, label, k, sigma, relaxation)
    torch.testing.assert_close(ranks, (kernel / kernel.sum(-1, keepdim=True))[:, :k], rtol=0, atol=1e-12)


@by_mixed
def test_gradient_of_the_labels_ranks(relaxation):
    scores, label = random_values(3, 6, scale=2.0).requires_grad_(), torch.tensor([0, 3, 5])
    assert torch.autograd.gradcheck(lambda s: softswap.label_rank_distribution(s, label, 4, 0.7, relaxation), scores)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e2, 1e4])
def test_float32_agrees_with_float64_at_every_scale(scale):
    scores, label = random_values(32, 16, scale=scale).float(), torch.arange(32) % 16
    found = []
    for dtype in (torch.float64, torch.float32):
        own = scores.to(dtype).requires_grad_()
        softswap.label_rank_distribution(own, label, 5, 0.5 * scale).sum(-1).add(1e-7).log().sum().backward()
        found.append(own.grad.double())
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=float(1e-6 * found[0].abs().max()))


def test_trains_after_a_use_in_inference_mode():
    x = random_values(2, 13)
    with torch.inference_mode():
        softswap.soft_sort(x)
    x.requires_grad_()
    softswap.soft_sort(x)[..., 0].sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: softswap.softmax(X, X, alpha=0.0), "alpha = 0.0 is not a positive number"),
        (lambda: softswap.smoothmax(-1.0), "alpha = -1.0 is not a positive number"),
        (lambda: softswap.softmax_smooth(1.5), r"smooth = 1.5 is not in 0..1"),
        (lambda: softswap.softmax_smooth(float("nan")), r"smooth = nan is not in 0..1"),
        (lambda: softswap.softmax_smooth(0.5, 0.0), "alpha = 0.0 is not a positive number"),
        (lambda: softswap.soft_sort(torch.tensor(1.0)), r"dim = -1 is not an axis of the values, \[\]"),
        (lambda: softswap.soft_sort(torch.zeros(3, 0)), "n = 0"),
        (lambda: softswap.soft_rank(X, 0.0), "sigma = 0.0 is not a positive number"),
        (lambda: softswap.soft_argsort(X, float("inf")), "sigma = inf is not a positive number"),
        (lambda: softswap.sort_by(X, torch.gt, dim=1), r"dim = 1 is not an axis of the values, \[8\]"),
        (lambda: softswap.sort_vectors(X, first), r"dim = -2 is not an axis of the values, \[8\]"),
        (lambda: softswap.sort_vectors(VECTORS, first, 0.0), "alpha = 0.0 is not a positive number"),
        (lambda: softswap.sort_vectors(VECTORS, lambda v: v), r"the key made \[2, 2\]; it must make \[2\]"),
        (lambda: softswap.label_rank_distribution(X[None], torch.tensor([0]), 9), "k = 9"),
        (lambda: softswap.label_rank_distribution(X[None], torch.tensor([8]), 2), "target holds 8"),
        (lambda: softswap.label_rank_distribution(X[None], torch.tensor([0]), 2, 0.0), "sigma = 0.0"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_refuses_integers():
    with pytest.raises(TypeError, match="floating point"):
        softswap.soft_sort(torch.arange(4))


@pytest.mark.parametrize("relaxation", ["softmax", "smoothmax", "softmax_smooth"])
def test_the_loss_counts_ranks_where_sigma_and_one_over_alpha_are_small(relaxation):
    loss = losses.load(
        "softswap_bitonic",
        p_k=(0.5, 0.0, 0.5), m=None, top1_mode="sort", relaxation=relaxation, alpha=1e3, sigma=1e-2, smooth=0.0,
    )  # fmt: skip
    scores = torch.tensor([3.0, 0.0, 5.0, 1.0, 2.0, 4.0], dtype=torch.float64).expand(6, -1)
    nothing = -log(1e-7)
    by_label = [-log(0.5), nothing, 0.0, nothing, nothing, -log(0.5)]  # ranks 3, 6, 1, 5, 4, 2
    close(loss(scores, torch.arange(6)), by_label, 1e-5)


def test_the_loss_names_its_idle_options():
    load = partial(losses.load, "softswap_bitonic")
    assert load().idle() == ("smooth",)
    assert load(relaxation="softmax_smooth").idle() == ()
    assert load(p_k=(1.0,), top1_mode="sm").idle() == ("sigma", "relaxation", "alpha", "smooth")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0.0}, "sigma = 0.0 is not a positive number"),
        ({"alpha": -1.0}, "alpha = -1.0 is not a positive number"),
        ({"smooth": 2.0}, r"smooth = 2.0 is not in 0..1"),
        ({"relaxation": "maximum"}, "unknown relaxation 'maximum'; one of softmax, smoothmax, softmax_smooth"),
    ],
)
def test_the_loss_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        losses.load("softswap_bitonic", **options)


def test_a_hard_comparison_and_weights_of_other_axes():
    x = torch.tensor([2.0, 0.0, 1.0])
    assert softswap.sort_by(x, lambda a, b: a > b).tolist() == [0.0, 1.0, 2.0]
    assert softswap.sort_by(x, lambda a, b: (a > b).double()).tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(ValueError, match=r"compare made \[2\] of \[2, 2\]; give a weight with as many axes"):
        softswap.sort_by(torch.zeros(4, 2), lambda a, b: torch.sigmoid(a[:, 0] - b[:, 0]), dim=-2)
