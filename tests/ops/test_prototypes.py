"""Prototypes: against differences in float64, the papers' formulas and torch_prototypes' values."""

import json
import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity, cross_entropy

from topkbench.bench.cost import peak_bytes
from topkbench.ops import prototypes

KINDS = [("euclidean", None), ("squared", None), ("euclidean", 0.5), ("cosine", None)]
NAMES = ["euclidean", "squared", "huber", "cosine"]  # torch_prototypes' huber has δ = ½
by_kind = pytest.mark.parametrize(("distance", "delta"), KINDS, ids=NAMES)


def golden() -> list[dict]:
    """torch_prototypes in float32: x embeddings, P prototypes, y labels, D distances; means; gradients end on _g."""
    with np.load(Path(__file__).parents[1] / "golden" / "prototypes_public.npz") as arrays:
        metas = json.loads(str(arrays["meta"]))
        cases = [dict(meta) for meta in metas]
        for name in arrays.files:
            stem = name.rstrip("0123456789")
            if stem != name:
                key = "hyperspherical_logits" if stem == "hyperspherical" else stem  # a mean has this name already
                cases[int(name[len(stem) :])][key] = torch.from_numpy(arrays[name])
    return cases


GOLDEN = golden()
by_case = pytest.mark.parametrize("case", GOLDEN, ids=range(len(GOLDEN)))


def plain_distances(x: torch.Tensor, p: torch.Tensor, distance: str, delta: float | None = None) -> torch.Tensor:
    """By B × C × E differences."""
    if distance == "cosine":
        return 1 - cosine_similarity(x.unsqueeze(-2), p.unsqueeze(-3), dim=-1)
    squares = (x.unsqueeze(-2) - p.unsqueeze(-3)).square().sum(-1)
    if distance == "squared":
        return squares
    return squares.sqrt() if delta is None else delta * ((1 + squares / delta**2).sqrt() - 1)


def plain_distortion(p: torch.Tensor, distances: torch.Tensor, distance: str, scale_free: bool) -> torch.Tensor:
    """Pair by pair; the scale by its normal equation."""
    pairs = list(permutations(range(len(p)), 2))
    own = torch.stack([plain_distances(p[i][None], p[j][None], distance).squeeze() for i, j in pairs])
    classes = torch.stack([distances[i, j] for i, j in pairs])
    scale = (own / classes).sum() / (own / classes).square().sum() if scale_free else 1
    return ((scale * own - classes) / classes).square().mean()


def random_points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def random_distances(classes: int) -> torch.Tensor:
    raw = torch.randint(1, 9, (classes, classes), generator=torch.Generator().manual_seed(classes)).double()
    return (raw + raw.T).fill_diagonal_(0)


def value_and_gradient(function, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.detach().clone().requires_grad_()
    value = function(x)
    value.backward()
    return value.detach(), x.grad


def assert_agrees(function, x: torch.Tensor, value: float, gradient: torch.Tensor, exact) -> None:
    """In float32 with the golden values to 1e-4, in float64 with the plain form to 1e-6, of the largest entry."""
    ours, our_gradient = value_and_gradient(function, x)
    assert ours.item() == pytest.approx(value, rel=1e-4)
    torch.testing.assert_close(our_gradient, gradient, rtol=0, atol=1e-4 * gradient.abs().max().item())
    ours, our_gradient = value_and_gradient(function, x.double())
    expected, expected_gradient = value_and_gradient(exact, x.double())
    assert ours.item() == pytest.approx(expected.item(), rel=1e-6)
    tolerance = 1e-6 * expected_gradient.abs().max().item()
    torch.testing.assert_close(our_gradient, expected_gradient, rtol=0, atol=tolerance)


@by_case
@pytest.mark.parametrize(("name", "kind"), list(zip(NAMES, KINDS, strict=True)), ids=NAMES)
def test_logits_agree_with_torch_prototypes(case, name, kind):
    p, y = case["P"], case["y"]
    ours = prototypes.logits(case["x"], p, *kind)
    expected = case[f"proto_{name}"]
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4 * expected.abs().max().item())
    assert_agrees(
        lambda x: cross_entropy(prototypes.logits(x, p.to(x.dtype), *kind), y),
        case["x"],
        case[f"proto_ce_{name}"],
        case[f"proto_ce_{name}_g"],
        lambda x: cross_entropy(-plain_distances(x, p.double(), *kind), y),
    )


@by_case
@pytest.mark.parametrize(
    ("name", "distance", "scale_free"),
    [
        ("distortion_scale_free", "euclidean", True),
        ("distortion", "euclidean", False),
        ("distortion_cosine", "cosine", True),
    ],
)
def test_distortion_agrees_with_torch_prototypes(case, name, distance, scale_free):
    distances = case["D"]
    assert_agrees(
        lambda p: prototypes.distortion(p, distances, distance, scale_free),
        case["P"],
        case[name],
        case[f"{name}_g"],
        lambda p: plain_distortion(p, distances.double(), distance, scale_free),
    )


