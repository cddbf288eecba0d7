"""A training step against what softmax's cannot do without: two matrix products and the optimizer's step.

    python benchmarks/step.py --method softmax_cross_entropy --threads 2
    python benchmarks/step.py --method softmax_cross_entropy bitonic --device cuda --classes 10450
    python benchmarks/step.py --device cuda --heads 1 2 4 8 16 36 64

The step is the trainer's own, from gathering the batch to the updated weights, on a GPU replayed as a CUDA graph.
Heads differ in their learning rates. On a CPU a loss on a short-list does not need the whole floor: its second product
is mostly one with zeros, and not made (`ops.linear`). Floor, of one head, and step take turns, 20 of each a round; the
figures are medians over rounds of the mean time in a round.

Legend: B batch, C classes, D embedding.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch

from topkbench import batches, settings, store, train
from topkbench.optimizer import Adam
from topkbench.passes import Pass
from topkbench.replayed import Batches

DIM, BATCH, ROWS = 2048, 500, 20_000
STEPS_A_ROUND = 20


def build(folder: Path, method: str, classes: int, device: str, heads: int) -> Pass:
    """Heads over random rows, held in memory or on the device."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((ROWS, DIM), dtype=np.float32), rng.integers(classes, size=ROWS)
    data = store.create(folder / "random.h5", {"train": rows, "test": rows}, n_classes=classes)
    residency = "ram" if device == "cpu" else "device"
    options = {"device": device, "residency": residency, "valid_size": 1000, "batch_size": BATCH}
    rates = [4.5 + 0.01 * head for head in range(heads)]
    return train.build(data, [settings.resolve(method, {**options, "nloglr": r}, train.facts(data)) for r in rates])


def endless(together: Pass) -> Iterator[Batches]:
    """Training batches without end."""
    rows = together.stacks[0].splits.train
    while True:
        yield from batches.batches([rows], [torch.randperm(len(rows))], BATCH, drop_last=True)


def bare_step(classes: int, device: str) -> Callable[[], None]:
    """What no training step of a linear head with softmax can do without."""
    weight, bias = torch.randn(classes, DIM, device=device) / 50, torch.zeros(classes, device=device)
    x_BD = torch.randn(BATCH, DIM, device=device)
    gradient_BC = torch.randn(BATCH, classes, device=device) / BATCH
    optimizer = Adam([[weight, bias]], [1e-4])
    bias.grad = torch.randn(classes, device=device) / BATCH

    def step() -> None:
        torch.mm(x_BD, weight.T)
        weight.grad = torch.mm(gradient_BC.T, x_BD)
        optimizer.step()

    return step


def timed(step: Callable[[], None], device: str) -> float:
    """Milliseconds a step, over a round; on a GPU until all of its steps are done."""
    start = time.perf_counter()
    for _ in range(STEPS_A_ROUND):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / STEPS_A_ROUND * 1e3


def compare(method: str, classes: int, device: str, heads: int, rounds: int) -> tuple[float, float, float]:
    """Medians of the floor's and the step's milliseconds and of their ratio; the first round only warms up."""
    with tempfile.TemporaryDirectory() as folder:
        together = build(Path(folder), method, classes, device, heads)
        rows, alone = endless(together), bare_step(classes, device)

        def step() -> None:
            together.take([next(rows)], 1.0)

        pairs = [(timed(alone, device), timed(step, device)) for _ in range(rounds + 1)]
    if together.replayed and together.replayed.error:
        print(f"not captured: {together.replayed.error}", flush=True)
    floors, steps = zip(*pairs[1:], strict=True)
    return median(floors), median(steps), median(step / lower for lower, step in pairs[1:])


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", nargs="+", default=["softmax_cross_entropy"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--heads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| method | heads | threads | floor ms | step ms | step / floor |\n|---|---|---|---|---|---|")
    for method, heads in itertools.product(arguments.method, arguments.heads):
        floor_ms, step_ms, ratio = compare(method, arguments.classes, arguments.device, heads, arguments.rounds)
        shown = f"{floor_ms:.2f} | {step_ms:.2f} | {ratio:.3f}"
        print(f"| {method} | {heads} | {arguments.threads} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
