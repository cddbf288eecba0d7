"""The relaxed networks against hand-worked values, matrices and the slopes that they promise."""

import math

import pytest
import torch

from topkbench.ops import diffsort, networks

SMOOTH = ("logistic", "logistic_phi", "gaussian", "reciprocal", "cauchy")


def random_scores(batch: int, m: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(batch, m, dtype=torch.float64, generator=torch.Generator().manual_seed(m))


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [  # F(2) with β = 1, λ = ½, by hand
        ("logistic", 1 / (1 + math.exp(-2))),
        ("logistic_phi", 1 / (1 + math.exp(-math.sqrt(2)))),
        ("gaussian", 0.9772498680518208),
        ("cauchy", math.atan(2) / math.pi + 0.5),
        ("reciprocal", 0.75),
        ("optimal", 1 - 1 / 32),
    ],
)
def test_distribution_functions(distribution, expected):
    d = torch.tensor([2.0, -2.0, 0.0], dtype=torch.float64)
    expected_all = torch.tensor([expected, 1 - expected, 0.5], dtype=torch.float64)
    torch.testing.assert_close(diffsort.relax(d, distribution, 1.0, 0.5), expected_all, rtol=0, atol=1e-9)


@pytest.mark.parametrize("distribution", diffsort.DISTRIBUTIONS)
@pytest.mark.parametrize(("n", "k"), [(8, 3), (16, 5), (22, 22), (11, 1)])
def test_label_distribution_is_the_labels_row_of_the_matrix(distribution, n, k):
    for network in (networks.bitonic(n), networks.odd_even(n), networks.splitter_selection(n, k)):
        row_scores, matrix_scores = (random_scores(6, n).requires_grad_() for _ in range(2))
        label = torch.arange(6) % n
        row = diffsort.label_rank_distribution(row_scores, label, network, k, distribution, 2.0)
        matrix = diffsort.topk_matrix(matrix_scores, network, k, distribution, 2.0)
        expected = matrix[torch.arange(6), label].flip(-1)
        torch.testing.assert_close(row, expected, rtol=0, atol=1e-12)
        weights = torch.arange(1.0, k + 1, dtype=torch.float64)
        (row @ weights).sum().backward()
        (expected @ weights).sum().backward()
        torch.testing.assert_close(row_scores.grad, matrix_scores.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("distribution", diffsort.DISTRIBUTIONS)
def test_matrix_is_doubly_stochastic(distribution):
    matrix = diffsort.topk_matrix(random_scores(5, 13), networks.bitonic(13), 13, distribution)
    ones = torch.ones(5, 13, dtype=torch.float64)
    torch.testing.assert_close(matrix.sum(-1), ones)
    torch.testing.assert_close(matrix.sum(-2), ones)


@pytest.mark.parametrize("distribution", diffsort.DISTRIBUTIONS)
def test_gradient(distribution):
    scores = random_scores(3, 6).requires_grad_()
    label = torch.tensor([0, 3, 5])
    assert torch.autograd.gradcheck(
        lambda s: diffsort.label_rank_distribution(s, label, networks.bitonic(6), 4, distribution, 1.5, 0.4),
        scores,
    )


def test_leading_axes():
    scores = random_scores(12, 8).view(3, 4, 8)
    label = torch.arange(12).view(3, 4) % 8
    together = diffsort.label_rank_distribution(scores, label, networks.bitonic(8), 3)
    for head in range(3):
        alone = diffsort.label_rank_distribution(scores[head], label[head], networks.bitonic(8), 3)
        torch.testing.assert_close(together[head], alone)
    assert diffsort.topk_matrix(scores, networks.bitonic(8), 3).shape == (3, 4, 8, 3)


@pytest.mark.parametrize("lam", [0.25, 0.5, 0.9])
def test_logistic_phi_slope_is_capped_at_ties_and_exact_above(lam):
    def slope(d: float) -> float:
        at = torch.tensor(d, dtype=torch.float64, requires_grad=True)
        diffsort.relax(at, "logistic_phi", 3.0, lam).backward()
        return float(at.grad)

    def exact(d: float, step: float = 1e-6) -> float:
        f = [1 / (1 + math.exp(-3.0 * x / (abs(x) + 1e-10) ** lam)) for x in (d - step * d, d + step * d)]
        return (f[1] - f[0]) / (2 * step * d)

    cap = slope(1e-6)
    assert slope(0.0) == slope(1e-9) == slope(-1e-7) == cap
    for d in (1e-6, 1e-4, 0.1, 2.0):
        assert slope(d) == pytest.approx(exact(d), rel=1e-4)


def test_equal_scores_have_a_modest_gradient():
    """difftopk's gradient on equal scores reaches 1458 here (DESIGN §6); one capped slope is at most 125."""
    scores = torch.zeros(1, 16, requires_grad=True)
    label = torch.zeros(1, dtype=torch.long)
    diffsort.label_rank_distribution(scores, label, networks.bitonic(16), 5)[..., 0].log().sum().backward()
    assert scores.grad.isfinite().all()
    assert scores.grad.abs().max() < 200


@pytest.mark.parametrize("distribution", diffsort.DISTRIBUTIONS)
def test_hard_as_the_temperature_falls(distribution):
    scores = torch.tensor([[0.0, 3.0, 1.0, 2.0]], dtype=torch.float64)
    for label, rank in enumerate((4, 1, 3, 2)):
        ranks = diffsort.label_rank_distribution(
            scores, torch.tensor([label]), networks.bitonic(4), 4, distribution, 1e7
        )
        expected = torch.eye(4, dtype=torch.float64)[rank - 1]
        torch.testing.assert_close(ranks[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"k": 0}, "k = 0"), ({"k": 5}, "k = 5"), ({"distribution": "normal"}, "unknown distribution 'normal'"),
     ({"inverse_temperature": 0.0}, "not a positive number"),
     ({"inverse_temperature": float("inf")}, "not a positive number"), ({"art_lambda": 1.0}, "art_lambda = 1.0")],
)  # fmt: skip
def test_refuses(change, message):
    arguments = {"layers": networks.bitonic(4), "k": 2} | change
    with pytest.raises(ValueError, match=message):
        diffsort.label_rank_distribution(torch.zeros(1, 4), torch.tensor([0]), **arguments)


def test_labels_and_networks_that_do_not_fit():
    with pytest.raises(ValueError, match="target holds 9"):
        diffsort.label_rank_distribution(torch.zeros(1, 4), torch.tensor([9]), networks.bitonic(4), 2)
    with pytest.raises(ValueError, match="more wires than the 4 scores"):
        diffsort.label_rank_distribution(torch.zeros(1, 4), torch.tensor([0]), networks.bitonic(8), 2)


def test_infinite_and_half_precision_scores():
    scores = torch.tensor([[torch.inf, 1.0, 2.0, torch.inf], [60000.0, -60000.0, 1.0, 2.0]])
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        ranks = diffsort.label_rank_distribution(scores.to(dtype), torch.tensor([2, 0]), networks.bitonic(4), 4)
        assert ranks.isfinite().all()
        assert ranks[1].argmax() == 0
        assert diffsort.topk_matrix(scores.to(dtype), networks.bitonic(4), 2).isfinite().all()
