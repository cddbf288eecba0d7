"""Where each option's value comes from, and what is refused."""

import pytest

from topkbench import settings
from topkbench.errors import UsageError

DEMO = {"n_train": 5000, "n_classes": 100, "dim": 16, "class_rows": [50] * 100}
IMAGENET = {"n_train": 1_281_167, "n_classes": 1000, "dim": 2048, "class_rows": [1281] * 1000}
IMAGENET_21K = {"n_train": 11_060_223, "n_classes": 10_450, "dim": 2048}


def test_the_papers_defaults():
    found = settings.resolve("splitter_selection", {}, IMAGENET)
    assert (found.loss.m, found.protocol.nloglr, found.protocol.n_epochs) == (16, 4.5, 20)
    assert found.protocol.valid_size == 50_000
    found = settings.resolve("bitonic__non_sparse", {}, IMAGENET_21K)
    assert (found.loss.m, found.protocol.nloglr, found.protocol.n_epochs) == (50, 4.0, 40)
    assert found.protocol.valid_size == 100_000
    assert found.method == "bitonic"


def test_the_user_overrides_the_preset_which_overrides_the_data_sets_defaults():
    found = settings.resolve("bitonic", {"m": 20}, IMAGENET, preset="difftopk/table5-efficientnet")
    assert (found.loss.m, found.loss.distribution, found.loss.art_lambda) == (20, "logistic", 0.5)
    assert found.loss.p_k == (0.25, 0, 0, 0, 0.75)
    origins = {option: found.origin[option] for option in ("m", "distribution", "n_epochs", "art_lambda", "eval_every")}
    assert origins == {
        "m": "user", "distribution": "presets/difftopk/table5-efficientnet", "n_epochs": "defaults/imagenet-1k",
        "art_lambda": "method", "eval_every": "defaults/protocol",
    }  # fmt: skip


@pytest.mark.parametrize(("size", "m", "nloglr", "n_epochs"), [("1k", 16, 4.5, 20), ("21k", 50, 4.0, 40)])
@pytest.mark.parametrize(
    ("method", "p_k", "expected"),
    [
        ("softmax_cross_entropy", None, {}),
        ("bitonic", (0.5, 0, 0, 0, 0.5), {"distribution": "logistic_phi", "art_lambda": 0.5}),
        ("bitonic__non_sparse", (1.0, 0, 0, 0, 0), {"inverse_temperature": 1.0}),
        ("splitter_selection", (0.2,) * 5, {"inverse_temperature": 1.0, "distribution": "logistic_phi"}),
        ("neuralsort", (0.25, 0, 0, 0, 0.75), {"inverse_temperature": 0.5}),
        ("softsort", (0.1, 0, 0, 0, 0.9), {"inverse_temperature": 0.5}),
    ],
)  # fmt: skip
def test_the_papers_tables_2_and_3(size, m, nloglr, n_epochs, method, p_k, expected):
    facts = {"n_train": 11_000_000, "n_classes": 10_450, "dim": 2048} if size == "21k" else IMAGENET
    found = settings.resolve(method, {"p_k": p_k} if p_k else {}, facts, preset=f"difftopk/tables2+3-{size}")
    assert (found.protocol.nloglr, found.protocol.n_epochs) == (nloglr, n_epochs)
    if method == "softmax_cross_entropy":
        assert found.loss.p_k == (1.0, 0, 0, 0, 0)
    else:
        assert found.loss.m == m
    assert {option: getattr(found.loss, option) for option in expected} == expected


def test_a_users_file_takes_no_defaults_of_its_namesake(tmp_path):
    own = tmp_path / "softsort.py"
    own.write_text(
        "from dataclasses import dataclass, field\nfrom topkbench.losses import Method\n"
        "@dataclass(frozen=True)\nclass Loss(Method):\n"
        "    inverse_temperature: float = 3.0\n    p_k: tuple = field(default_factory=lambda: (1.0,))\n"
    )
    found = settings.resolve(str(own), {}, DEMO)
    assert found.loss.inverse_temperature == 3.0
    assert found.loss.p_k == (1.0,)


def test_options_of_an_operator_that_is_not_run_are_idle():
    assert settings.resolve("bitonic", {"p_k": (1.0, 0.0)}, DEMO).loss.idle() == (
        "distribution", "inverse_temperature", "art_lambda",
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"inverse_temperature = 7\.0 has no effect"):
        settings.resolve("neuralsort", {"p_k": (1.0, 0.0), "inverse_temperature": 7.0}, DEMO)


