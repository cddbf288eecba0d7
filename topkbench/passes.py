"""Training in one pass over the data: stacks of heads in step with each other.

Stacks of one seed see the same batches: they are a lane. On a GPU all heads of a lane are one stack. On a CPU each is a
stack of its own: there a product with H heads costs H products, and the scores of one head at a time stay in the cache.

Legend: B batch, D embedding.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from topkbench import batches, protocol
from topkbench.optimizer import scheduled
from topkbench.progress import Progress
from topkbench.replayed import Batches, Replayed, cuda_graph
from topkbench.stack import Run, Stack

Block = Sequence[Batches]
"""The batches of several steps."""

_IN_A_ROW = 8  # steps of one head before those of the next, on a CPU


class Pass:
    """Runs that are trained together.

    Args:
        lanes: of the same data, protocol and head: stacks of one seed each.
        hierarchy: checksum of the classes' hierarchy, with which costs are measured; None where there is none.

    Raises:
        ValueError: they do not take the same number of steps.
    """

    def __init__(self, lanes: Sequence[Sequence[Stack]], hierarchy: str | None = None) -> None:
        self.hierarchy = hierarchy
        self.stacks = [stack for lane in lanes for stack in lane]
        self._lanes = lanes
        self._shared = self.stacks[0].protocol
        self._steps = self.stacks[0].steps_per_epoch
        if any(stack.steps_per_epoch != self._steps for stack in self.stacks):
            raise ValueError("stacks of one pass take as many steps an epoch as each other")
        self.replayed = Replayed(cuda_graph) if all(stack.is_captured for stack in self.stacks) else None
        self._in_a_row = _IN_A_ROW if len(self.stacks) > 1 and self._shared.device == "cpu" else 1

    @property
    def runs(self) -> list[Run]:
        """Of all stacks, one after the other."""
        return [run for stack in self.stacks for run in stack.runs]

    def train(self, progress: Progress) -> None:
        """Train every epoch and evaluate as the protocol says; a run that diverges keeps its `error`."""
        runs, epochs = self.runs, self._shared.n_epochs
        with progress(epochs * self._steps, "step", _title(len(runs))) as bar, _products(self._shared.precision):
            for epoch, step, block in self.blocks():
                self.take(block, scheduled(epoch, self._shared.lr_steps))
                note = ""
                if protocol.is_evaluated(step, self._steps, self._shared.eval_every):
                    for stack in _alive(self.stacks):
                        stack.evaluate(epoch, step)
                    note = f"epoch {epoch}/{epochs}, {_best(runs)}"
                bar.advance(len(block), note)
                if not _alive(self.stacks):
                    return
        for stack in self.stacks:
            stack.keep_prototypes()

    def take(self, block: Block, rate_factor: float) -> None:
        """The steps of a block, of every stack that goes on."""
        if not self.replayed:
            self._step(block, rate_factor)
            return
        for rows in block:
            self.replayed(self._replayable, rows, rate_factor, tuple(run.error for run in self.runs))

    def _replayable(self, rows: Batches, rate_factor: float) -> None:
        self._step([rows], rate_factor)

    def _step(self, block: Block, rate_factor: float) -> None:
        """One stack takes all its steps before the next does: its weights and moments stay in the cache."""
        for lane, batches_of_lane in zip(self._lanes, zip(*block, strict=True), strict=True):
            for stack in _alive(lane):
                for x_BD, y_B in batches_of_lane:
                    stack.step(x_BD, y_B, rate_factor)

    def blocks(self) -> Iterator[tuple[int, int, Block]]:
        """The batches of some steps up to the next evaluation, with the epoch and the last step's number in it."""
        block: list[Batches] = []
        for epoch, step, rows in self.batches():
            # A batch holds until the next is gathered.
            block.append(rows if self._in_a_row == 1 else [(x_BD.clone(), y_B) for x_BD, y_B in rows])
            if len(block) == self._in_a_row or protocol.is_evaluated(step, self._steps, self._shared.eval_every):
                yield epoch, step, block
                block = []

    def batches(self) -> Iterator[tuple[int, int, Batches]]:
        """A batch for each lane, with its epoch and its step in the epoch, both from 1."""
        first = [lane[0] for lane in self._lanes]
        lanes = [stack.splits.train for stack in first]
        for epoch in range(1, self._shared.n_epochs + 1):
            orders = [protocol.epoch_order(len(stack.splits.train), stack.generator) for stack in first]
            rows = batches.batches(lanes, orders, self._shared.batch_size, drop_last=True)
            for step, each in enumerate(rows, start=1):
                yield epoch, step, each


def _alive(stacks: Sequence[Stack]) -> list[Stack]:
    """The stacks that have a run that goes on."""
    return [stack for stack in stacks if not all(run.error for run in stack.runs)]


def _title(runs: int) -> str:
    return "training" if runs == 1 else f"training {runs} heads"


def _best(runs: Sequence[Run]) -> str:
    """The state of the pass in a few words: its best run."""
    best = max((run.history[-1] for run in runs), key=lambda entry: float(entry["valid"]["top1"]))
    valid: Mapping[str, float] = best["valid"]
    return f"loss {best['loss']:.4f}, validation {100 * valid['top1']:.2f} | {100 * valid['top5']:.2f}"


@contextmanager
def _products(precision: str) -> Iterator[None]:
    """Let matrix products use TF32 if asked for, and leave the process's own setting as it was."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "high" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
