"""How a run is trained, whatever its loss: the options of the protocol (DESIGN §5), and what each may be."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any

from topkbench import batches, optimizer, option_effects
from topkbench.errors import UsageError

PRECISIONS = ("highest", "high", "bf16", "float64")
EVAL_TEST = ("picked", "always")
NOISES = ("block", "siblings")
DEVICES = ("auto", "cpu", "cuda")
CUDA_GRAPHS = ("auto", "off")


@dataclass(frozen=True)
class Protocol:
    """How a run is trained.

    Attributes:
        n_epochs: passes over the training rows.
        nloglr: the learning rate is 10^−nloglr.
        lr_steps: epochs, counted from 1, from which on the learning rate is ten times smaller.
        optimizer: adam or sgd.
        momentum: of sgd, in [0, 1).
        nesterov: whether sgd's momentum is Nesterov's.
        weight_decay: ≥ 0; added to the gradient, times the weights.
        batch_size: rows a step; the last partial batch of an epoch is dropped.
        seed: of the run's stream.
        valid_size: training rows kept apart for validation.
        train_per_class: training rows kept of each class, or None for all; validation is balanced then, too.
        train_fraction: the same, as a share in (0, 1] of the average class.
        label_noise: probability that a training row's label is drawn anew.
        noise: block, that of consecutive classes, or siblings: the label becomes another class of its family in the
            class tree.
        noise_block: consecutive classes that form a block.
        hidden_dims: sizes of hidden layers; none for a linear head.
        apply_relu: ReLU on the embeddings.
        apply_dropout: dropout of ½ on the embeddings while training.
        eval_every: steps between evaluations.
        eval_test: `picked` evaluates test only where a selection rule may pick it; `always` every time.
        precision: `highest` float32; `high` allows TF32 products; `bf16` computes scores in bfloat16 while
            training; `float64` is for replays.
        device: auto, cpu or cuda.
        residency: where embeddings are held: auto, device, ram or mmap.
        cuda_graph: auto captures the training step as a CUDA graph where there is a GPU and it can be; off never.

    Raises:
        UsageError: a value out of range.
    """

    n_epochs: int
    nloglr: float
    lr_steps: tuple[int, ...]
    optimizer: str
    momentum: float
    nesterov: bool
    weight_decay: float
    batch_size: int
    seed: int
    valid_size: int
    train_per_class: int | None
    train_fraction: float | None
    label_noise: float
    noise: str
    noise_block: int
    hidden_dims: tuple[int, ...]
    apply_relu: bool
    apply_dropout: bool
    eval_every: int
    eval_test: str
    precision: str
    device: str
    residency: str
    cuda_graph: str

    def __post_init__(self) -> None:
        check_ranges(vars(self))
        for option, known in _CHOICES.items():
            if getattr(self, option) not in known:
                raise UsageError(f"{flag(option)} {getattr(self, option)}: one of {', '.join(known)}")
        if self.train_per_class is not None and self.train_fraction is not None:
            both = f"--train-per-class {self.train_per_class} and --train-fraction {self.train_fraction:g}"
            raise UsageError(f"{both}: give one of them")
        if self.nesterov and self.optimizer == "sgd" and self.momentum == 0:
            raise UsageError("--nesterov needs a momentum; give --momentum .9, say, or --no-nesterov")
        object.__setattr__(self, "lr_steps", tuple(sorted(self.lr_steps)))

    def idle(self) -> tuple[str, ...]:
        """Options that have no effect beside the values of the others."""
        return option_effects.idle(vars(self))

    def identity(self) -> dict[str, Any]:
        """What decides the result of a run: not where or how fast it is computed, nor what is left alone."""
        with_effect = option_effects.with_effect(asdict(self))
        left_alone = option_effects.LEFT_ALONE
        return {
            option: value
            for option, value in with_effect.items()
            if option not in option_effects.NO_SETTING and left_alone.get(option, ...) != value
        }


def check_ranges(values: Mapping[str, Any]) -> None:
    """Refuse numbers that have no meaning, of those options that are there.

    Raises:
        UsageError: a value out of range.
    """
    for option in values.keys() & _RANGES.keys():
        fits, wanted = _RANGES[option]
        value = values[option]
        if not all(fits(each) for each in (value if isinstance(value, tuple) else (value,))):
            raise UsageError(f"{given(option, value)}: {wanted}")


def flag(option: str) -> str:
    """How an option is given on the command line."""
    return "--" + option.replace("_", "-")


def how(option: str) -> str:
    """How an option, of a run or of a method, is chosen on the command line.

    >>> how("batch_size"), how("m"), how("guide")
    ('--batch-size', '--m', '--set guide=…')
    """
    return flag(option) if option in {*OPTIONS, *FLAGS_OF_METHODS} else f"--set {option}=…"


def given(option: str, value: object) -> str:
    """A flag and its value as they are given on the command line.

    >>> given("noise_block", 5), given("nesterov", False)
    ('--noise-block 5', '--no-nesterov')
    """
    if isinstance(value, bool):
        return flag(option) if value else flag(f"no_{option}")
    return f"{flag(option)} {shown(value)}"


def shown(value: object) -> str:
    """An option's value as it is given on the command line."""
    if isinstance(value, tuple):
        return " ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


OPTIONS = tuple(field.name for field in fields(Protocol))
FLAGS_OF_METHODS = (
    "method", "p_k", "m", "inverse_temperature", "distribution", "art_lambda", "top1_mode", "embedding_dim",
)  # fmt: skip
"""The method, and its options that have flags; the others go by `--set`."""
_CHOICES = {
    "optimizer": optimizer.NAMES,
    "noise": NOISES,
    "precision": PRECISIONS,
    "eval_test": EVAL_TEST,
    "device": DEVICES,
    "residency": batches.RESIDENCIES,
    "cuda_graph": CUDA_GRAPHS,
}

_AT_LEAST_1: tuple[Callable[[Any], bool], str] = (lambda value: value >= 1, "it must be at least 1")
_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("n_epochs", "batch_size", "valid_size", "eval_every", "noise_block"), _AT_LEAST_1),
    "hidden_dims": (_AT_LEAST_1[0], "each must be at least 1"),
    "lr_steps": (lambda epoch: epoch >= 2, "each is an epoch, from the second on"),
    "train_per_class": (lambda rows: rows is None or rows >= 1, "it must be at least 1, or none"),
    "train_fraction": (lambda share: share is None or 0 < share <= 1, "it must lie above 0 and up to 1"),
    "label_noise": (lambda p: 0 <= p <= 1, "it is a probability"),
    "momentum": (lambda share: 0 <= share < 1, "it must be at least 0 and below 1"),
    "weight_decay": (lambda decay: 0 <= decay < inf, "it must be a number of at least 0"),
    "seed": (lambda seed: 0 <= seed < 2**63, "it must be between 0 and 2^63 − 1"),
    "nloglr": (lambda power: -10 <= power <= 40, "the learning rate is 10^-nloglr; it must lie in -10..40"),
}
