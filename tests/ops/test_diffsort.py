"""The relaxed networks against matrices, numeric gradients and the limits that they promise."""

import pytest
import torch

from tests.plain import network_matrix
from topkbench.ops import diffsort, networks
from topkbench.ops.relaxation import DISTRIBUTIONS


def random_scores(batch: int, m: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(batch, m, dtype=torch.float64, generator=torch.Generator().manual_seed(m))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize(("n", "k"), [(1, 1), (8, 3), (16, 5), (22, 22), (11, 1)])
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


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize(("n", "k"), [(8, 8), (16, 5), (11, 1)])
def test_matrix_and_gradient_are_those_of_the_definition(distribution, n, k):
    weights = torch.randn(n, k, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for network in (networks.bitonic(n), networks.odd_even(n), networks.splitter_selection(n, k)):
        own, plain = (random_scores(6, n, 2.0).requires_grad_() for _ in range(2))
        matrix = diffsort.topk_matrix(own, network, k, distribution, 1.3, 0.3)
        expected = network_matrix(plain, network, distribution, 1.3, 0.3)[..., -k:]
        torch.testing.assert_close(matrix, expected, rtol=0, atol=1e-12)
        (matrix * weights).sum().backward()
        (expected * weights).sum().backward()
        torch.testing.assert_close(own.grad, plain.grad, rtol=0, atol=1e-9)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("n", [10, 16, 50])
def test_float32_keeps_the_gradients_digits(distribution, n):
    """Where F is almost 1, a small difference decides: what is left of 1 − F, over a small probability."""
    scores, label = random_scores(500, n, 10.0).float(), torch.arange(500) % n
    scores[::7, n - 1] = torch.inf
    for network in (networks.bitonic(n), networks.odd_even(n), networks.splitter_selection(n, 5)):
        gradients = []
        for dtype in (torch.float32, torch.float64):
            own = scores.to(dtype, copy=True).requires_grad_()
            ranks = diffsort.label_rank_distribution(own, label, network, 5, distribution, 2.0)
            (ranks.sum(-1) * (1 - 2e-7) + 1e-7).log().sum().backward()
            gradients.append(own.grad.double())
        error = (gradients[0] - gradients[1]).abs().max() / gradients[1].abs().max()
        assert error < 1e-5


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_matrix_is_doubly_stochastic(distribution):
    matrix = diffsort.topk_matrix(random_scores(5, 13), networks.bitonic(13), 13, distribution)
    ones = torch.ones(5, 13, dtype=torch.float64)
    torch.testing.assert_close(matrix.sum(-1), ones)
    torch.testing.assert_close(matrix.sum(-2), ones)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
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


def test_equal_scores_have_a_modest_gradient():
    """difftopk's gradient on equal scores reaches 1458 here (DESIGN §6); one capped slope is at most 125."""
    scores = torch.zeros(1, 16, requires_grad=True)
    label = torch.zeros(1, dtype=torch.long)
    diffsort.label_rank_distribution(scores, label, networks.bitonic(16), 5)[..., 0].log().sum().backward()
    assert scores.grad.isfinite().all()
    assert scores.grad.abs().max() < 200


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_hard_as_the_temperature_falls(distribution):
    scores = torch.tensor([[0.0, 3.0, 1.0, 2.0]], dtype=torch.float64)
    for label, rank in enumerate((4, 1, 3, 2)):
        ranks = diffsort.label_rank_distribution(
            scores, torch.tensor([label]), networks.bitonic(4), 4, distribution, 1e7
        )
        expected = torch.eye(4, dtype=torch.float64)[rank - 1]
        torch.testing.assert_close(ranks[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("change", "message"), [({"k": 0}, "k = 0"), ({"k": 5}, "k = 5"),
     ({"distribution": "normal"}, "unknown distribution 'normal'")])  # fmt: skip
def test_refuses(change, message):
    arguments = {"layers": networks.bitonic(4), "k": 2} | change
    with pytest.raises(ValueError, match=message):
        diffsort.label_rank_distribution(torch.zeros(1, 4), torch.tensor([0]), **arguments)


def test_labels_and_networks_that_do_not_fit():
    with pytest.raises(ValueError, match="target holds 9"):
        diffsort.label_rank_distribution(torch.zeros(1, 4), torch.tensor([9]), networks.bitonic(4), 2)
    with pytest.raises(ValueError, match="is for 8 scores, but there are 4"):
        diffsort.label_rank_distribution(torch.zeros(1, 4), torch.tensor([0]), networks.bitonic(8), 2)
    with pytest.raises(ValueError, match="is for 4 scores, but there are 8"):
        diffsort.label_rank_distribution(torch.zeros(1, 8), torch.tensor([0]), networks.bitonic(4), 2)
    with pytest.raises(ValueError, match=r"need a target \[2\], got \[1\]"):
        diffsort.label_rank_distribution(torch.zeros(2, 4), torch.tensor([0]), networks.bitonic(4), 2)
    with pytest.raises(TypeError, match="floating point"):
        diffsort.topk_matrix(torch.zeros(2, 4, dtype=torch.long), networks.bitonic(4), 2)


def test_infinite_and_half_precision_scores():
    scores = torch.tensor([[torch.inf, 1.0, 2.0, torch.inf], [60000.0, -60000.0, 1.0, 2.0]])
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        ranks = diffsort.label_rank_distribution(scores.to(dtype), torch.tensor([2, 0]), networks.bitonic(4), 4)
        assert ranks.isfinite().all()
        assert ranks[1].argmax() == 0
        assert diffsort.topk_matrix(scores.to(dtype), networks.bitonic(4), 2).isfinite().all()
