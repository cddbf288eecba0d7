"""difftopk's classes: its values, its shapes, its orders."""

import numpy as np
import pytest
import torch

from tests.golden import LOST_DIGITS, NO_GRADIENT, difftopk_cases, smooth_topk_cases
from topkbench import difftopk


@pytest.mark.parametrize(("case", "meta", "x", "y", "g"), difftopk_cases())
def test_loss_is_the_mean_and_agrees(case, meta, x, y, g):
    arguments = [meta[key] for key in ("method", "inverse_temperature", "p_k", "n", "m", "distribution", "art_lambda")]
    loss_fn = difftopk.TopKCrossEntropyLoss(*arguments, top1_mode=meta["top1_mode"])
    outputs = torch.from_numpy(x).requires_grad_()
    loss = loss_fn(outputs, torch.from_numpy(y))
    assert loss.shape == ()
    assert loss.item() == pytest.approx(LOST_DIGITS.get(case, meta["loss"]), rel=1e-5)
    loss.backward()
    if case not in LOST_DIGITS:
        expected = torch.from_numpy(g)
        torch.testing.assert_close(outputs.grad, expected, rtol=0, atol=float(1e-4 * expected.abs().max()))


@pytest.mark.parametrize(("case", "meta", "x", "y", "g"), smooth_topk_cases())
def test_smooth_loss_is_the_mean_and_agrees(case, meta, x, y, g):
    build = {"smooth_topk": difftopk.SmoothTopKLoss, "smooth_hard_topk": difftopk.SmoothHardTopKLoss}[meta["method"]]
    outputs = torch.from_numpy(x).double().requires_grad_()
    loss = build(meta["n"], meta["k"], meta["tau"])(outputs, torch.from_numpy(y))
    assert loss.item() == pytest.approx(meta["loss"].mean(), rel=1e-5, abs=1e-6)
    loss.backward()
    if case != NO_GRADIENT:
        torch.testing.assert_close(outputs.grad, torch.from_numpy(g), rtol=0, atol=float(1e-5 * np.abs(g).max()))


@pytest.mark.parametrize("kind", ["bitonic", "odd_even", "splitter_selection"])
def test_a_networks_matrix_by_hand(kind):
    """Two scores, one comparator: α = arctan(10 (1 − 0)) / π + ½ by difftopk's own defaults."""
    nothing, matrix = difftopk.DiffTopkNet(kind, 2, 1)(torch.tensor([[0.0, 1.0]]))
    alpha = np.arctan(10) / np.pi + 0.5
    assert nothing is None
    torch.testing.assert_close(matrix, torch.tensor([[[1 - alpha], [alpha]]], dtype=torch.float32))


def test_shapes_and_orders():
    scores = torch.tensor([[0.0, 2.0, 1.0]])
    assert difftopk.DiffTopkNet("bitonic", 3, 2, steepness=1e6)(scores)[1].shape == (1, 3, 2)
    by_element = difftopk.NeuralSort(tau=1e-3)(scores)  # the last column is rank 1
    torch.testing.assert_close(by_element[0].argmax(-1), torch.tensor([0, 2, 1]))
    by_rank = difftopk.SoftSort(tau=1e-3)(scores)  # the first row is rank 1
    torch.testing.assert_close(by_rank[0].argmax(-1), torch.tensor([1, 2, 0]))


def test_the_power_of_softsort_by_hand():
    """Distances 0 and 2 at rank 1: softmax(0, −2²)."""
    matrix = difftopk.SoftSort(pow=2.0)(torch.tensor([[2.0, 0.0]]))
    expected = 1 / (1 + np.exp(-4.0))
    torch.testing.assert_close(matrix[0, 0], torch.tensor([expected, 1 - expected], dtype=torch.float32))


@pytest.mark.parametrize("build", [difftopk.NeuralSort, difftopk.SoftSort])
def test_hard_matrices_hold_ones_and_the_relaxed_gradient(build):
    weights = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    gradients = []
    for hard in (False, True):
        scores = torch.tensor([[0.3, -1.0, 2.0, 0.1, 1.4]], requires_grad=True)
        matrix = build(tau=0.5, hard=hard)(scores)
        (matrix * weights).sum().backward()
        gradients.append(scores.grad)
    assert torch.equal(matrix.detach().round(decimals=6).sum(-1), torch.ones(1, 5))
    assert set(matrix.detach().round(decimals=6).unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(*gradients)


def test_the_old_name_of_the_distribution_still_works():
    with pytest.warns(DeprecationWarning, match="interpolation_type"):
        old = difftopk.DiffTopkNet("bitonic", 4, 2, interpolation_type="logistic")
    new = difftopk.DiffTopkNet("bitonic", 4, 2, distribution="logistic")
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(old(scores)[1], new(scores)[1])
    with pytest.warns(DeprecationWarning), pytest.raises(ValueError, match="interpolation_type = 'gaussian'"):
        difftopk.DiffTopkNet("bitonic", 4, 2, interpolation_type="gaussian", distribution="logistic")


def test_what_difftopk_takes_and_shows():
    weights = np.array([1, 1, 1], np.float32) / 3 * 1.00005
    loss = difftopk.TopKCrossEntropyLoss("bitonic", 1, weights, 10, np.int64(5), distribution="logistic")
    assert (loss.k, loss.n, loss.m, loss.device, loss.top1_mode) == (3, 10, 5, "cpu", "sm")
    assert sum(loss.p_k) == pytest.approx(1)
    with pytest.warns(DeprecationWarning):
        net = difftopk.DiffTopkNet("bitonic", 4, 2, interpolation_type="logistic", distribution=None)
    net.steepness = 1e6  # annealing
    assert set(net(torch.tensor([[0.0, 3.0, 1.0, 2.0]]))[1].round(decimals=4).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: difftopk.TopKCrossEntropyLoss("bitonic", 1.0, [1.0], 10), "needs a distribution"),
        (lambda: difftopk.TopKCrossEntropyLoss("bitonc", 1.0, [1.0], 10), "unknown method 'bitonc'"),
        (lambda: difftopk.TopKCrossEntropyLoss("softmax_cross_entropy", 1.0, [1.0], 10), "unknown method 'softmax"),
        (lambda: difftopk.NeuralSort(tau=0.0), "tau = 0.0"),
        (lambda: difftopk.TopKCrossEntropyLoss("softsort", 1.0, [0.5], 10), "sums to 0.5"),
        (lambda: difftopk.TopKCrossEntropyLoss("softsort", 1.0, [1.0], 10, 11), "m = 11 exceeds the n = 10"),
        (lambda: difftopk.TopKCrossEntropyLoss("softsort", 1.0, [1.0], 10)(torch.zeros(2, 9), torch.zeros(2)), "10"),
        (lambda: difftopk.DiffTopkNet("bubble", 4, 2), "unknown sorting network 'bubble'"),
        (lambda: difftopk.DiffTopkNet("bitonic", 4, 5), "k = 5"),
        (lambda: difftopk.DiffTopkNet("bitonic", 4, 2, device="cuda")(torch.zeros(1, 4)), "device = 'cuda'"),
        (lambda: difftopk.SmoothTopKLoss(5, 0), "k = 0"),
        (lambda: difftopk.SmoothTopKLoss(5, 2, tau=0), "tau = 0"),
        (lambda: difftopk.SmoothHardTopKLoss(5, 2)(torch.zeros(3, 4), torch.zeros(3).long()), "give \\[batch, 5\\]"),
        (lambda: difftopk.SoftSort(pow=0.5)(torch.zeros(1, 4)), "power = 0.5"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