@by_case
def test_relative_error_agrees_with_torch_prototypes(case):
    """Their `distortion_metric`, which does not scale."""
    ours = prototypes.relative_error(case["P"].double(), case["D"], scale_free=False)
    assert ours.item() == pytest.approx(case["distortion_metric"], rel=1e-5)


def test_relative_error_by_pairs_leaves_out_those_of_distance_zero():
    p, distances = random_points(6, 3), random_distances(6)
    distances[1, 3] = distances[3, 1] = 0
    own = torch.cdist(p, p)
    kept = [(i, j) for i, j in permutations(range(6), 2) if distances[i, j] > 0]
    ratios = torch.stack([own[i, j] / distances[i, j] for i, j in kept])
    scale = ratios.sum() / ratios.square().sum()
    torch.testing.assert_close(prototypes.relative_error(p, distances), (scale * ratios - 1).abs().mean())


@pytest.mark.parametrize("scale", [0.5, 10.0])
def test_scaled_prototypes_have_their_least_distortion_at_that_scale(scale):
    p, distances = random_points(6, 3), random_distances(6)
    ours = prototypes.scaled(p, distances, scale)
    torch.testing.assert_close(ours / ours.norm(), p / p.norm())
    factors = torch.tensor([0.98, 0.99, 1.0, 1.01, 1.02])
    errors = [prototypes.distortion(ours * f / scale, distances, scale_free=False) for f in factors]
    assert min(range(5), key=errors.__getitem__) == 2


@by_case
def test_separation_agrees_with_torch_prototypes(case):
    own_place = 2 * torch.eye(case["C"], dtype=torch.float64)
    assert_agrees(
        prototypes.separation,
        case["P"],
        case["separation"],
        case["separation_g"],
        lambda p: ((p[:, None] * p).sum(-1) - own_place).max(1).values.mean(),
    )


@by_case
def test_hyperspherical_losses_agree_with_torch_prototypes(case):
    p, y = case["P"], case["y"][:, None]
    torch.testing.assert_close(
        -prototypes.hyperspherical_losses(case["x"], p), case["hyperspherical_logits"], rtol=1e-4, atol=1e-5
    )
    assert_agrees(
        lambda x: prototypes.hyperspherical_losses(x, p.to(x.dtype)).gather(1, y).sum(),
        case["x"],
        case["hyperspherical"],
        case["hyperspherical_g"],
        lambda x: plain_distances(x, p.double(), "cosine").square().gather(1, y).sum(),
    )


@by_kind
def test_gradients(distance, delta):
    x, p = random_points(4, 3).requires_grad_(), random_points(5, 3, seed=1).requires_grad_()
    function = lambda x, p: prototypes.logits(x, p, distance, delta)  # noqa: E731
    assert torch.autograd.gradcheck(function, (x, p))
    assert torch.autograd.gradgradcheck(function, (x, p))


@by_kind
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("gap", [1e-3, 1e-1, 1.0, 1e3])
def test_float32_is_near_float64_differences_of_near_points(distance, delta, gap, offset):
    """Each embedding is `gap` from one prototype: the plain product formula in float32 would be off by percents.

    Rounding the points alone would turn the gradient by 1e-7 ‖x‖ / ‖x − p‖, which is 1e-7 / gap.
    """
    if distance == "cosine" and offset:
        pytest.skip("an offset changes angles")
    p = (random_points(50, 64) + offset).float()
    x = (p[:20].double() + gap * random_points(20, 64, seed=1)).float()
    weights = random_points(20, 50, seed=2)
    own, plain = x.clone().requires_grad_(), x.double().requires_grad_()
    ours, expected = prototypes.logits(own, p, distance, delta), -plain_distances(plain, p.double(), distance, delta)
    atol = 1e-6 if distance == "cosine" else 0
    torch.testing.assert_close(ours.double(), expected, rtol=2e-6, atol=atol)
    (ours * weights.float()).sum().backward()
    (expected * weights).sum().backward()
    tolerance = (1e-5 + 1e-7 / gap) * plain.grad.abs().max().item()
    torch.testing.assert_close(own.grad.double(), plain.grad, rtol=0, atol=tolerance)


@by_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_coincident_points_are_at_distance_0_and_do_not_pull(distance, delta, dtype):
    p = (100 + random_points(6, 300)).to(dtype)
    x = p[:2].clone().requires_grad_()
    scores = prototypes.logits(x, p, distance, delta)
    if distance != "cosine":
        assert scores.diagonal().tolist() == [0, 0]
    scores.diagonal().sum().backward()
    assert scores.isfinite().all()
    assert x.grad.abs().max() <= 1e-6


