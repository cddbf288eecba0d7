"""Training steps as a CUDA graph: captured once and replayed for each batch; the host launches one thing a step.

A step launches hundreds of small kernels, more slowly than a GPU does them. What is captured computes the same.
"""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

Batches = Sequence[tuple[Tensor, Tensor]]
Step = Callable[[Batches, float], None]
Capture = Callable[[Callable[[], None]], Callable[[], None]]
"""Turns work into what repeats it, without doing it yet."""

_EAGER_FIRST = 3  # steps in which libraries make what they keep, which cannot be captured


class Replayed:
    """Takes steps, all but the first few by replaying one.

    Args:
        capture: how it is captured.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._how: Hashable = None
        self._eager = 0
        self._replay: Callable[[], None] | None = None
        self._fixed: Batches = ()  # where the captured step reads its batches
        self.error: str | None = None
        """Why steps cannot be captured, if they cannot: then all are taken as they come."""
        self.captured = False
        """Whether any step was."""

    def __call__(self, step: Step, rows: Batches, rate_factor: float, how: Hashable) -> None:
        """Take a step.

        Args:
            step: takes it, in the same way whenever `how` is the same.
            rows: a batch of each lane, always of the same sizes.
            rate_factor: of the learning rates.
            how: what else makes the step another one; when it changes, or the factor does, the step is captured anew.
        """
        if (rate_factor, how) != self._how:
            self._how, self._replay, self._eager = (rate_factor, how), None, 0
        if self._replay is None and self._eager >= _EAGER_FIRST and not self.error:
            self._try_to_capture(step, rows, rate_factor)
        if self._replay is None:
            self._eager += 1
            step(rows, rate_factor)
            return
        for (x_BD, y_B), (fixed_x_BD, fixed_y_B) in zip(rows, self._fixed, strict=True):
            fixed_x_BD.copy_(x_BD)
            fixed_y_B.copy_(y_B)
        self._replay()

    def _try_to_capture(self, step: Step, rows: Batches, rate_factor: float) -> None:
        self._fixed = [(x_BD.clone(), y_B.clone()) for x_BD, y_B in rows]
        try:
            self._replay = self._capture(lambda: step(self._fixed, rate_factor))
            self.captured = True
        except RuntimeError as error:  # a loss that waits for the device, say
            self.error = str(error).partition("\n")[0]


def cuda_graph(work: Callable[[], None]) -> Callable[[], None]:
    """Capture work on the current CUDA device.

    Raises:
        RuntimeError: it waits for the device, or does what else cannot be captured.
    """
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    # Of this thread alone: another may be gathering the next batches, which allocates.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    return graph.replay
