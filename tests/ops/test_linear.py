"""The linear map against torch's own, whatever the gradient holds."""

from unittest.mock import Mock

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from topkbench.ops import linear as linear_map
from topkbench.ops.linear import linear


def gradients(function, x, weight, bias, gradient):
    leaves = [each.clone().requires_grad_() for each in (x, weight, bias)]
    out = function(*leaves)
    return [out.detach(), *torch.autograd.grad(out, leaves, gradient)]


@settings(deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 200),
    st.sampled_from([1, 255, 256, 300]),
    st.sampled_from([0.0, 0.005, 0.02, 0.2, 1.0]),
    st.booleans(),
    st.integers(0, 2**31),
)
@example(rows=20, classes=200, dim=256, share=0.0, empty_row=False, seed=0)
@example(rows=20, classes=200, dim=256, share=0.01, empty_row=True, seed=0)
def test_values_and_gradients_are_torchs(rows, classes, dim, share, empty_row, seed):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    gradient = draw(rows, classes) * (torch.rand(rows, classes, generator=generator) < share)
    if empty_row:
        gradient[0] = 0
    given_ = draw(rows, dim), draw(classes, dim), draw(classes), gradient
    for found, expected in zip(gradients(linear, *given_), gradients(torch.nn.functional.linear, *given_), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_short_lists_gradient_takes_no_product_and_a_softmaxs_no_sums(monkeypatch):
    sums = Mock(wraps=linear_map.embedding_bag)
    monkeypatch.setattr(linear_map, "embedding_bag", sums)
    x, weight, bias = torch.randn(10, 256), torch.randn(700, 256, requires_grad=True), torch.zeros(700)
    linear(x, weight, bias).logsumexp(-1).sum().backward()
    assert sums.call_count == 0
    linear(x, weight, bias).topk(16).values.sum().backward()
    (rows, *_) = sums.call_args.args
    assert len(rows) == 160


def test_the_products_under_autocast_are_bfloat16s():
    x, weight = torch.randn(4, 256), torch.randn(100, 256, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        scores = linear(x, weight, torch.zeros(100))
    assert scores.dtype == torch.bfloat16
    scores.sum().backward()
    assert weight.grad.dtype == torch.float32


def test_what_needs_no_gradient_gets_none(monkeypatch):
    products = Mock(wraps=linear_map._weight_gradient)
    monkeypatch.setattr(linear_map, "_weight_gradient", products)
    x, weight, bias = (each.requires_grad_() for each in (torch.randn(4, 3), torch.randn(5, 3), torch.randn(5)))
    for leaf in (x, weight, bias):
        given_ = [each if each is leaf else each.detach() for each in (x, weight, bias)]
        linear(*given_).sum().backward()
    assert all(leaf.grad is not None for leaf in (x, weight, bias))
    assert products.call_count == 1


@pytest.mark.parametrize("shape", [(3,), (2, 4, 3)])
def test_other_axes_are_refused(shape):
    with pytest.raises(ValueError, match=r"is no \[B, D\]"):
        linear(torch.randn(shape), torch.randn(5, 3), torch.zeros(5))


def test_a_second_derivative_is_refused():
    weight = torch.randn(3, 2, requires_grad=True)
    scores = linear(torch.randn(1, 2), weight, torch.zeros(3))
    with pytest.raises(NotImplementedError, match="no second derivative"):
        torch.autograd.grad(scores.square().sum(), weight, create_graph=True)