@by_kind
def test_extremes_stay_finite(distance, delta):
    for scale in (1e-4, 1.0, 1e4):
        x, p = ((scale * random_points(8, 16, seed=seed)).float().requires_grad_() for seed in (0, 1))
        scores = prototypes.logits(x, p, distance, delta)
        scores.sum().backward()
        assert scores.isfinite().all()
        assert x.grad.isfinite().all()
        assert p.grad.isfinite().all()


@by_kind
def test_nan_is_not_hidden_and_stays_in_its_row(distance, delta):
    x = random_points(3, 4)
    x[1, 2] = torch.nan
    scores = prototypes.logits(x, random_points(5, 4, seed=1), distance, delta)
    assert scores.isnan().all(-1).tolist() == [False, True, False]
    assert scores.isnan().any(-1).tolist() == [False, True, False]


@by_kind
def test_leading_axes_broadcast(distance, delta):
    x, p = random_points(4, 3).requires_grad_(), random_points(2, 5, 3, seed=1).requires_grad_()
    together = prototypes.logits(x, p, distance, delta)
    assert together.shape == (2, 4, 5)
    for head in range(2):
        torch.testing.assert_close(together[head], prototypes.logits(x, p[head], distance, delta))
    weights = random_points(2, 4, 5, seed=2)
    gradients = torch.autograd.grad((together * weights).sum(), (x, p))
    expected = torch.autograd.grad((-plain_distances(x.expand(2, -1, -1), p, distance, delta) * weights).sum(), (x, p))
    torch.testing.assert_close(gradients, expected)


@by_kind
def test_autocast_and_half_precision_do_not_round_the_product(distance, delta):
    x, p = random_points(4, 64).float(), random_points(5, 64, seed=1).float()
    expected = prototypes.logits(x, p, distance, delta)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(prototypes.logits(x, p, distance, delta), expected)
    assert prototypes.logits(x, p.double(), distance, delta).dtype == torch.float64
    for dtype in (torch.float16, torch.bfloat16):
        half = prototypes.logits(x.to(dtype), p.to(dtype), distance, delta)
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, prototypes.logits(x.to(dtype).float(), p.to(dtype).float(), distance, delta))


def test_no_differences_are_kept():
    batch, classes, dim = 64, 96, 256
    x, p, label = random_points(batch, dim).float(), random_points(classes, dim).float(), torch.arange(batch)
    peak = peak_bytes(lambda x, y: cross_entropy(prototypes.logits(x, p), y), x, label)
    assert peak < 4 * batch * classes * dim / 8


@pytest.mark.parametrize("distance", prototypes.DISTANCES)
@pytest.mark.parametrize("scale_free", [True, False])
def test_distortion_is_the_papers(distance, scale_free):
    p, distances = random_points(7, 3), random_distances(7)
    ours = prototypes.distortion(p, distances, distance, scale_free)
    torch.testing.assert_close(ours, plain_distortion(p, distances, distance, scale_free))
    assert torch.autograd.gradcheck(
        lambda p: prototypes.distortion(p, distances, distance, scale_free), p.clone().requires_grad_()
    )


def test_scale_free_distortion_is_the_least_over_scales():
    p, distances = random_points(6, 2), random_distances(6)
    best = prototypes.distortion(p, distances)
    by_scale = [prototypes.distortion(s * p, distances, scale_free=False) for s in torch.linspace(0, 20, 2001)]
    assert min(by_scale) >= best - 1e-12
    assert min(by_scale) == pytest.approx(best.item(), rel=1e-4)
    torch.testing.assert_close(prototypes.distortion(1e3 * p, distances), best)


def test_an_isometry_has_no_distortion():
    p = random_points(9, 4)
    distances = plain_distances(p, p, "euclidean")
    for scale_free in (True, False):
        torch.testing.assert_close(prototypes.distortion(p, distances, scale_free=scale_free), distances.new_zeros(()))


def test_coincident_prototypes_are_as_distorted_as_can_be_and_have_a_gradient():
    for scale_free in (True, False):
        value, gradient = value_and_gradient(
            lambda p, s=scale_free: prototypes.distortion(p, random_distances(4), scale_free=s), torch.ones(4, 3)
        )
        assert value.item() == 1
        assert gradient.isfinite().all()