def test_config_and_origin_name_every_option():
    found = settings.resolve("bitonic", {}, DEMO)
    assert set(found.config()) == {*found.origin, "method"}


def test_small_data_bound_defaults_but_refuse_what_was_asked():
    few = {"n_train": 300, "n_classes": 8, "dim": 4}
    found = settings.resolve("bitonic", {}, few)
    assert (found.loss.m, found.protocol.batch_size, found.protocol.valid_size) == (8, 270, 30)
    assert found.origin["m"] == found.origin["batch_size"] == "data"
    with pytest.raises(UsageError, match="--m 16 exceeds the 8 classes"):
        settings.resolve("bitonic", {"m": 16}, few)
    with pytest.raises(UsageError, match="--batch-size 300 exceeds the 270 rows"):
        settings.resolve("bitonic", {"batch_size": 300}, few)


def test_m_none():
    assert settings.resolve("bitonic", {"m": "none"}, DEMO).loss.m is None


def test_data_with_their_own_validation():
    own = DEMO | {"n_valid": 77}
    assert settings.resolve("bitonic", {}, own).protocol.valid_size == 77
    with pytest.raises(UsageError, match="bring their own validation"):
        settings.resolve("bitonic", {"valid_size": 10}, own)


@pytest.mark.parametrize(
    ("method", "chosen", "preset", "message"),
    [
        (None, {}, None, "no method; give --method"),
        ("softmax_cross_entropy", {"m": 16}, None, "softmax_cross_entropy has no option 'm'"),
        ("bitonic", {"distribtion": "cauchy"}, None, "did you mean 'distribution'"),
        ("bitonic", {"n_epochs": 0}, None, "--n-epochs 0: it must be at least 1"),
        ("bitonic", {"nloglr": float("nan")}, None, "--nloglr nan"),
        ("bitonic", {"seed": -1}, None, "--seed -1"),
        ("bitonic", {"seed": 1.5}, None, "^seed = 1.5; it takes a whole number$"),
        ("bitonic", {"hidden_dims": 5}, None, "^hidden_dims = 5; it takes a list of whole numbers$"),
        ("bitonic", {"nloglr": "abc"}, None, "^nloglr = 'abc'; it takes a number$"),
        ("bitonic", {"m": "many"}, None, "bitonic: m = 'many'; it takes a whole number or none"),
        ("bitonic", {"apply_relu": 1}, None, "^apply_relu = 1; it takes true or false$"),
        ("bitonic", {"optimizer": 1}, None, "^optimizer = 1; it takes text$"),
        ("bitonic", {"inverse_temperature": float("inf")}, None, "inverse_temperature = inf"),
        ("bitonic", {"p_k": (0.01,) * 99 + (0.005, 0.005)}, None, "p_k has 101 values, but there are 100 classes"),
        ("bitonic", {"hidden_dims": (8, 0)}, None, "--hidden-dims 8 0"),
        ("bitonic", {"valid_size": 5000}, None, "leaves nothing of 5000"),
        ("bitonic", {"precision": "low"}, None, "--precision low: one of highest"),
        ("bitonic", {"p_k": 1}, None, "bitonic: p_k = 1; it takes a list of numbers"),
        ("bitonic", {}, "", "unknown preset ''"),
        ("bitonic", {"p_k": (0.5, 0.6)}, None, "sums to 1.1"),
        ("bitonic", {}, "difftopk/table9", "unknown preset 'difftopk/table9'"),
        (None, {}, "difftopk/table5-resnext", "leaves method open: choose with --method"),
        ("cauchy", {}, "difftopk/table5-resnext", "unknown method 'cauchy'"),
        ("./bitonic.py", {}, "difftopk/table5-resnext", "leave out --preset or ./bitonic.py"),
        ("neuralsort", {}, "difftopk/table5-resnext", "has no method 'neuralsort'; it has bitonic, splitter_selection"),
        ("neuralsort", {}, "difftopk/tables2+3-1k", "leaves p_k open: choose with --p-k, one of: 1 0 0 0 0, 0 0 0 0 1"),
        ("fixed_prototypes", {}, "mgp/table", "leaves guide open: choose with --set guide=…, one of: distortion, rank"),
        ("smooth_topk", {"p_k": (0.5, 0.5)}, None, "--p-k 0.5 0.5: smooth_topk takes one k; --p-k 0 0 0 0 1 means"),
        ("smooth_topk", {"p_k": (0, 1.0, 0)}, None, "--p-k 0 1 0: smooth_topk takes one k"),
        ("smooth_topk", {"p_k": (0, 1.0), "k": 3}, None, "--p-k 0 1 means k = 2, but k = 3 is given too"),
        ("smooth_top1_svm", {"p_k": (0, 1.0)}, None, "smooth_top1_svm is smooth_hard_topk with k = 1; for k = 2 give"),
        (
            "smooth_topk",
            {"k": 100},
            None,
            "k = 100 needs more classes than the 100 there are; give --set k=99 or fewer",
        ),
        ("smooth_topk", {"p_k": 1}, None, "smooth_topk: p_k = 1; it takes"),
        ("bitonic", {"optimizer": "lbfgs"}, None, "--optimizer lbfgs: one of adam, sgd"),
        ("bitonic", {"momentum": 0.5}, None, "--momentum 0.5 has no effect"),
        ("bitonic", {"nesterov": True}, None, "--nesterov has no effect"),
        ("bitonic", {"optimizer": "sgd", "momentum": 1.0}, None, "--momentum 1: it must be at least 0 and below 1"),
        ("bitonic", {"optimizer": "sgd", "momentum": 0.0, "nesterov": True}, None, "--nesterov needs a momentum"),
        ("bitonic", {"weight_decay": -1.0}, None, "--weight-decay -1: it must be"),
        ("bitonic", {"lr_steps": (5, 1)}, None, "--lr-steps 5 1: each is an epoch, from the second on"),
        ("bitonic", {"label_noise": 1.5}, None, "--label-noise 1.5: it is a probability"),
        ("bitonic", {"label_noise": float("nan")}, None, "--label-noise nan: it is a probability"),
        ("bitonic", {"noise_block": 3}, None, "--noise-block 3 has no effect"),
        ("bitonic", {"label_noise": 0.1, "noise_block": 0}, None, "--noise-block 0: it must be at least 1"),
        ("bitonic", {"train_per_class": 0}, None, "--train-per-class 0: it must be at least 1, or none"),
        ("bitonic", {"train_fraction": 0.0}, None, "--train-fraction 0: it must lie above 0 and up to 1"),
        (
            "bitonic",
            {"train_per_class": 2, "train_fraction": 0.5},
            None,
            "--train-per-class 2 and --train-fraction 0.5",
        ),
    ],
)
def test_refuses(method, chosen, preset, message):
    with pytest.raises(UsageError, match=message):
        settings.resolve(method, chosen, DEMO, preset)


