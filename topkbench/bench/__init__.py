"""Speed, memory and numerical range of every loss, beside what else is installed.

A contender's time is that of its forward and backward pass, taken in turn with torch's cross-entropy over all classes;
figures are medians over the turns.

Legend: B batch, C classes, D embedding.
"""

import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from topkbench import losses
from topkbench.allocator import keep_freed_memory
from topkbench.bench.accuracy import accurate_scales
from topkbench.bench.contenders import Contender, ours, peers
from topkbench.bench.cost import TOO_MANY, memory_for, peak_bytes, step_without_loss, time_and_ratio
from topkbench.errors import DataError, RunError, UsageError
from topkbench.losses import Method
from topkbench.progress import Progress, silent


@dataclass(frozen=True)
class Setting:
    """What the losses are measured on: normal scores and uniform labels.

    Attributes:
        batch: B.
        classes: C.
        m: classes on the short-list, of the methods that have one; k and p_k are shortened to it.
        dim: D of the head that the share of a training step is reckoned with.
        device: where scores, labels and head are.
    """

    batch: int = 500
    classes: int = 1000
    m: int = 16
    dim: int = 2048
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


@dataclass(frozen=True)
class Row:
    """What was measured of one contender.

    Attributes:
        method: its name.
        source: topkbench, or another library and its version.
        milliseconds: forward and backward pass of the mean loss.
        ratio: to the same of torch's cross-entropy.
        share: of a training step of our linear head: two products, the loss, fused Adam. Another library's loss is put
            into the same step.
        peak_mib: memory that the two passes take at most beside their inputs, the scores' gradient included.
        scales: lowest and highest power of ten by which normal scores may be scaled with all gradients between finite
            and accurate in float32; None where even those of unscaled scores are not.
    """

    method: str
    source: str
    milliseconds: float
    ratio: float
    share: float
    peak_mib: float
    scales: tuple[float, float] | None


def measure(
    methods: Sequence[str] | None = None,
    setting: Setting | None = None,
    rounds: int = 21,
    progress: Progress = silent,
) -> Iterator[Row]:
    """Measure methods, and under each what other libraries have of it.

    Args:
        methods: names, aliases or files; by default all that need nothing but scores and labels.
        setting: sizes and device; by default as `Setting` says.
        rounds: turns, at least 1, of which the median is taken.
        progress: shows the contenders.

    Raises:
        UsageError: an unknown method, one that needs more than scores and labels, or sizes that do not fit.
        RunError: a method fails.
        DataError: memory is too small.
    """
    setting = setting or Setting()
    if rounds < 1:
        raise UsageError(f"rounds = {rounds}: it must be at least 1")
    contenders = _contenders(methods, setting)
    if setting.device.type == "cpu":
        keep_freed_memory()  # as training does
    with memory_for("scores"):
        generator = torch.Generator().manual_seed(0)
        scores_BC = torch.randn(setting.batch, setting.classes, generator=generator).to(setting.device)
        label_B = torch.randint(setting.classes, (setting.batch,), generator=generator).to(setting.device)
    with progress(len(contenders), "loss", "measuring") as bar:
        for contender in contenders:
            if row := _guarded_row(contender, scores_BC, label_B, setting.dim, rounds):
                yield row
            bar.advance(1, contender.method)


def _row(contender: Contender, scores_BC: Tensor, label_B: Tensor, dim: int, rounds: int) -> Row:
    taken, ratio = time_and_ratio(contender.loss, scores_BC, label_B, rounds)
    alone = step_without_loss(contender.loss, scores_BC, label_B, dim, rounds)
    return Row(
        method=contender.method,
        source=contender.source,
        milliseconds=1e3 * taken,
        ratio=ratio,
        share=taken / (alone + taken),
        peak_mib=peak_bytes(contender.loss, scores_BC, label_B) / 2**20,
        scales=accurate_scales(contender.loss, contender.exact, scores_BC, label_B),
    )


def _guarded_row(contender: Contender, scores_BC: Tensor, label_B: Tensor, dim: int, rounds: int) -> Row | None:
    """A row, unless another library fails, which costs its own row alone; a user's loss that fails is named."""
    guard = (
        contextlib.nullcontext() if contender.is_a_peer else memory_for(contender.method, "--batch, --classes or --dim")
    )
    try:
        with contextlib.redirect_stdout(sys.stderr), guard:  # losses may print; stdout carries results alone
            return _row(contender, scores_BC, label_B, dim, rounds)
    except DataError:
        raise
    except Exception as error:
        shown = f"{type(error).__name__}: {error}"
        if contender.is_a_peer:
            warnings.warn(f"{contender.method} of {contender.source} is left out: {shown}", stacklevel=2)
            return None
        raise RunError(f"{contender.method} failed: {shown}") from error


def _contenders(methods: Sequence[str] | None, setting: Setting) -> list[Contender]:
    for name, size in (("batch", setting.batch), ("classes", setting.classes), ("m", setting.m), ("dim", setting.dim)):
        if not 1 <= size < TOO_MANY:
            raise UsageError(f"--{name} {size}: it must be at least 1, and below 2^31")
    if setting.m > setting.classes:
        raise UsageError(f"--m {setting.m} exceeds the {setting.classes} classes; give {setting.classes} or fewer")
    found = []
    for name in methods or [name for name in losses.names() if _is_of_scores(name)]:
        loss = _loss(name, setting)
        found.append(ours(losses.canonical(name) if losses.is_file(name) else name, loss))
        if not losses.is_file(name):  # a file may bear the name of one of ours
            found += peers(losses.canonical(name), loss, setting.classes, setting.device)
    return found


def _is_of_scores(name: str) -> bool:
    loss = losses.find(name)
    return not loss.needs and loss.head == "linear"


def _loss(name: str, setting: Setting) -> Method:
    if needs := losses.find(name).needs:
        raise UsageError(f"{name} needs {', '.join(needs)}, which random scores do not have; leave it out")
    if not _is_of_scores(name):
        raise UsageError(f"{name} makes scores of its own, by a head; bench measures losses of scores; leave it out")
    options = {**losses.options(name), **losses.with_alias_options(name, {})}
    sizes: dict[str, Any] = {"m": setting.m} if "m" in options else {}
    if "k" in options and setting.classes > 1:  # which takes a class more
        sizes["k"] = min(options["k"], setting.classes - 1, max(1, sizes.get("m", setting.classes) - 1))
    if "m" in sizes and len(options.get("p_k", ())) > setting.m:
        sizes["p_k"] = (1 / setting.m,) * setting.m
    return losses.load(name, **sizes)