def test_pairs_of_distance_zero_are_left_out_and_any_type_will_do():
    p, distances = random_points(5, 3), random_distances(5)
    distances[1, 3] = distances[3, 1] = 0
    kept = [(i, j) for i, j in permutations(range(5), 2) if distances[i, j] > 0]
    ratios = torch.stack([(p[i] - p[j]).norm() / distances[i, j] for i, j in kept])
    expected = (ratios - 1).square().mean()
    torch.testing.assert_close(prototypes.distortion(p, distances, scale_free=False), expected)
    torch.testing.assert_close(prototypes.distortion(p, distances.to(torch.uint8), scale_free=False), expected)


def test_stacked_prototypes():
    p, distances = random_points(2, 3, 6, 4), random_distances(6)
    ranked = prototypes.rank_loss(p, distances, 50, generator=torch.Generator().manual_seed(0))
    for a, b in ((0, 0), (1, 2)):
        torch.testing.assert_close(prototypes.distortion(p, distances)[a, b], prototypes.distortion(p[a, b], distances))
        torch.testing.assert_close(prototypes.separation(p)[a, b], prototypes.separation(p[a, b]))
        own = prototypes.rank_loss(p[a, b], distances, 50, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(ranked[a, b], own)


def test_separation_on_the_sphere_is_the_cosine_of_the_nearest_other():
    p = torch.nn.functional.normalize(random_points(8, 3), dim=-1)
    nearest = [max((p[i] @ p[j]).item() for j in range(8) if j != i) for i in range(8)]
    assert prototypes.separation(p).item() == pytest.approx(np.mean(nearest), rel=1e-12)
    assert torch.autograd.gradcheck(prototypes.separation, p.clone().requires_grad_())


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_rank_loss_is_the_mean_over_triplets(distance):
    """Over all triplets of distinct classes, each as likely as any other; within four standard errors."""
    p, distances = random_points(5, 3), random_distances(5)
    own = plain_distances(p, p, distance)
    losses = []
    for i, j, k in permutations(range(5), 3):
        probability = torch.sigmoid(own[i, j] - own[i, k]).item()
        is_farther = {1.0: 1.0, 0.0: 0.5, -1.0: 0.0}[(distances[i, j] - distances[i, k]).sign().item()]
        losses.append(-is_farther * math.log(probability) - (1 - is_farther) * math.log(1 - probability))
    ours = prototypes.rank_loss(p, distances, 40_000, distance, torch.Generator().manual_seed(0))
    assert ours.item() == pytest.approx(np.mean(losses), abs=4 * np.std(losses) / 200)


def test_rank_loss_of_one_triplet_by_hand():
    """Whatever the triplet: 0 and 1 at distance 0 of class distance 1, both 3 from the other one, class distance 2."""
    p, distances = torch.tensor([[0.0], [0.0], [3.0]]), torch.tensor([[0, 1, 2], [1, 0, 2], [2, 2, 0]])
    by_first = {0: math.log(1 + math.exp(-3)), 1: math.log(1 + math.exp(-3)), 2: math.log(2)}
    seen = set()
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        value = prototypes.rank_loss(p, distances, 1, generator=generator).item()
        first = torch.randint(3, (1,), generator=torch.Generator().manual_seed(seed)).item()
        assert value == pytest.approx(by_first[first], rel=1e-5)
        seen.add(first)
    assert seen == {0, 1, 2}


def test_rank_loss_has_a_gradient_even_where_prototypes_coincide():
    p = torch.cat([torch.ones(3, 2), random_points(3, 2).float()])
    for distance in prototypes.DISTANCES:
        value, gradient = value_and_gradient(
            lambda p, d=distance: prototypes.rank_loss(
                p, random_distances(6), 200, d, torch.Generator().manual_seed(0)
            ),
            p,
        )
        assert value.isfinite()
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: prototypes.logits(p, p, "cosin"), ValueError, "unknown distance 'cosin'; one of euclidean"),
        (lambda p: prototypes.logits(p, p[:, :2]), ValueError, "embeddings have 3 dimensions, but prototypes 2"),
        (lambda p: prototypes.logits(p, p, huber_delta=0.0), ValueError, "huber_delta = 0.0 is not a positive"),
        (lambda p: prototypes.logits(p, p, "squared", 1.0), ValueError, "goes with the euclidean distance"),
        (lambda p: prototypes.logits(p.long(), p), TypeError, "floating point"),
        (lambda p: prototypes.distortion(p, torch.ones(3, 4)), ValueError, r"\[3, 4\] do not fit 4 prototypes"),
        (lambda p: prototypes.rank_loss(p, torch.ones(3, 3)), ValueError, r"\[3, 3\] do not fit 4 prototypes"),
        (lambda p: prototypes.rank_loss(p[:2], torch.ones(2, 2)), ValueError, "of 2 classes; give 1 triplet or more"),
        (lambda p: prototypes.rank_loss(p, torch.ones(4, 4), 0), ValueError, "0 triplets"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.zeros(4, 3))
