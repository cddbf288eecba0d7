"""A stack of heads of one seed: one batch, one product, a loss and an optimizer's group for each head.

Legend: H stacked heads, B batch, D embedding, C classes, E dimensions of prototypes.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
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
from topkbench.optimizer import SGD, Adam, Optimizer
from topkbench.problem import Problem
from topkbench.selection import Evaluation, Measured, Selection
from topkbench.settings import Settings

# Of embeddings and scores that an evaluation holds at once: on a CPU more leave the cache, on a GPU less leave it idle.
_EVALUATION_BYTES = {"cpu": 8 * 2**20, "cuda": 256 * 2**20}


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
class _Alike:
    """Neighbouring heads whose losses are computed together.

    Attributes:
        members: their losses, which are alike.
        generator: of the method's own noise; heads that draw from it are groups of one.
    """

    members: Sequence[Method]
    generator: torch.Generator

    def losses(self, scores_HBC: Tensor, y_B: Tensor, problem: Problem) -> Tensor:
        """The mean loss of each head, [H]."""
        target_HB = y_B.expand(len(self.members), -1)
        loss, problem = self.members[0], replace(problem, generator=self.generator)
        try:
            losses_HB = one_a_sample(loss.jointly(self.members, scores_HBC, target_HB, problem), target_HB)
            return losses_HB.mean(-1) + loss.regulariser(problem)
        except SystemExit as error:  # which would end the program as if all were well
            raise RuntimeError(f"the loss calls exit({error.code!r})") from error


class Stack:
    """H runs that share data, split, batch order and head, and differ in their losses and in how they are updated.

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
        self.protocol = settings[0].protocol
        self.is_captured = all(map(is_captured, settings))
        self.splits = splits
        self.generator = generator
        self.head = _head(settings, dims, generator, problem, device, splits.train.dtype)
        self._groups = list(_groups([s.loss for s in settings], self.protocol.seed, device))
        self._problem = problem
        self._device = device
        self.views = HeadViews(self.head)
        self._optimizer = _optimizer(self.views, settings)
        self._row_bytes = splits.train.dtype.itemsize * (dims[0] + len(settings) * sum(dims[1:]))
        self._loss_sum_H = torch.zeros(len(settings), device=device, dtype=splits.train.dtype)
        self._steps_summed = torch.zeros((), device=device)  # a tensor, so that a replayed step counts too

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the training rows."""
        return len(self.splits.train) // self.protocol.batch_size

    def step(self, x_BD: Tensor, y_B: Tensor, rate_factor: float = 1.0) -> None:
        """One step of all heads, at their learning rates times a factor; nothing in it waits for the device."""
        with _scoring(self.protocol.precision, self._device):
            scores_HBC = self.head(x_BD)
        losses_H = self._losses(scores_HBC, y_B)
        # Of their sum: heads share no parameter. Were a gradient given, torch would import its compiler first (0.4 s).
        losses_H.sum().backward()  # type: ignore[no-untyped-call]
        self.views.hand_over_gradients()
        self._optimizer.step(rate_factor)
        self.head.update(y_B)
        self._loss_sum_H += losses_H.detach()
        self._steps_summed += 1

    def _losses(self, scores_HBC: Tensor, y_B: Tensor) -> Tensor:
        """Each head's mean loss, [H]."""
        state = self.head.state(self._problem)
        points = [None] * len(self._groups) if state.prototypes is None else self._parts(state.prototypes)
        losses = [
            group.losses(part_HBC, y_B, replace(state, prototypes=points_HCE))
            for group, part_HBC, points_HCE in zip(self._groups, self._parts(scores_HBC), points, strict=True)
        ]
        return losses[0] if len(losses) == 1 else torch.cat(losses)

    def _parts(self, stacked: Tensor) -> Sequence[Tensor]:
        """What is each group's of something that all heads have, [H, …]."""
        # Splitting costs a copy of the scores' gradient, which a stack of one loss need not pay.
        alone = len(self._groups) == 1
        return (stacked,) if alone else torch.split(stacked, [len(group.members) for group in self._groups])

    def evaluate(self, epoch: int, step: int) -> None:
        """Evaluate after a step of an epoch; a run that has diverged keeps its `error` and is frozen."""
        losses = self._mean_losses()
        steps = self.steps_per_epoch
        is_last = (epoch, step) == (self.protocol.n_epochs, steps)
        valid = evaluation.measure(self._scored(self.splits.valid), self._problem.distances, whole=False)
        always = is_last or self.protocol.eval_test == "always"
        wanted = [
            not run.error and isfinite(loss) and bool(always or run.selection.beaten(measured.accuracies))
            for run, loss, measured in zip(self.runs, losses, valid, strict=True)
        ]
        tests: Sequence[Measured | None] = [None] * len(self.runs)
        if any(wanted):
            tests = evaluation.measure(self._scored(self.splits.test), self._problem.distances)
        at = (epoch, (epoch - 1) * steps + step)
        for run, loss, measured, wants, test in zip(self.runs, losses, valid, wanted, tests, strict=True):
            if not run.error:
                _record(run, Evaluation(*at, measured, test if wants else None), loss)
        self._freeze_the_diverged()

    def _freeze_the_diverged(self) -> None:
        for at, run in enumerate(self.runs):
            if run.error:
                self._optimizer.freeze(at)

    def keep_prototypes(self) -> None:
        """Give each run the prototypes of its head as they are now, if it has any."""
        points_HCE = self.head.state(self._problem).prototypes
        if points_HCE is not None:
            for run, points_CE in zip(self.runs, points_HCE.detach(), strict=True):
                run.prototypes = points_CE.to("cpu", torch.float32, copy=True).numpy()

    def _mean_losses(self) -> list[float]:
        """Each head's mean loss since the last evaluation; NaN where its last step has spoilt a weight."""
        means_H = self._loss_sum_H / self._steps_summed
        sound_H = torch.stack([stack.isfinite().flatten(1).all(1) for stack in self.head.parameters()]).all(0)
        self._loss_sum_H.zero_()
        self._steps_summed.zero_()
        means: list[float] = means_H.where(sound_H, torch.nan).tolist()
        return means

    @torch.no_grad()
    def _scored(self, rows: Rows) -> Iterator[tuple[Tensor, Tensor]]:
        """Scores [H, B, C] and labels [B] of every row, in blocks, so that memory is bounded."""
        self.head.eval()
        for x_BD, y_B in rows.in_order(max(1, _EVALUATION_BYTES[self._device.type] // self._row_bytes)):
            yield self.head(x_BD), y_B
        self.head.train()


def _groups(losses: Sequence[Method], seed: int, device: torch.device) -> Iterator[_Alike]:
    for alike, found in groupby(losses, key=lambda loss: loss.alike()):
        members = list(found)
        for part in [[loss] for loss in members] if alike.draws_noise else [members]:
            yield _Alike(part, protocol.noise(seed, "method", device))


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


def is_captured(settings: Settings) -> bool:
    """Whether steps of a run are captured as a CUDA graph.

    They are where a step is the same work every time: a graph knows nothing of generators, nor of what a user's own
    loss may remember from step to step.
    """
    shared = settings.protocol
    same_work = not (shared.apply_dropout or settings.loss.draws_noise or settings.source)
    return same_work and shared.device == "cuda" and shared.cuda_graph == "auto"


def head_key(loss: Method) -> tuple[str, dict[str, Any]]:
    """What losses of one stack have in common: the head that they want, and what it takes of their options."""
    # A method of the loss that the head calls is told by the loss: bound methods are compared by identity.
    options = {name: getattr(value, "__self__", value) for name, value in loss.head_options().items()}
    return loss.head, options


def _head(
    settings: Sequence[Settings],
    dims: Sequence[int],
    generator: torch.Generator,
    problem: Problem,
    device: torch.device,
    dtype: torch.dtype,
) -> Head:
    loss, shared = settings[0].loss, settings[0].protocol
    if any(head_key(each.loss) != head_key(loss) for each in settings):
        raise ValueError("runs of one stack share their head")
    dropout = protocol.noise(shared.seed, "dropout", device) if shared.apply_dropout else None

    def maps(out_dim: int) -> FeedForward:
        return FeedForward(
            len(settings), [*dims[:-1], out_dim], generator, apply_relu=shared.apply_relu, dropout=dropout
        )

    head = heads.build(loss.head, maps, dims[-1], problem, generator, loss.head_options())
    return head.to(device, dtype)


def _optimizer(views: HeadViews, settings: Sequence[Settings]) -> Optimizer:
    each = [s.protocol for s in settings]
    rates, decays = [10**-own.nloglr for own in each], [own.weight_decay for own in each]
    if each[0].optimizer == "sgd":
        return SGD(views, rates, decays, momentum=each[0].momentum, nesterov=each[0].nesterov)
    return Adam(views, rates, decays)


def _scoring(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Scores of a training step in bfloat16, if asked for; evaluation never is: ties would count against it."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
