"""Training a stack of heads in one pass over the data: one batch, one product, a loss for each head.

Legend: H stacked heads, B batch, C classes, E dimensions of prototypes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from topkbench import evaluation, heads, protocol
from topkbench.batches import Rows
from topkbench.heads import FeedForward, Head, HeadViews
from topkbench.losses import Method, one_a_sample
from topkbench.optimizer import SGD, Adam, Optimizer, scheduled
from topkbench.problem import Problem
from topkbench.progress import Progress
from topkbench.selection import Evaluation, Measured, Selection
from topkbench.settings import Settings
from topkbench.training_options import Protocol

_EVALUATION_BYTES = 8 * 2**20  # of embeddings and scores that an evaluation holds at once; more leave the cache


@dataclass(frozen=True)
class Splits:
    """The rows that a stack sees."""

    train: Rows
    valid: Rows
    test: Rows


@dataclass
class Run:
    """One head of a stack, and what is known of it so far.

    Attributes:
        loss: its loss.
        selection: which of its evaluations count.
        history: all of them.
        prototypes: [C, E] float32, those of the last step, once it is trained; None where its classes are no points.
        error: why it ended early.
    """

    loss: Method
    selection: Selection = field(default_factory=Selection)
    history: list[dict[str, Any]] = field(default_factory=list)
    prototypes: npt.NDArray[np.float32] | None = None
    error: str | None = None


@dataclass(frozen=True)
class _Group:
    """Neighbouring heads of one loss, which are computed together.

    Attributes:
        loss: theirs.
        heads: how many.
        generator: of the method's own noise; heads that draw from it are groups of one.
    """

    loss: Method
    heads: int
    generator: torch.Generator

    def losses(self, scores_HBC: Tensor, y_B: Tensor, problem: Problem) -> Tensor:
        """The mean loss of each head, [H]."""
        samples_HB = one_a_sample(self.loss, scores_HBC, y_B.expand(self.heads, -1), problem)
        return samples_HB.mean(-1) + self.loss.regulariser(problem)


class Stack:
    """H runs that share data, split, batch order and head, and differ in their losses and learning rates.

    Args:
        settings: of each run.
        splits: train, valid and test rows, on the device.
        dims: D, hidden dimensions, C.
        generator: the run's stream, as the split left it.
        device: where heads and scores are.
        problem: what the losses may know.
    """

    def __init__(
        self,
        settings: Sequence[Settings],
        splits: Splits,
        dims: Sequence[int],
        generator: torch.Generator,
        device: torch.device,
        problem: Problem,
    ) -> None:
        self.runs = [Run(s.loss) for s in settings]
        self._shared = settings[0].protocol
        self._groups = list(_groups([s.loss for s in settings], self._shared.seed, device))
        self.splits = splits
        self._problem = problem
        self._generator = generator
        self._device = device
        members = [s.loss for s in settings]
        self.head = _head(members, dims, generator, self._shared, problem, device, splits.train.dtype)
        self._views = HeadViews(self.head)
        self._optimizer = _optimizer(self._views, [10**-s.protocol.nloglr for s in settings], self._shared)
        self._rate_factor = 1.0
        self._row_bytes = splits.train.dtype.itemsize * (dims[0] + len(settings) * sum(dims[1:]))
        self._loss_sum_H = torch.zeros(len(settings), device=device, dtype=splits.train.dtype)
        self._steps_summed = 0

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the training rows."""
        return len(self.splits.train) // self._shared.batch_size

    def train(self, progress: Progress) -> None:
        """Train every epoch and evaluate as the protocol says; a run that diverges keeps its `error`."""
        total = self._shared.n_epochs * self.steps_per_epoch
        with progress(total, "step", "training") as bar, _products(self._shared.precision):
            for epoch, step, (x_BD, y_B) in self._batches():
                self.step(x_BD, y_B)
                note = ""
                if protocol.is_evaluated(step, self.steps_per_epoch, self._shared.eval_every):
                    self._evaluate(epoch, step)
                    note = f"epoch {epoch}/{self._shared.n_epochs}, {_shown(self.runs)}"
                bar.advance(1, note)
                if all(run.error for run in self.runs):
                    return
        self._keep_prototypes()

    def _batches(self) -> Iterator[tuple[int, int, tuple[Tensor, Tensor]]]:
        """Every batch of the run, with its epoch and its step in the epoch, both from 1."""
        rows = self.splits.train
        for epoch in range(1, self._shared.n_epochs + 1):
            order = protocol.epoch_order(len(rows), self._generator)
            self._rate_factor = scheduled(epoch, self._shared.lr_steps)
            batches = rows.batches(order, self._shared.batch_size, drop_last=True)
            for step, batch in enumerate(batches, start=1):
                yield epoch, step, batch

    def step(self, x_BD: Tensor, y_B: Tensor) -> None:
        """One step of all heads; nothing in it waits for the device."""
        with _scoring(self._shared.precision, self._device):
            scores_HBC = self.head(x_BD)
        losses_H = self._losses(scores_HBC, y_B)
        # Of their sum: heads share no parameter. Were a gradient given, torch would import its compiler first (0.4 s).
        losses_H.sum().backward()  # type: ignore[no-untyped-call]
        self._views.hand_over_gradients()
        self._optimizer.step(self._rate_factor)
        self.head.update(x_BD, y_B)
        self._loss_sum_H += losses_H.detach()
        self._steps_summed += 1

    def _losses(self, scores_HBC: Tensor, y_B: Tensor) -> Tensor:
        """Each head's mean loss, [H]."""
        state = self.head.state(self._problem)
        # Splitting costs a copy of the scores' gradient, which a stack of one loss need not pay.
        alone = len(self._groups) == 1
        parts = (scores_HBC,) if alone else torch.split(scores_HBC, [group.heads for group in self._groups])
        losses = [
            group.losses(part_HBC, y_B, replace(state, generator=group.generator))
            for group, part_HBC in zip(self._groups, parts, strict=True)
        ]
        return losses[0] if alone else torch.cat(losses)

    def _evaluate(self, epoch: int, step: int) -> None:
        losses = self._mean_losses()
        at = (epoch, (epoch - 1) * self.steps_per_epoch + step)
        is_last = at == (self._shared.n_epochs, self._shared.n_epochs * self.steps_per_epoch)
        distances = self._problem.distances
        valid = evaluation.measure(self._scored(self.splits.valid), distances, whole=False)
        always = is_last or self._shared.eval_test == "always"
        wanted = [
            not run.error and isfinite(loss) and bool(always or run.selection.beaten(measured.accuracies))
            for run, loss, measured in zip(self.runs, losses, valid, strict=True)
        ]
        tests: Sequence[Measured | None] = [None] * len(self.runs)
        if any(wanted):
            tests = evaluation.measure(self._scored(self.splits.test), distances)
        for run, loss, measured, wants, test in zip(self.runs, losses, valid, wanted, tests, strict=True):
            if not run.error:
                _record(run, Evaluation(*at, measured, test if wants else None), loss)

    def _keep_prototypes(self) -> None:
        points_HCE = self.head.state(self._problem).prototypes
        if points_HCE is not None:
            for run, points_CE in zip(self.runs, points_HCE.detach(), strict=True):
                run.prototypes = points_CE.to("cpu", torch.float32, copy=True).numpy()

    def _mean_losses(self) -> list[float]:
        """Each head's mean loss since the last evaluation; NaN where its last step has spoilt a weight."""
        means_H = self._loss_sum_H / self._steps_summed
        sound_H = torch.stack([stack.isfinite().flatten(1).all(1) for stack in self.head.parameters()]).all(0)
        self._loss_sum_H.zero_()
        self._steps_summed = 0
        means: list[float] = means_H.where(sound_H, torch.nan).tolist()
        return means

    @torch.no_grad()
    def _scored(self, rows: Rows) -> Iterator[tuple[Tensor, Tensor]]:
        """Scores [H, B, C] and labels [B] of every row, in blocks, so that memory is bounded."""
        self.head.eval()
        for x_BD, y_B in rows.in_order(max(1, _EVALUATION_BYTES // self._row_bytes)):
            yield self.head(x_BD), y_B
        self.head.train()


def _groups(losses: Sequence[Method], seed: int, device: torch.device) -> Iterator[_Group]:
    for loss, equal in groupby(losses):
        count = len(list(equal))
        for size in [1] * count if loss.draws_noise else [count]:
            yield _Group(loss, size, protocol.noise(seed, "method", device))


def _record(run: Run, at: Evaluation, loss: float) -> None:
    entry: dict[str, Any] = {"epoch": at.epoch, "step": at.step, "loss": loss}
    for split, measured in (("valid", at.valid), ("test", at.test)):
        entry[split] = dict(measured.accuracies) if measured else None
        if measured and measured.costs:
            entry[f"{split}_costs"] = dict(measured.costs)
    run.history.append(entry)
    if isfinite(loss):
        run.selection.observe(at)
    else:
        where = f"epoch {at.epoch}, step {at.step}"
        cure = "try a larger --nloglr, or see that the data and the loss are finite"
        run.error = f"diverged: loss or weights are not finite at {where}; {cure}"


def _shown(runs: Sequence[Run]) -> str:
    """The state of the stack in a few words: its best run."""
    latest = max((run.history[-1] for run in runs), key=lambda entry: float(entry["valid"]["top1"]))
    valid: Mapping[str, float] = latest["valid"]
    return f"loss {latest['loss']:.4f}, validation {100 * valid['top1']:.2f} | {100 * valid['top5']:.2f}"


def _head(
    members: Sequence[Method],
    dims: Sequence[int],
    generator: torch.Generator,
    shared: Protocol,
    problem: Problem,
    device: torch.device,
    dtype: torch.dtype,
) -> Head:
    first = members[0]
    if any((each.head, each.head_options()) != (first.head, first.head_options()) for each in members):
        raise ValueError("runs of one stack share their head")
    dropout = protocol.noise(shared.seed, "dropout", device) if shared.apply_dropout else None

    def maps(out_dim: int) -> FeedForward:
        return FeedForward(
            len(members), [*dims[:-1], out_dim], generator, apply_relu=shared.apply_relu, dropout=dropout
        )

    head = heads.build(first.head, maps, dims[-1], problem, generator, first.head_options())
    return head.to(device, dtype)


def _optimizer(views: HeadViews, rates: Sequence[float], shared: Protocol) -> Optimizer:
    if shared.optimizer == "sgd":
        return SGD(views, rates, shared.momentum, shared.nesterov, shared.weight_decay)
    return Adam(views, rates, shared.weight_decay)


def _scoring(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Scores of a training step in bfloat16, if asked for; evaluation never is: ties would count against it."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


@contextmanager
def _products(precision: str) -> Iterator[None]:
    """Let matrix products use TF32 if asked for, and leave the process's own setting as it was."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "high" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
