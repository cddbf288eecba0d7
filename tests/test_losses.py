"""A contract over every method in the folder: a new file joins without an edit.

A method names the properties that it lacks, with the reason (`lacks`); the test prints it.
"""

import numpy as np
import pytest
import torch

from tests import plain
from tests.golden import LOST_DIGITS, difftopk_cases
from topkbench import losses
from topkbench.errors import UsageError
from topkbench.losses import Method
from topkbench.problem import Problem

CLASSES = 24
METHODS = losses.names()


def has(method: str, prop: str) -> type[Method]:
    loss = losses.find(method)
    if prop in loss.lacks:
        pytest.skip(f"{method} lacks {prop}: {loss.lacks[prop]}")
    return loss


def build(method: str, **options: object) -> Method:
    """The method with those of the options that it has."""
    known = losses.options(method)
    return losses.load(method, **{name: value for name, value in options.items() if name in known})


def sample(batch: int = 7, classes: int = CLASSES, scale: float = 2.0, dtype=torch.float64, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    return logits.to(dtype), torch.randint(classes, (batch,), generator=generator)


def problem(classes: int, device: torch.device | str = "cpu", order: torch.Tensor | None = None) -> Problem:
    """A tree of families of three classes, its distances, prototypes, and noise that is always the same.

    Args:
        classes: C.
        device: of all tensors and of the noise.
        order: the classes, permuted.
    """
    families = -(-classes // 3)
    leaf = torch.arange(classes) if order is None else order
    root = classes + families
    parents = torch.cat([classes + leaf // 3, torch.full((families + 1,), root)])
    distances = 4 - 2 * (leaf.unsqueeze(-1) // 3 == leaf // 3).int()
    prototypes = torch.randn(classes, 5, generator=torch.Generator().manual_seed(0))[leaf]
    return Problem(
        distances.fill_diagonal_(0).to(device), parents.to(device), prototypes.to(device),
        torch.Generator(device).manual_seed(0),
    )  # fmt: skip


def call(loss: Method, logits: torch.Tensor, target: torch.Tensor, order: torch.Tensor | None = None) -> torch.Tensor:
    """The loss of a step."""
    return loss(logits, target, problem(logits.shape[-1], logits.device, order))


def loss_and_gradient(loss: Method, logits: torch.Tensor, target: torch.Tensor):
    logits = logits.detach().clone().requires_grad_()
    values = call(loss, logits, target)
    values.sum().backward()
    return values.detach(), logits.grad


@pytest.mark.parametrize("method", METHODS)
def test_says_what_it_is(method):
    loss = losses.find(method)
    assert loss.paper
    assert loss.__doc__
    assert losses.canonical(method) == method
    assert all(losses.canonical(alias) == method for alias in loss.aliases)


@pytest.mark.parametrize("method", METHODS)
def test_takes_each_of_its_choices_and_nothing_else(method):
    for option, words in losses.find(method).choices.items():
        assert losses.options(method)[option] in words
        for word in words:
            assert getattr(losses.load(method, **{option: word}), option) == word
        with pytest.raises(UsageError, match=f"unknown {option} 'nonsense'"):
            losses.load(method, **{option: "nonsense"})


@pytest.mark.parametrize("method", METHODS)
def test_gradient(method):
    loss = has(method, "gradient")()
    logits, target = sample(4)
    assert torch.autograd.gradcheck(lambda x: call(loss, x, target), logits.requires_grad_())


@pytest.mark.parametrize("method", METHODS)
def test_float32_agrees_with_float64(method):
    loss = has(method, "float32")()
    logits, target = sample(16)
    expected, expected_gradient = loss_and_gradient(loss, logits, target)
    values, gradient = loss_and_gradient(loss, logits.float(), target)
    torch.testing.assert_close(values.double(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient.double(), expected_gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_samples_are_independent(method):
    loss = has(method, "sample independence")()
    logits, target = sample()
    together, gradient = loss_and_gradient(loss, logits, target)
    for row in range(len(target)):
        alone, own_gradient = loss_and_gradient(loss, logits[row : row + 1], target[row : row + 1])
        torch.testing.assert_close(alone[0], together[row])
        torch.testing.assert_close(own_gradient[0], gradient[row])


@pytest.mark.parametrize("method", METHODS)
def test_class_permutation(method):
    loss = has(method, "class permutation")()
    logits, target = sample()
    order = torch.randperm(CLASSES, generator=torch.Generator().manual_seed(1))
    permuted = call(loss, logits[:, order], order.argsort()[target], order)
    torch.testing.assert_close(permuted, call(loss, logits, target))


@pytest.mark.parametrize("method", METHODS)
def test_stacked_heads(method):
    loss = has(method, "stacked heads")()
    logits, target = sample(12)
    together = call(loss, logits.view(3, 4, CLASSES), target.view(3, 4))
    assert together.shape == (3, 4)
    for head in range(3):
        torch.testing.assert_close(together[head], call(loss, logits.view(3, 4, -1)[head], target.view(3, 4)[head]))


@pytest.mark.parametrize("method", METHODS)
def test_hard_as_the_temperature_falls(method):
    """With the label at rank r the loss tends to −log Σ_{k ≥ r} p_k, or to the 1e-7 that the top-k loss admits."""
    has(method, "temperature")
    p_k = (0.5, 0.0, 0.5)
    hard = {"inverse_temperature": 1e6, "distribution": "logistic", "alpha": 1e3, "sigma": 1e-3}
    loss = build(method, p_k=p_k, top1_mode="sort", m=8, **hard)
    logits = torch.arange(float(CLASSES), dtype=torch.float64).expand(CLASSES, -1)
    by_rank = call(loss, logits, torch.arange(CLASSES)).flip(0)  # rank 1 first
    expected = torch.full((CLASSES,), -np.log(1e-7), dtype=torch.float64)
    expected[:3] = torch.tensor([0.0, -np.log(0.5), -np.log(0.5)])
    torch.testing.assert_close(by_rank, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 1e2, 1e4])
def test_finite_at_every_scale(method, scale):
    loss = has(method, "scale")()
    values, gradient = loss_and_gradient(loss, *sample(64, 100, scale, torch.float32))
    assert values.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores(method, dtype):
    loss = has(method, "half precision")()
    logits, target = sample(16, dtype=dtype)
    values, gradient = loss_and_gradient(loss, logits, target)
    assert values.dtype == torch.float32
    assert gradient.dtype == dtype
    torch.testing.assert_close(values, call(loss, logits.float(), target))


@pytest.mark.parametrize("method", METHODS)
def test_ties_and_infinities_stay_finite(method):
    has(method, "infinities")
    logits, target = sample(6, dtype=torch.float32)
    other = (target + 1) % CLASSES
    logits[0] = 0.0
    logits[1, other[1]] = -torch.inf
    logits[2, other[2]] = torch.inf
    logits[3, target[3]] = -torch.inf
    logits[4, target[4]] = torch.inf
    logits[5, target[5]] = logits[5, other[5]] = torch.inf
    for m in (16, CLASSES, None):
        values, gradient = loss_and_gradient(build(method, m=m), logits, target)
        assert values.isfinite().all()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("method", METHODS)
def test_a_masked_class_leaves_the_others_as_they_are(method):
    """−∞ and the lowest float are as good as −1e9: 17 of 20 classes masked, a short-list of 8."""
    has(method, "masked classes")
    loss = build(method, m=8)
    logits, target = torch.full((3, 20), -1e9), torch.tensor([0, 1, 2])
    logits[:, :3] = torch.tensor([1.0, 3.0, 2.5])
    expected, expected_gradient = loss_and_gradient(loss, logits.double(), target)
    for mask in (-1e18, torch.finfo(torch.float32).min, -torch.inf):
        values, gradient = loss_and_gradient(loss, logits.masked_fill(logits < -1e8, mask), target)
        torch.testing.assert_close(values.double(), expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradient[:, :3].double(), expected_gradient[:, :3], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_second_derivative_is_right_or_refused(method):
    loss = losses.find(method)()
    logits, target = sample(2)
    logits.requires_grad_()
    try:
        assert torch.autograd.gradgradcheck(lambda x: call(loss, x, target), logits)
    except NotImplementedError as error:
        assert "no second derivative" in str(error)


@pytest.mark.parametrize("method", METHODS)
def test_any_layout_any_integers_and_no_samples(method):
    loss = losses.find(method)()
    logits, target = sample(6)
    expected = call(loss, logits, target)
    torch.testing.assert_close(call(loss, logits.mT.contiguous().mT, target), expected)
    torch.testing.assert_close(call(loss, logits, target.int()), expected)
    values, gradient = loss_and_gradient(loss, logits[:0], target[:0])
    assert values.shape == (0,)
    assert gradient.shape == (0, CLASSES)


@pytest.mark.parametrize("method", METHODS)
def test_nan_is_not_hidden_and_stays_in_its_row(method):
    loss = has(method, "sample independence")()
    logits, target = sample(4)
    logits[2, target[2]] = torch.nan
    values = call(loss, logits, target)
    assert values.isnan().tolist() == [False, False, True, False]


@pytest.mark.parametrize("method", METHODS)
def test_the_nan_of_another_class_is_not_hidden(method):
    has(method, "other classes")
    logits, target = sample(4)
    logits[2, (target[2] + 1) % CLASSES] = torch.nan
    values = call(build(method), logits, target)
    assert values[2].isnan()


@pytest.mark.parametrize("method", METHODS)
def test_trains_after_a_use_in_inference_mode(method):
    loss = build(
        method, m=11, p_k=(0.3, 0.3, 0.4) if method != "softmax_cross_entropy" else (1.0,)
    )  # nothing is cached
    logits, target = sample(4)
    with torch.inference_mode():
        call(loss, logits, target)
    assert loss_and_gradient(loss, logits, target)[1].isfinite().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", METHODS)
def test_gpu_agrees_with_cpu_and_waits_for_nothing(method):
    loss = has(method, "gpu")()
    logits, target = sample(16, dtype=torch.float32)
    expected, expected_gradient = loss_and_gradient(loss, logits, target)
    on_gpu = logits.cuda(), target.cuda()
    loss_and_gradient(loss, *on_gpu)  # what is cached is made now
    torch.cuda.set_sync_debug_mode("error")
    try:
        values, gradient = loss_and_gradient(loss, *on_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(values.cpu(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient.cpu(), expected_gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_few_classes(method):
    """m = n, and k = m, or one class less for those who need another."""
    logits, target = sample(5, 4)
    p_k = (1.0, 0.0, 0.0, 0.0) if method == "softmax_cross_entropy" else (0.25, 0.25, 0.25, 0.25)
    loss = build(method, p_k=p_k, m=4, k=3)
    values, gradient = loss_and_gradient(loss, logits, target)
    assert values.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("logits", "target", "error", "message"),
    [
        (torch.zeros(2, CLASSES), torch.tensor([0, CLASSES]), ValueError, f"target holds {CLASSES}"),
        (torch.zeros(2, CLASSES), torch.tensor([-1, 0]), ValueError, "target holds -1"),
        (torch.zeros(2, CLASSES), torch.tensor([0]), ValueError, r"need a target \[2\], got \[1\]"),
        (torch.zeros(2, CLASSES), torch.tensor([0.0, 1.0]), TypeError, "as integers"),
        (torch.zeros(2, CLASSES, dtype=torch.long), torch.tensor([0, 1]), TypeError, "floating point"),
    ],
)
def test_refuses_what_does_not_fit(method, logits, target, error, message):
    with pytest.raises(error, match=message):
        call(losses.find(method)(), logits, target)


def test_softmax_cross_entropy_by_hand():
    values = losses.load("softmax_cross_entropy")(torch.tensor([[0.0, float(np.log(3))]]), torch.tensor([0]))
    torch.testing.assert_close(values, torch.tensor([np.log(4.0)], dtype=torch.float32))


@pytest.mark.parametrize("mode", ["sm", "smce", "sort"])
def test_top1_modes_by_hand(mode):
    """Two classes, logistic, β 1, scores 1 and 0, the label first: P[1, y] = softmax = σ(1) = 0.731, Q_2 = 1."""
    loss = losses.load("bitonic", p_k=(0.5, 0.5), m=2, top1_mode=mode, distribution="logistic")
    q1 = 1 / (1 + np.exp(-1.0))
    eps = lambda q: -np.log(q * (1 - 2e-7) + 1e-7)  # noqa: E731
    expected = {
        "sort": eps(0.5 * q1 + 0.5), "sm": eps(0.5 * q1 + 0.5), "smce": -0.5 * np.log(q1) + 0.5 * eps(0.5)
    }[mode]  # fmt: skip
    value = loss(torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.tensor([0]))
    assert value.item() == pytest.approx(expected, rel=1e-9)


def test_an_operator_whose_weight_is_zero_is_not_run(monkeypatch):
    loss = losses.load("bitonic", p_k=(1.0, 0.0, 0.0), m=None, top1_mode="smce")
    monkeypatch.setattr(type(loss), "label_rank_distribution", lambda *_: pytest.fail("it was run"))
    logits, target = sample()
    expected = losses.load("softmax_cross_entropy")(logits, target)
    torch.testing.assert_close(loss(logits, target), expected)


@pytest.mark.parametrize(("case", "meta", "x", "y", "g"), difftopk_cases())
def test_agrees_with_difftopk(case, meta, x, y, g):
    loss = build(**meta)
    values, gradient = loss_and_gradient(loss, torch.from_numpy(x), torch.from_numpy(y))
    ours, reference = float(values.mean()), LOST_DIGITS.get(case, meta["loss"])
    assert ours == pytest.approx(reference, rel=1e-5 if case not in LOST_DIGITS else 1e-6)
    if case not in LOST_DIGITS:
        expected = torch.from_numpy(g) * len(y)
        torch.testing.assert_close(gradient, expected, rtol=0, atol=float(1e-4 * expected.abs().max()))


@pytest.mark.parametrize(("case", "meta", "x", "y", "g"), difftopk_cases())
def test_agrees_with_the_definition_in_float64(case, meta, x, y, g):
    """The evidence for `LOST_DIGITS`: the papers' matrices in float64, which our float32 is near in every case."""
    exact = plain.top_k_cross_entropy(
        meta["method"], meta["p_k"], meta["m"], meta["inverse_temperature"], meta["distribution"] or "logistic",
        meta["art_lambda"], meta["top1_mode"],
    )  # fmt: skip
    logits = torch.from_numpy(x).double().requires_grad_()
    expected = exact(logits, torch.from_numpy(y))
    expected.backward()
    values, gradient = loss_and_gradient(build(**meta), torch.from_numpy(x), torch.from_numpy(y))
    assert float(values.mean()) == pytest.approx(expected.item(), rel=1e-6)
    if case in LOST_DIGITS:
        assert expected.item() == pytest.approx(LOST_DIGITS[case], rel=1e-9)
    expected_gradient = logits.grad * len(y)
    torch.testing.assert_close(
        gradient.double(), expected_gradient, rtol=0, atol=float(1e-5 * expected_gradient.abs().max())
    )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sofsort", {}, "unknown method 'sofsort'"),
        ("splitter_selecton", {}, "did you mean 'splitter_selection'"),
        ("bitonic", {"inverse_temprature": 2.0}, "did you mean 'inverse_temperature'"),
        ("softmax_cross_entropy", {"m": 16}, "has no option 'm'"),
        ("softmax_cross_entropy", {"p_k": (0.5, 0.5)}, "top-1 loss"),
        ("bitonic", {"p_k": (0.5, 0.4)}, "sums to 0.9"),
        ("bitonic", {"p_k": (1.5, -0.5)}, "at least 0"),
        ("bitonic", {"p_k": (float("nan"), 1.0)}, "at least 0"),
        ("bitonic", {"m": 4}, "m = 4 is below k = 5"),
        ("bitonic", {"m": 1, "p_k": (1.0,)}, "m = 1 leaves the label alone"),
        ("bitonic", {"m": "many"}, "m = 'many'"),
        ("bitonic", {"distribution": "normal"}, "unknown distribution"),
        ("bitonic", {"top1_mode": "softmax"}, "unknown top1_mode"),
        ("./nowhere.py", {}, "no file ./nowhere.py"),
    ],
)
def test_load_refuses(name, options, message):
    with pytest.raises(UsageError, match=message):
        losses.load(name, **options)


def test_m_above_the_number_of_classes_says_what_to_do():
    with pytest.raises(ValueError, match="exceeds the 24 classes; use m = 24"):
        losses.load("bitonic", m=25)(*sample())


def test_loads_a_users_own_file(tmp_path):
    own = tmp_path / "my_loss.py"
    own.write_text(
        "from dataclasses import dataclass\n"
        "from topkbench.losses import Method\n"
        "@dataclass(frozen=True)\n"
        "class Loss(Method):\n"
        "    scale: float = 1.0\n"
        "    def __call__(self, logits, target, problem=None):\n"
        "        return self.scale * logits.sum(-1)\n"
    )
    assert losses.canonical(str(own)) == "my_loss"
    assert losses.load(str(own), scale=2.0)(torch.ones(1, 3), torch.tensor([0])).tolist() == [6.0]
