"""What `bench` measures, on contenders whose cost and reach are known."""

import sys
from types import ModuleType
from unittest.mock import Mock

import pytest
import torch

from topkbench import bench, losses
from topkbench.bench import accuracy, contenders, cost, polynomials
from topkbench.errors import DataError, RunError, UsageError
from topkbench.ops import linear
from topkbench.ops.polynomials import log_esf

SMALL = bench.Setting(batch=20, classes=60, m=8, dim=16)


def sample(batch: int = 20, classes: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, classes, generator=generator), torch.randint(classes, (batch,), generator=generator)


def test_every_method_is_measured():
    rows = list(bench.measure(setting=SMALL, rounds=3))
    measured = {row.method for row in rows if row.source == "topkbench"}
    assert measured == {n for n in losses.names() if not losses.find(n).needs and losses.find(n).head == "linear"}
    for row in rows:
        assert row.milliseconds > 0
        assert row.ratio > 0
        assert 0 < row.share < 1
        assert row.peak_mib * 2**20 >= 20 * 60 * 4  # the scores' gradient alone
        if row.source == "topkbench":
            assert row.scales == (1e-4, 1e4)


def test_seconds_are_those_of_the_loss():
    def slow(scores_BC: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        for _ in range(2000):
            scores_BC = scores_BC + 1
        return scores_BC.sum()

    taken, ratio = cost.time_and_ratio(slow, *sample(), rounds=3)
    assert taken > 2000 * 0.5e-6  # no operation takes less
    assert ratio > 10


def test_the_step_around_a_loss_is_that_of_its_own_gradient(monkeypatch):
    """With 256 dimensions a short-list's product is summed from rows, the cross-entropy's is not."""
    sums = Mock(wraps=linear.embedding_bag)
    monkeypatch.setattr(linear, "embedding_bag", sums)
    for loss, expected in ((torch.nn.functional.cross_entropy, 0), (lambda s, _: s.topk(2).values.sum(), 3)):
        assert cost.step_without_loss(loss, *sample(classes=100), dim=256, rounds=1) > 0
        assert sums.call_count == expected  # one that is timed, and two to warm up


def test_a_share_is_that_of_the_loss_in_its_step(monkeypatch):
    monkeypatch.setattr(bench, "time_and_ratio", lambda *_: (0.002, 1.0))
    monkeypatch.setattr(bench, "step_without_loss", lambda *_: 0.006)
    (row,) = bench.measure(["softmax_cross_entropy"], SMALL, rounds=1)
    assert row.share == 0.25
    assert row.milliseconds == 2.0


def test_peak_memory_counts_what_lives_at_the_same_time():
    def loss(scores_BC: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        for _ in range(5):
            torch.empty(2**20, dtype=torch.uint8)  # freed at once
        held = [torch.empty(2**20, dtype=torch.uint8) for _ in range(3)]
        return scores_BC.sum() + len(held)

    scores, label = sample()
    assert 3 * 2**20 <= cost.peak_bytes(loss, scores, label) < 4 * 2**20


def test_reach_ends_where_float32_fails():
    def loses_digits(scores_BC: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        return ((scores_BC + 1e4) - 1e4).square().sum()  # float32 keeps 1e-3 of a score, float64 all

    def overflows(scores_BC: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        return scores_BC.exp().mean()

    scores, label = sample()
    assert accuracy.accurate_scales(loses_digits, loses_digits, scores, label) is None
    assert accuracy.accurate_scales(overflows, overflows, scores, label) == (1e-4, 10.0)


def test_difftopk_is_measured_with_the_same_options(monkeypatch, capsys):
    given = {}

    class TopKCrossEntropyLoss(torch.nn.Module):
        def __init__(self, method: str, **options: object) -> None:
            super().__init__()
            given.update(options, method=method)
            sys.stdout.write("a word where results belong")  # as difftopk does with torch-sparse

        def forward(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(outputs, labels)

    monkeypatch.setitem(sys.modules, "difftopk", ModuleType("difftopk"))
    sys.modules["difftopk"].TopKCrossEntropyLoss = TopKCrossEntropyLoss
    monkeypatch.setattr(contenders, "_installed", lambda name: name == "difftopk")
    monkeypatch.setattr(contenders.metadata, "version", lambda name: "9.9")
    rows = list(bench.measure(["bitonic", "splitter_selection"], SMALL, rounds=1))
    assert [(row.method, row.source) for row in rows] == [
        ("bitonic", "topkbench"), ("bitonic", "difftopk 9.9"),
        ("splitter_selection", "topkbench"),  # difftopk's needs torch-sparse
    ]  # fmt: skip
    assert given["method"] == "bitonic__non_sparse"
    assert (given["n"], given["m"], given["distribution"]) == (60, 8, "logistic_phi")
    assert rows[1].scales is None  # its gradient is not bitonic's
    assert capsys.readouterr().out == ""


def test_difftopks_top_k_svms_are_measured_with_the_same_options(monkeypatch):
    given = {}

    def build(name: str):
        def make(num_classes: int, k: int, tau: float = 1, device: str = "cpu"):
            given[name] = (num_classes, k, tau, device)
            return torch.nn.functional.cross_entropy

        return make

    monkeypatch.setitem(sys.modules, "difftopk", ModuleType("difftopk"))
    for name in ("SmoothTopKLoss", "SmoothHardTopKLoss"):
        setattr(sys.modules["difftopk"], name, build(name))
    monkeypatch.setattr(contenders, "_installed", lambda name: name == "difftopk")
    monkeypatch.setattr(contenders.metadata, "version", lambda name: "9.9")
    rows = list(bench.measure(["smooth_topk", "smooth_hard_topk", "max_topk_svm"], SMALL, rounds=1))
    assert [(row.method, row.source) for row in rows] == [
        ("smooth_topk", "topkbench"), ("smooth_topk", "difftopk 9.9"),
        ("smooth_hard_topk", "topkbench"), ("smooth_hard_topk", "difftopk 9.9"), ("max_topk_svm", "topkbench"),
    ]  # fmt: skip
    assert given == {"SmoothTopKLoss": (60, 5, 1.0, "cpu"), "SmoothHardTopKLoss": (60, 5, 1.0, "cpu")}


def test_summation_and_tree_agree_while_the_summation_can():
    x = torch.randn(3, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(polynomials.summation(x, 4), log_esf(x, 4))


def test_few_classes_bound_k_and_p_k_and_names_are_those_asked_for():
    few = bench.Setting(batch=2, classes=3, m=3, dim=4)
    rows = list(bench.measure((names := ["smooth_topk", "fenchel_young", "smooth_top1_svm", "bitonic"]), few, rounds=1))
    assert [row.method for row in rows] == names


def test_what_is_too_large_for_memory():
    with pytest.raises(DataError, match="out of memory: scores"):
        list(polynomials.measure(2**30, 2**20, torch.device("cpu")))
    with pytest.raises(DataError, match="out of memory: scores"):
        list(bench.measure(["bitonic"], bench.Setting(batch=2**30, classes=2**20), rounds=1))
    wide = bench.Setting(batch=2**16, classes=20, dim=2**30)
    with pytest.raises(DataError, match=r"out of memory: softmax_cross_entropy: .*; use a smaller .* or --dim$"):
        list(bench.measure(["softmax_cross_entropy"], wide, rounds=1))


def test_polynomials_need_classes():
    with pytest.raises(UsageError, match="--batch 4 --classes 2: there must be a sample, and 3 classes"):
        list(polynomials.measure(4, 2, torch.device("cpu")))


def test_another_library_that_fails_is_left_out_with_a_warning(monkeypatch):
    monkeypatch.setitem(sys.modules, "difftopk", ModuleType("difftopk"))  # with no loss in it
    monkeypatch.setattr(contenders, "_installed", lambda name: name == "difftopk")
    with pytest.warns(UserWarning, match="difftopk is left out: AttributeError"):
        rows = list(bench.measure(["bitonic"], SMALL, rounds=1))
    assert [row.source for row in rows] == ["topkbench"]

    def fails(scores_BC: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        raise MemoryError("too large")

    peer = contenders.Contender("bitonic", "difftopk 9.9", fails, fails)
    monkeypatch.setattr(bench, "peers", lambda *_: [peer])
    with pytest.warns(UserWarning, match="bitonic of difftopk 9.9 is left out: MemoryError: too large"):
        assert len(list(bench.measure(["bitonic"], SMALL, rounds=1))) == 1


def test_a_users_loss_that_fails_is_named_and_what_it_prints_is_no_result(tmp_path, capsys):
    start = "from dataclasses import dataclass\nfrom topkbench.losses import Method\n@dataclass(frozen=True)\n"
    call = "class Loss(Method):\n    def __call__(self, logits, target, problem=None):\n        "
    own = tmp_path / "softsort.py"  # a namesake, which difftopk's is not measured beside
    own.write_text(start + call + "print('a word')\n        return logits.square().sum(-1)\n")
    assert [row.source for row in bench.measure([str(own)], SMALL, rounds=1)] == ["topkbench"]
    assert capsys.readouterr().out == ""
    for body, message in (
        ("return logits.sum()", "one loss a sample"),
        ("raise KeyError('no')", "softsort failed: KeyError"),
    ):
        own.write_text(start + call + body + "\n")
        with pytest.raises(RunError, match=message):
            list(bench.measure([str(own)], SMALL, rounds=1))


@pytest.mark.parametrize(
    ("methods", "setting", "message"),
    [
        (["bitonc"], SMALL, "did you mean 'bitonic'"),
        (["bitonic"], bench.Setting(classes=8), "--m 16 exceeds the 8 classes"),
        (["bitonic"], bench.Setting(batch=0), "--batch 0: it must be at least 1"),
        (["bitonic"], bench.Setting(m=1), "m = 1 leaves the label alone"),
    ],
)
def test_refuses(methods, setting, message):
    with pytest.raises(UsageError, match=message):
        list(bench.measure(methods, setting, rounds=1))
    with pytest.raises(UsageError, match="rounds = 0"):
        list(bench.measure(rounds=0))


def test_a_method_that_needs_more_than_scores_is_refused(tmp_path):
    own = tmp_path / "needy.py"
    own.write_text(
        "from dataclasses import dataclass\nfrom topkbench.losses import Method\n"
        "@dataclass(frozen=True)\nclass Loss(Method):\n    needs = ('distances',)\n"
    )
    with pytest.raises(UsageError, match=r"needy\.py needs distances"):
        list(bench.measure([str(own)], SMALL, rounds=1))
