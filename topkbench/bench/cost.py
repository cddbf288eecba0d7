"""What a loss costs: time and memory of its forward and backward pass, and the training step around them.

Legend: B batch, C classes, D embedding.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import torch
from torch import Tensor

from topkbench.allocator import is_out_of_memory
from topkbench.bench.contenders import MeanLoss
from topkbench.errors import DataError
from topkbench.heads import FeedForward, HeadViews
from topkbench.optimizer import Adam

TOO_MANY = 2**31
"""Sizes from here on are no sizes."""


@contextmanager
def memory_for(what: str, sizes: str = "--batch or --classes") -> Iterator[None]:
    """Tell of memory that is too small for what is measured, and which sizes decide.

    Raises:
        DataError: it is.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise DataError(f"out of memory: {what}: {error}; use a smaller {sizes}") from error


def time_and_ratio(loss: MeanLoss, scores_BC: Tensor, label_B: Tensor, rounds: int) -> tuple[float, float]:
    """Seconds of both passes, and their ratio to those of torch's cross-entropy; medians over turns."""
    passes = [timed_passes(each, scores_BC, label_B) for each in (loss, torch.nn.functional.cross_entropy)]
    turns = [[both() for both in passes] for _ in range(rounds + 2)][2:]  # two to warm up
    return median(own for own, _ in turns), median(own / plain for own, plain in turns)


def timed_passes(loss: MeanLoss, scores_BC: Tensor, label_B: Tensor) -> Callable[[], float]:
    """A function that makes both passes and gives the seconds that they took."""
    both = _passes(loss, scores_BC, label_B)
    return lambda: _timed(both, scores_BC.device)


def forward_and_backward(function: Callable[[Tensor], Tensor], x: Tensor, rounds: int) -> tuple[float, float]:
    """Seconds of each pass of a function whose result is summed; medians over turns."""
    own = x.detach().clone().requires_grad_()
    turns = []
    for _ in range(rounds + 1):
        result: list[Tensor] = []
        forward = _timed(lambda result=result: result.append(function(own).sum()), x.device)  # type: ignore[misc]
        turns.append((forward, _timed(result[0].backward, x.device)))
        own.grad = None
    return median(each for each, _ in turns[1:]), median(each for _, each in turns[1:])  # one to warm up


def step_without_loss(loss: MeanLoss, scores_BC: Tensor, label_B: Tensor, dim: int, rounds: int) -> float:
    """Seconds of a linear head's training step but for its loss: two products and fused Adam; median over rounds.

    It depends on the loss all the same: on a CPU a gradient for few classes makes the second cheaper (`ops.linear`).
    """
    own_BC = scores_BC.detach().clone().requires_grad_()
    (gradient_BC,) = torch.autograd.grad(loss(own_BC, label_B), own_BC)
    batch, classes = scores_BC.shape
    generator = torch.Generator().manual_seed(0)
    x_BD = torch.randn(batch, dim, generator=generator).to(scores_BC.device)
    head = FeedForward(1, [dim, classes], generator).to(scores_BC.device)
    views = HeadViews(head)
    optimizer = Adam(views, [1e-4])

    def step() -> None:
        head(x_BD).backward(gradient_BC.unsqueeze(0))
        views.hand_over_gradients()
        optimizer.step()

    return median([_timed(step, scores_BC.device) for _ in range(rounds + 2)][2:])


def peak_bytes(loss: MeanLoss, scores_BC: Tensor, label_B: Tensor) -> int:
    """Bytes that both passes take at most, beside their inputs."""
    both = _passes(loss, scores_BC, label_B)
    both()  # what is cached for good is no cost of a step
    if scores_BC.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(scores_BC.device)
        before = torch.cuda.memory_allocated(scores_BC.device)
        both()
        return torch.cuda.max_memory_allocated(scores_BC.device) - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler announces its stages on stderr
    with torch.autograd.profiler.profile(profile_memory=True) as profile:
        both()
    results = profile.kineto_results
    if results is None:
        raise RuntimeError("torch's profiler has seen nothing")
    allocations = sorted((e for e in results.events() if e.name() == "[memory]"), key=lambda e: e.start_ns())
    peak = held = 0
    for allocation in allocations:
        held += allocation.nbytes()  # negative where memory is given back
        peak = max(peak, held)
    return peak


def _passes(loss: MeanLoss, scores_BC: Tensor, label_B: Tensor) -> Callable[[], None]:
    own_BC = scores_BC.detach().clone().requires_grad_()

    def both() -> None:
        loss(own_BC, label_B).backward()  # type: ignore[no-untyped-call]
        own_BC.grad = None

    return both


def _timed(function: Callable[[], None], device: torch.device) -> float:
    _wait_for(device)
    start = time.perf_counter()
    function()
    _wait_for(device)
    return time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
