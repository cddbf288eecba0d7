"""The top-k SVMs against their definition, brute recursion's values and the losses that they turn into."""

from math import comb, log

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from tests import plain
from tests.golden import NO_GRADIENT, smooth_topk_cases
from topkbench import losses, smooth_topk
from topkbench.errors import UsageError


def draw(batch: int, classes: int, scale: float = 1.0, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(classes, (batch,), generator=generator)


def mean_gradient(loss, logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    logits = logits.detach().clone().requires_grad_()
    values = loss(logits, target)
    values.mean().backward()
    return values.detach(), logits.grad


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("case", "meta", "x", "y", "g"), smooth_topk_cases())
def test_agrees_with_brute_recursion(case, meta, x, y, g, dtype):
    loss = losses.load(meta["method"], k=meta["k"], tau=meta["tau"])
    values, gradient = mean_gradient(loss, torch.from_numpy(x).to(dtype), torch.from_numpy(y))
    torch.testing.assert_close(values.double(), torch.from_numpy(meta["loss"]), rtol=1e-5, atol=1e-6)
    assert gradient.isfinite().all()
    if case != NO_GRADIENT and (dtype == torch.float64 or meta["scale"] / meta["tau"] <= 1e3):
        within = 1e-5 if dtype == torch.float64 else 1e-4
        expected = torch.from_numpy(g)
        torch.testing.assert_close(gradient.double(), expected, rtol=0, atol=float(within * expected.abs().max()))


def test_the_case_whose_gradient_is_not_given():
    _, meta, x, y, _ = smooth_topk_cases()[NO_GRADIENT]
    k = meta["k"]
    assert (meta["method"], k, meta["n"]) == ("smooth_topk", meta["n"] - 1, 8)

    def closed(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        is_label = one_hot(target, logits.shape[-1]).bool()
        scaled = logits / (k * meta["tau"])
        log_ratio = -(-scaled[~is_label].view(len(target), -1)).logsumexp(-1)
        return meta["tau"] * torch.nn.functional.softplus(1 / meta["tau"] + log_ratio - scaled[is_label])

    logits, target = torch.from_numpy(x).double(), torch.from_numpy(y)
    _, expected = mean_gradient(closed, logits, target)
    _, gradient = mean_gradient(losses.load("smooth_topk", k=k, tau=meta["tau"]), logits, target)
    largest = expected.abs().amax(-1, keepdim=True)
    torch.testing.assert_close(gradient / largest, expected / largest, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", plain.SVMS)
@pytest.mark.parametrize(("k", "tau", "alpha", "scale"), [(1, 1.0, 1.0, 3.0), (5, 0.1, 1.0, 3.0), (3, 0.02, 0.0, 20.0)])
def test_agrees_with_the_definition(method, k, tau, alpha, scale):
    logits, target = draw(40, 30, scale)
    options = {"k": k, "alpha": alpha} | ({} if method == "max_topk_svm" else {"tau": tau})
    values, gradient = mean_gradient(losses.load(method, **options), logits, target)
    expected, expected_gradient = mean_gradient(plain.top_k_svm(method, k, tau, alpha), logits, target)
    torch.testing.assert_close(values, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.5])
def test_with_k_1_and_tau_1_it_is_the_cross_entropy_of_augmented_scores(alpha):
    logits, target = draw(20, 12, 3.0)
    augmented = logits + alpha * (1 - one_hot(target, 12))
    loss = losses.load("smooth_topk", k=1, tau=1.0, alpha=alpha)
    torch.testing.assert_close(loss(logits, target), cross_entropy(augmented, target, reduction="none"))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_tends_to_the_hard_loss_as_tau_falls(k):
    """Each of its sums is at most as many times its largest term as there are sets of classes; then log(1 + e^x)."""
    logits, target = draw(50, 20, 2.0)
    hard = losses.load("max_topk_svm", k=k)(logits, target)
    for tau in (0.1, 1e-2, 1e-3, 1e-5):
        excess = losses.load("smooth_topk", k=k, tau=tau)(logits, target) - hard
        assert excess.abs().max() <= tau * log(2 * comb(20, k))


@pytest.mark.parametrize("method", ["smooth_topk", "smooth_hard_topk"])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("tau", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize(("classes", "k"), [(100, 1), (1000, 5), (100, 50), (10_450, 5)])
def test_finite_at_every_scale(method, scale, tau, classes, k):
    logits, target = draw(3, classes, scale)
    values, gradient = mean_gradient(losses.load(method, k=k, tau=tau), logits.float(), target)
    assert values.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("method", plain.SVMS)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_infinite_scores_of_other_classes_and_the_order_of_classes(method, k):
    """−∞ is as good as −1e12, wherever the class stands."""
    scores = torch.tensor([1.0, -torch.inf, 2.0, 3.0, -torch.inf], dtype=torch.float64)
    loss = losses.load(method, k=k)
    expected = loss(scores.clamp(min=-1e12).unsqueeze(0), torch.tensor([0]))
    for shift in range(5):
        value = loss(scores.roll(shift).unsqueeze(0), torch.tensor([shift]))
        torch.testing.assert_close(value, expected)


@pytest.mark.long
def test_finite_at_the_largest_size():
    logits, target = draw(4, 10_450, 1e4)
    values, gradient = mean_gradient(losses.load("smooth_topk", k=50, tau=1e-3), logits.float(), target)
    assert values.isfinite().all()
    assert gradient.isfinite().all()


def test_the_switch_leaves_the_doubtful_samples_smooth():
    """k 1, τ .1: hard from a gap of .1 · log 1000 = .69 on."""
    logits = torch.tensor([[1.0, 0.30, 0.0], [1.0, 0.32, 0.0]], dtype=torch.float64)
    target = torch.tensor([0, 0])
    values = losses.load("smooth_hard_topk", k=1, tau=0.1)(logits, target)
    assert values[0] == pytest.approx(1 + 0.30 - 1)
    assert values[1] == losses.load("smooth_topk", k=1, tau=0.1)(logits, target)[1]


def test_the_authors_names():
    assert losses.canonical("smooth_topk_svm") == losses.canonical("smooth_top1_svm") == "smooth_hard_topk"
    assert losses.canonical("max_top1_svm") == "max_topk_svm"
    assert (losses.load("smooth_topk_svm").k, losses.load("smooth_top1_svm").k, losses.load("max_top1_svm").k) == (
        5,
        1,
        1,
    )
    with pytest.raises(
        UsageError, match="smooth_top1_svm is smooth_hard_topk with k = 1; for k = 5 give smooth_hard_topk"
    ):
        losses.load("smooth_top1_svm", k=5)


@pytest.mark.parametrize(
    ("module", "method", "k"),
    [
        (smooth_topk.MaxTop1SVM(12, alpha=0.5), "max_topk_svm", 1),
        (smooth_topk.MaxTopkSVM(12, alpha=0.5), "max_topk_svm", 5),
        (smooth_topk.SmoothTop1SVM(12, alpha=0.5, tau=0.3), "smooth_hard_topk", 1),
        (smooth_topk.SmoothTopkSVM(12, 0.5, 0.3, 3), "smooth_hard_topk", 3),
    ],
)
def test_the_authors_classes(module, method, k):
    logits, target = draw(30, 12, 3.0)
    expected, expected_gradient = mean_gradient(plain.top_k_svm(method, k, 0.3, 0.5), logits, target)
    value, gradient = mean_gradient(module, logits, target)
    torch.testing.assert_close(value, expected.mean())
    torch.testing.assert_close(gradient, expected_gradient)


def test_the_temperature_of_the_authors_classes_can_be_set_anew():
    logits, target = draw(30, 12, 3.0)
    module = smooth_topk.SmoothTopkSVM(12, tau=5.0, k=3)
    assert (module.alpha, module.k, module.n_classes, module.tau) == (1.0, 3, 12, 5.0)
    module.tau = 0.1
    assert module.tau == 0.1
    torch.testing.assert_close(module(logits, target), smooth_topk.SmoothTopkSVM(12, tau=0.1, k=3)(logits, target))
    with pytest.raises(ValueError, match=r"tau = -1\.0"):
        module.tau = -1.0
    assert module.tau == 0.1
    with pytest.raises(ValueError, match="n_classes = 0"):
        smooth_topk.MaxTop1SVM(0)
    with pytest.raises(ValueError, match=r"the scores are \[2, 3\]; give \[batch, 12\]"):
        module(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))


def test_k_and_alpha_are_what_is_computed_with():
    module = smooth_topk.SmoothTopkSVM(12, alpha=0.5, k=np.int64(3))
    assert (module.k, module.alpha) == (3, 0.5)
    for name in ("k", "alpha"):
        with pytest.raises(AttributeError):
            setattr(module, name, 1)
    with pytest.raises(TypeError, match="integer"):
        smooth_topk.MaxTopkSVM(12, k=2.5)


def test_one_class_is_too_few():
    with pytest.raises(ValueError, match="k = 1 needs more classes than the 1 there are; give two or more"):
        smooth_topk.MaxTop1SVM(1)(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k = 0: it must be at least 1"),
        ({"alpha": -1.0}, "alpha = -1.0 is not a finite number of at least 0"),
        ({"tau": 0.0}, "tau = 0.0 is not a positive number"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UsageError, match=message):
        losses.load("smooth_topk", **options)


def test_more_than_k_classes_are_needed():
    with pytest.raises(ValueError, match="k = 5 needs more classes than the 5 there are; give k = 4 or fewer"):
        losses.load("smooth_topk")(torch.zeros(2, 5), torch.zeros(2, dtype=torch.long))