def test_options_by_set_are_the_methods_own_and_given_once():
    assert settings.with_own({"seed": 1}, {"m": 8}) == {"seed": 1, "m": 8}
    with pytest.raises(UsageError, match="--set seed=2: it is no method's option; give --seed 2"):
        settings.with_own({}, {"seed": 2})
    with pytest.raises(UsageError, match="m is given twice"):
        settings.with_own({"m": 16}, {"m": 8})


@pytest.mark.parametrize(
    ("line", "message"),
    [("device: str = 'cpu'", "option device bears the name"), ("head = 'trunk'", "wants the head 'trunk'")],
)
def test_a_users_method_that_cannot_be_had(tmp_path, line, message):
    own = tmp_path / "mine.py"
    own.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from topkbench.losses import Method\n"
        f"@dataclass(frozen=True)\nclass Loss(Method):\n    {line}\n"
    )
    with pytest.raises(UsageError, match=message):
        settings.resolve(str(own), {}, DEMO)


@pytest.mark.parametrize(
    ("option", "shown"),
    [({"floor": float("nan")}, "floor = nan"), ({"weights": [1.0, float("inf")]}, "weights = 1 inf")],
)
def test_numbers_of_a_users_method_are_finite(tmp_path, option, shown):
    own = tmp_path / "mine.py"
    own.write_text(
        "from dataclasses import dataclass\nfrom topkbench.losses import Method\n@dataclass(frozen=True)\n"
        "class Loss(Method):\n    floor: float = 0.1\n    weights: tuple[float, ...] = ()\n"
    )
    with pytest.raises(UsageError, match=f"^mine: {shown}; it must be finite$"):
        settings.resolve(str(own), option, DEMO)


def test_p_k_says_k():
    found = settings.resolve("smooth_topk", {"p_k": (0, 0, 1)}, DEMO)
    assert (found.loss.k, found.origin["k"]) == (3, "user")
    assert found.config()["p_k"] == (0, 0, 1)
    assert settings.resolve("smooth_topk", {"k": 2}, DEMO).config()["p_k"] == (0, 1)
    assert settings.resolve("smooth_top1_svm", {}, DEMO).config()["p_k"] == (1,)
    assert settings.resolve("smooth_top1_svm", {}, DEMO).origin["k"] == "user"
    found = settings.resolve("smooth_hard_topk", {}, IMAGENET, preset="difftopk/tables2+3-1k")
    assert (found.loss.k, found.loss.tau, found.origin["k"]) == (5, 1.0, "presets/difftopk/tables2+3-1k")


