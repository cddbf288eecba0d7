"""NeuralSort, SoftSort and optimal transport: matrices against their papers' formulas, label rows against matrices."""

import pytest
import torch

from tests.plain import neuralsort_matrix, softsort_matrix, transport_matrix
from topkbench.ops import neuralsort, sinkhorn_sort, softsort

OPERATORS = [neuralsort, softsort, sinkhorn_sort]
by_operator = pytest.mark.parametrize("operator", OPERATORS, ids=lambda module: module.__name__.rpartition(".")[2])


def random_scores(batch: int, m: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(batch, m, dtype=torch.float64, generator=torch.Generator().manual_seed(m))


@pytest.mark.parametrize("temperature", [0.1, 1.0, 20.0])
@pytest.mark.parametrize(
    ("operator", "by_the_paper"),
    [(neuralsort, neuralsort_matrix), (softsort, softsort_matrix), (sinkhorn_sort, transport_matrix)],
)
def test_matrix_is_the_papers(operator, by_the_paper, temperature):
    scores = random_scores(4, 7)
    expected = by_the_paper(scores, temperature)
    torch.testing.assert_close(operator.permutation(scores, temperature), expected, rtol=0, atol=1e-9)


def test_equal_scores_pull_at_neuralsort_as_in_the_paper():
    """The slope of |0| is 0, whatever the order in which equal scores come: bfloat16 has many."""
    for values in ([0.0, 0.0, 0.0], [1.0, 2.0, 2.0, 0.5, 1.0], [3.0, 3.0]):
        own, plain = (torch.tensor([values], dtype=torch.float64, requires_grad=True) for _ in range(2))
        neuralsort.permutation(own, 0.7)[..., 0, :].log().sum().backward()
        neuralsort_matrix(plain, 0.7)[..., 0, :].log().sum().backward()
        torch.testing.assert_close(own.grad, plain.grad, rtol=0, atol=1e-12)


@by_operator
@pytest.mark.parametrize("digits", [15, 0])  # without decimals there are ties
@pytest.mark.parametrize(("n", "k"), [(1, 1), (8, 3), (16, 16), (11, 1), (300, 5)])
def test_label_distribution_is_the_labels_row_of_the_matrix(operator, n, k, digits):
    row_scores, matrix_scores = (random_scores(6, n).round(decimals=digits).requires_grad_() for _ in range(2))
    label = torch.arange(6) % n
    row = operator.label_rank_distribution(row_scores, label, k, 0.7)
    expected = operator.permutation(matrix_scores, 0.7)[torch.arange(6), label].flip(-1)[:, :k]
    torch.testing.assert_close(row, expected, rtol=0, atol=1e-12)
    weights = torch.arange(1.0, k + 1, dtype=torch.float64)
    (row @ weights).sum().backward()
    (expected @ weights).sum().backward()
    torch.testing.assert_close(row_scores.grad, matrix_scores.grad, rtol=0, atol=1e-12)


@by_operator
def test_gradient(operator):
    label = torch.tensor([0, 3, 5])
    for temperature in (0.2, 1.0, 5.0):
        scores = random_scores(3, 6).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda s, t=temperature: operator.label_rank_distribution(s, label, 4, t), scores
        )


@by_operator
def test_a_rank_is_somebodys(operator):
    matrix = operator.permutation(random_scores(5, 13), 0.5)
    torch.testing.assert_close(matrix.sum(-2), torch.ones(5, 13, dtype=torch.float64), rtol=0, atol=1e-9)


def test_the_transport_plan_is_doubly_stochastic():
    matrix = sinkhorn_sort.permutation(random_scores(5, 13), 0.5)
    torch.testing.assert_close(matrix.sum(-1), torch.ones(5, 13, dtype=torch.float64), rtol=0, atol=1e-9)


def hard_cases(kind: str, m: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(m)
    normal = torch.randn(8, m, generator=generator, dtype=torch.float64)
    return {
        "normal": normal,
        "heavy tails": normal / normal.flip(0),
        "clusters": torch.randint(3, (8, m), generator=generator) + 1e-3 * normal,
        "equal": torch.zeros(8, m, dtype=torch.float64),
        "magnitudes": torch.exp(3 * normal),
        "evenly spaced": torch.arange(float(m), dtype=torch.float64).expand(8, m),
    }[kind]


@pytest.mark.parametrize("m", [2, 3, 16, 50])
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "clusters", "equal", "magnitudes", "evenly spaced"])
def test_the_transport_converges_to_its_tolerance_at_every_scale(kind, m):
    for scale in (1e-4, 0.1, 1.0, 30.0, 1e3, 1e6, 1e18):
        for epsilon in (1e-6, 1e-3, 0.1, 1.0, 20.0):
            matrix = sinkhorn_sort.permutation(scale * hard_cases(kind, m), epsilon)
            for axis in (-1, -2):
                assert (matrix.sum(axis) - 1).abs().max() < sinkhorn_sort.TOLERANCE, (scale, epsilon)


@by_operator
def test_hard_as_the_temperature_falls(operator):
    scores = torch.tensor([[0.0, 3.0, 1.0, 2.0]], dtype=torch.float64)
    for label, rank in enumerate((4, 1, 3, 2)):
        ranks = operator.label_rank_distribution(scores, torch.tensor([label]), 4, 1e-7)
        torch.testing.assert_close(ranks[0], torch.eye(4, dtype=torch.float64)[rank - 1], rtol=0, atol=1e-5)


@by_operator
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e2, 1e4])
def test_float32_agrees_with_float64_at_every_scale(operator, scale):
    """Where the papers' formulas subtract large numbers, the gradient in float32 would be off by percents."""
    scores, label = random_scores(32, 16, scale), torch.arange(32) % 16
    gradients = []
    for dtype in (torch.float64, torch.float32):
        own = scores.float().to(dtype).requires_grad_()
        operator.label_rank_distribution(own, label, 5, 2.0).sum(-1).add(1e-7).log().sum().backward()
        gradients.append(own.grad.double())
    assert (gradients[1] - gradients[0]).abs().max() <= 1e-5 * gradients[0].abs().max() + 1e-12


@by_operator
def test_leading_axes(operator):
    scores, label = random_scores(12, 8).view(3, 4, 8), torch.arange(12).view(3, 4) % 8
    together = operator.label_rank_distribution(scores, label, 3)
    assert operator.permutation(scores).shape == (3, 4, 8, 8)
    for head in range(3):
        torch.testing.assert_close(together[head], operator.label_rank_distribution(scores[head], label[head], 3))


@by_operator
def test_infinite_and_half_precision_scores(operator):
    scores = torch.tensor([[torch.inf, 1.0, 2.0, torch.inf], [60000.0, -60000.0, 1.0, 2.0]])
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        ranks = operator.label_rank_distribution(scores.to(dtype), torch.tensor([2, 0]), 4)
        assert ranks.isfinite().all()
        assert ranks.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert ranks[1].argmax() == 0
        assert operator.permutation(scores.to(dtype)).isfinite().all()


@by_operator
@pytest.mark.parametrize(
    ("label", "k", "temperature", "message"),
    [(0, 0, 1.0, "k = 0"), (0, 5, 1.0, "k = 5"), (9, 2, 1.0, "target holds 9"), (0, 2, 0.0, "not a positive number")],
)
def test_refuses(operator, label, k, temperature, message):
    with pytest.raises(ValueError, match=message):
        operator.label_rank_distribution(torch.zeros(1, 4), torch.tensor([label]), k, temperature)
