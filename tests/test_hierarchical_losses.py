"""Losses that know the classes' distances or tree: the papers' formulas, torch_prototypes' values, the contract."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from topkbench import losses
from topkbench.errors import UsageError
from topkbench.problem import Problem

METHODS = ("soft_labels", "emd", "hierarchical_cross_entropy")
by_method = pytest.mark.parametrize("method", METHODS)

# 10 classes: below the root, 16, are class 9 and nodes 14, 15; below 14 are 10, 11; below 15 are 8, 12, 13.
PARENTS = [10, 10, 11, 11, 11, 12, 12, 13, 15, 16, 14, 14, 15, 15, 16, 16, 16]
CLASSES = 10


def path(node: int) -> list[int]:
    return [node] if PARENTS[node] == node else [node, *path(PARENTS[node])]


def edges_between(a: int, b: int) -> int:
    common = next(node for node in path(a) if node in path(b))
    return path(a).index(common) + path(b).index(common)


DISTANCES = torch.tensor([[float(edges_between(a, b)) for b in range(CLASSES)] for a in range(CLASSES)])
PROBLEM = Problem(distances=DISTANCES, parents=torch.tensor(PARENTS))


def sample(batch: int = 7, scale: float = 2.0, dtype=torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    logits = scale * torch.randn(batch, CLASSES, generator=generator, dtype=torch.float64)
    return logits.to(dtype), torch.randint(CLASSES, (batch,), generator=generator)


def loss_and_gradient(loss, logits, target, problem=PROBLEM):
    logits = logits.detach().clone().requires_grad_()
    values = loss(logits, target, problem)
    values.sum().backward()
    return values.detach(), logits.grad


def plain_soft_labels(logits, target, distances, beta):
    soft = torch.exp(-beta * distances[target].double() / distances.max())
    soft = soft / soft.sum(-1, keepdim=True)
    return (soft * (soft.log() - logits.log_softmax(-1))).sum(-1)


def plain_emd(logits, target, distances, mu):
    """The regulariser alone."""
    return (logits.softmax(-1) ** 2 * (distances[target] - mu)).sum(-1)


def plain_hierarchical_cross_entropy(logits, target, alpha):
    """Bertinetto et al. 2020, §3.1: conditional probabilities out of sums of leaves, one sample after the other."""
    p = logits.softmax(-1)
    below = [[c for c in range(CLASSES) if node in path(c)] for node in range(len(PARENTS))]
    totals = []
    for row, label in zip(p, target.tolist(), strict=True):
        conditional = [row[below[node]].sum() / row[below[PARENTS[node]]].sum() for node in path(label)[:-1]]
        weights = [np.exp(-alpha * (len(path(node)) - 1)) for node in path(label)[:-1]]
        totals.append(-sum(w * c.log() for w, c in zip(weights, conditional, strict=True)))
    return torch.stack(totals)


PLAIN = {
    "soft_labels": (lambda x, y: plain_soft_labels(x, y, DISTANCES, 4.0), {"beta": 4.0}),
    "emd": (
        lambda x, y: cross_entropy(x, y, reduction="none") + 0.3 * plain_emd(x, y, DISTANCES, 0.5),
        {"weight": 0.3, "mu": 0.5},
    ),
    "hierarchical_cross_entropy": (lambda x, y: plain_hierarchical_cross_entropy(x, y, 0.4), {"alpha": 0.4}),
}


@by_method
def test_is_the_papers_formula(method):
    plain, options = PLAIN[method]
    logits, target = sample(20)
    values, gradient = loss_and_gradient(losses.load(method, **options), logits, target)
    logits.requires_grad_()
    expected = plain(logits, target)
    expected.sum().backward()
    torch.testing.assert_close(values, expected.detach(), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradient, logits.grad, rtol=1e-8, atol=1e-12)


def golden() -> list[tuple[dict, dict[str, torch.Tensor]]]:
    with np.load(Path(__file__).parent / "golden" / "prototypes_public.npz") as arrays:
        names = ("z", "y", "D", "emd_g", "soft_labels_g")
        return [
            (meta, {name: torch.from_numpy(arrays[f"{name}{i}"]) for name in names})
            for i, meta in enumerate(json.loads(str(arrays["meta"])))
        ]


@pytest.mark.parametrize(("meta", "case"), golden(), ids=lambda value: "")
def test_agree_with_torch_prototypes(meta, case):
    """Means and their gradients: in float32 to 1e-4, in float64 with the formula to 1e-6."""
    problem, target, batch = Problem(distances=case["D"]), case["y"], len(case["y"])
    for name, loss, exact in (
        ("soft_labels", losses.load("soft_labels", beta=meta["beta"]), plain_soft_labels),
        ("emd", losses.load("emd", weight=1.0, mu=meta["emd_mu"]), plain_emd),
    ):
        option = meta["beta"] if name == "soft_labels" else meta["emd_mu"]
        for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-6)):
            logits = case["z"].to(dtype)
            values, gradient = loss_and_gradient(loss, logits, target, problem)
            if name == "emd":  # theirs is the regulariser alone
                plain, plain_gradient = loss_and_gradient(losses.load("softmax_cross_entropy"), logits, target)
                values, gradient = values - plain, gradient - plain_gradient
            if dtype == torch.float32:
                expected, expected_gradient = torch.tensor(meta[name]), case[f"{name}_g"]
            else:
                own = logits.requires_grad_()
                expected = exact(own, target, case["D"].double(), option).mean()
                (expected_gradient,) = torch.autograd.grad(expected, own)
            assert values.mean().item() == pytest.approx(expected.item(), rel=tolerance)
            atol = tolerance * expected_gradient.abs().max().item()
            torch.testing.assert_close(gradient / batch, expected_gradient, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("method", "options", "tolerance"),
    [
        ("soft_labels", {"beta": 1e4}, 1e-12),
        ("emd", {"weight": 0.0}, 1e-12),
        ("hierarchical_cross_entropy", {"alpha": 0.0}, 1e-12),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_becomes_the_cross_entropy(method, options, tolerance, scale):
    logits, target = sample(30, scale)
    values, gradient = loss_and_gradient(losses.load(method, **options), logits, target)
    expected, expected_gradient = loss_and_gradient(losses.load("softmax_cross_entropy"), logits, target)
    torch.testing.assert_close(values, expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(gradient, expected_gradient, rtol=tolerance, atol=tolerance)


@by_method
def test_a_near_mistake_costs_less_than_a_far_one(method):
    """Class 0 is 2 edges from 1, 4 from 2 and 5 from 8; the label is as likely in all three cases."""
    logits = torch.zeros(3, CLASSES)
    logits[[0, 1, 2], [1, 2, 8]] = 3.0
    near, farther, farthest = losses.load(method)(logits, torch.zeros(3, dtype=torch.long), PROBLEM)
    assert near < farther < farthest


@by_method
def test_gradient(method):
    logits, target = sample(4)
    loss = losses.load(method)
    assert torch.autograd.gradcheck(lambda x: loss(x, target, PROBLEM), logits.requires_grad_())
    assert torch.autograd.gradgradcheck(lambda x: loss(x, target, PROBLEM), logits)


@by_method
def test_class_permutation(method):
    logits, target = sample()
    order = torch.randperm(CLASSES, generator=torch.Generator().manual_seed(1))
    nodes = torch.cat([order, torch.arange(CLASSES, len(PARENTS))])
    parents = torch.tensor(PARENTS)[nodes]  # of classes alone: inner nodes keep their numbers
    permuted = Problem(distances=DISTANCES[order][:, order], parents=parents)
    loss = losses.load(method)
    expected = loss(logits, target, PROBLEM)
    torch.testing.assert_close(loss(logits[:, order], order.argsort()[target], permuted), expected)


@by_method
@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 1e2, 1e4])
def test_finite_and_the_same_in_float32_at_every_scale(method, scale):
    logits, target = sample(32, scale, torch.float32)
    loss = losses.load(method)
    values, gradient = loss_and_gradient(loss, logits, target)
    expected, expected_gradient = loss_and_gradient(loss, logits.double(), target)
    torch.testing.assert_close(values.double(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient.double(), expected_gradient, rtol=1e-3, atol=1e-5)


@by_method
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_and_distances_of_any_type(method, dtype):
    logits, target = sample(16, dtype=dtype)
    loss = losses.load(method)
    values, gradient = loss_and_gradient(loss, logits, target)
    assert values.dtype == torch.float32
    assert gradient.dtype == dtype
    expected = loss(logits.float(), target, PROBLEM)
    torch.testing.assert_close(values, expected)
    compact = Problem(distances=DISTANCES.to(torch.uint8), parents=torch.tensor(PARENTS, dtype=torch.int32))
    torch.testing.assert_close(loss(logits, target.int(), compact), expected)


@by_method
def test_stacked_heads_and_no_samples(method):
    logits, target = sample(12)
    loss = losses.load(method)
    together = loss(logits.view(3, 4, -1), target.view(3, 4), PROBLEM)
    torch.testing.assert_close(together.flatten(), loss(logits, target, PROBLEM))
    assert loss(logits[:0], target[:0], PROBLEM).shape == (0,)


@by_method
def test_infinities_stay_finite_and_nan_stays_in_its_row(method):
    logits, target = sample(6, dtype=torch.float32)
    other = (target + 1) % CLASSES
    logits[0] = 0.0
    logits[1, other[1]] = -torch.inf
    logits[2, other[2]] = torch.inf
    logits[3, target[3]] = -torch.inf
    logits[4, target[4]] = logits[4, other[4]] = torch.inf
    values, gradient = loss_and_gradient(losses.load(method), logits, target)
    assert values.isfinite().all()
    assert gradient.isfinite().all()
    logits[5, other[5]] = torch.nan
    assert losses.load(method)(logits, target, PROBLEM).isnan().tolist() == [False] * 5 + [True]


@by_method
def test_serves_after_inference_mode(method):
    logits, target = sample(4)
    problem = Problem(distances=DISTANCES.clone(), parents=torch.tensor(PARENTS))
    with torch.inference_mode():
        losses.load(method)(logits, target, problem)
    assert loss_and_gradient(losses.load(method), logits, target, problem)[1].isfinite().all()


@pytest.mark.parametrize("beta", [1e38, 1e300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_soft_labels_as_hard_as_can_be_are_the_cross_entropy(beta, dtype):
    logits, target = sample(8, dtype=dtype)
    values, gradient = loss_and_gradient(losses.load("soft_labels", beta=beta), logits, target)
    expected, expected_gradient = loss_and_gradient(losses.load("softmax_cross_entropy"), logits, target)
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close(gradient, expected_gradient)


def test_classes_without_distances_between_them_are_one_label():
    """All distances 0: the label is uniform."""
    logits, target = sample(3)
    values = losses.load("soft_labels")(logits, target, Problem(distances=torch.zeros(CLASSES, CLASSES)))
    torch.testing.assert_close(values, -logits.log_softmax(-1).mean(-1) - np.log(CLASSES))


@by_method
def test_says_what_is_missing_or_does_not_fit(method):
    logits, target = sample()
    field = losses.find(method).needs[0]
    with pytest.raises(ValueError, match=f"the problem has no {field}, which this loss needs; give Problem"):
        losses.load(method)(logits, target)
    wrong = Problem(distances=torch.zeros(3, 3), parents=torch.tensor([3, 3, 3, 3]))
    with pytest.raises(ValueError, match=f"{CLASSES} (classes|scores)"):
        losses.load(method)(logits, target, wrong)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("soft_labels", {"beta": 0.0}, "beta = 0.0 is not a positive number"),
        ("emd", {"weight": -1.0}, "weight = -1.0 is not a finite number of at least 0"),
        ("emd", {"mu": float("nan")}, "mu = nan is not a finite number"),
        ("hierarchical_cross_entropy", {"alpha": -0.1}, "alpha = -0.1 is not a finite number of at least 0"),
        ("hxe", {"alpha": float("inf")}, "alpha = inf"),
    ],
)
def test_refuses_options(method, options, message):
    with pytest.raises(UsageError, match=message):
        losses.load(method, **options)


def test_the_offset_without_its_regulariser_is_idle():
    assert losses.load("emd", weight=0.0).idle() == ("mu",)
    assert losses.load("emd").idle() == ()


def test_a_guide_of_some_classes_is_the_distortion_of_those_drawn():
    """And of all of them, where as many are drawn; heads of a stack are compared by the same classes."""
    generator = torch.Generator().manual_seed(0)
    points_HCE = torch.randn(2, 9, 3, generator=generator)
    distances_CC = torch.randint(1, 9, (9, 9), generator=generator).triu(1)
    problem = Problem(distances=distances_CC + distances_CC.T, prototypes=points_HCE)
    some = losses.load("metric_guided_prototypes", guide_weight=2.0, guide_classes=4)
    found_H = some.regulariser(replace(problem, generator=torch.Generator().manual_seed(7)))
    drawn = torch.randperm(9, generator=torch.Generator().manual_seed(7))[:4].tolist()
    for found, points_CE in zip(found_H, points_HCE, strict=True):
        ratios = torch.stack(
            [
                (points_CE[i] - points_CE[j]).norm() / problem.distances[i, j]
                for i in drawn for j in drawn if i != j
            ]
        )  # fmt: skip
        scale = ratios.sum() / ratios.square().sum()
        torch.testing.assert_close(found, 2 * (scale * ratios - 1).square().mean())
    whole = losses.load("metric_guided_prototypes", guide_weight=2.0)
    torch.testing.assert_close(replace(some, guide_classes=9).regulariser(problem), whole.regulariser(problem))
    assert "guide_classes" in whole.idle()
    assert "guide_classes" in replace(some, guide="rank").idle()
    assert "guide_classes" not in some.idle()
    with pytest.raises(UsageError, match="guide_classes = 1: a distance takes 2 classes"):
        losses.load("metric_guided_prototypes", guide_classes=1)