def test_k_is_bounded_by_the_classes_unless_it_was_asked_for():
    three = {"n_train": 300, "n_classes": 3, "dim": 4, "class_rows": [100] * 3}
    found = settings.resolve("smooth_topk", {}, three)
    assert (found.loss.k, found.origin["k"]) == (2, "data")


def test_lr_steps_have_no_order():
    one, other = (settings.resolve("bitonic", {"lr_steps": steps}, DEMO) for steps in ((2, 5), (5, 2)))
    assert one.protocol.lr_steps == (2, 5)
    assert one.identity("data", 100) == other.identity("data", 100)


def test_subsets_bound_the_batch():
    facts = {"n_train": 300, "n_classes": 8, "dim": 4, "class_rows": [37] * 7 + [41]}
    found = settings.resolve("bitonic", {"train_per_class": 4}, facts)
    assert (found.protocol.batch_size, found.origin["batch_size"]) == (32, "data")
    assert settings.resolve("bitonic", {"train_fraction": 0.1}, facts).protocol.batch_size == 8 * 4


def test_berradas_experiments():
    noise = {"label_noise": 0.4}
    found = settings.resolve("smooth_topk_svm", noise, DEMO, preset="smooth-topk/noise")
    assert found.method == "smooth_hard_topk"
    assert (found.loss.k, found.loss.tau, found.loss.alpha) == (5, 1.0, 1.0)
    run = found.protocol
    assert (run.optimizer, run.momentum, run.nesterov, run.weight_decay) == ("sgd", 0.9, True, 1e-4)
    assert (run.label_noise, run.noise_block, run.lr_steps, run.nloglr) == (0.4, 5, (151, 226), 1.0)
    assert settings.resolve("softmax_cross_entropy", noise, DEMO, preset="smooth-topk/noise").protocol == run
    with pytest.raises(UsageError, match=r"choose with --label-noise, one of: 0\.0, 0\.2, 0\.4, 0\.6, 0\.8, 1\.0"):
        settings.resolve("softmax_cross_entropy", {}, DEMO, preset="smooth-topk/noise")
    found = settings.resolve("smooth_hard_topk", {"train_per_class": 64}, IMAGENET, preset="smooth-topk/subsets")
    assert (found.loss.tau, found.protocol.nloglr, found.protocol.weight_decay) == (0.1, 0.0, 2.5e-5)
    assert (found.protocol.train_per_class, found.protocol.lr_steps) == (64, (31, 61, 91))
    half = settings.resolve(
        "smooth_hard_topk", {"train_fraction": 0.5}, IMAGENET, preset="smooth-topk/subsets"
    ).protocol
    assert (half.train_per_class, half.train_fraction) == (None, 0.5)
    whole = settings.resolve("bitonic", {"train_per_class": "none"}, IMAGENET).protocol
    assert whole.train_per_class is None


def test_what_is_left_alone_changes_no_identity():
    """The ids of records that are older than an option stay what they were."""
    identity = settings.resolve("bitonic", {}, DEMO).identity("data", 100)
    assert identity["optimizer"] == "adam"
    assert set(identity["protocol"]) == {
        "n_epochs", "nloglr", "batch_size", "seed", "valid_size", "hidden_dims", "apply_relu", "apply_dropout",
        "eval_every", "precision",
    }  # fmt: skip


def test_identity_leaves_out_where_and_how_fast():
    def identity(**chosen: object) -> dict:
        return settings.resolve("bitonic", chosen, DEMO).identity("data", 100)

    assert identity() == identity(residency="mmap", device="cpu", eval_test="always")
    for change in ({"seed": 1}, {"m": 8}, {"nloglr": 3.0}, {"precision": "bf16"}, {"apply_relu": True}):
        assert identity() != identity(**change)
    for change in ({"optimizer": "sgd"}, {"weight_decay": 0.1}, {"lr_steps": (3,)}, {"label_noise": 0.1}):
        assert identity() != identity(**change)
    assert identity(train_per_class=3) != identity(train_per_class=4) != identity(train_fraction=0.1)
    noisy = identity(label_noise=0.1)
    assert noisy != identity(label_noise=0.1, noise_block=4)
