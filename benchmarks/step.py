"""A training step of one head against its floor: the two matrix products and the optimizer's step alone.

    python benchmarks/step.py --method softmax_cross_entropy --threads 2
    python benchmarks/step.py --method softmax_cross_entropy bitonic --device cuda --classes 10450

The step is the trainer's own, from gathering the batch to the updated weights. Floor and step take turns, 20 of each
a round; the figures are medians over rounds of the mean time in a round.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from topkbench import batches, settings, store, train
from topkbench.bench.cost import bare_step
from topkbench.stack import Stack

DIM, BATCH, ROWS = 2048, 500, 20_000
STEPS_A_ROUND = 20


def build(folder: Path, method: str, classes: int, device: str) -> Stack:
    """A stack of one over random rows, held in memory or on the device."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((ROWS, DIM), dtype=np.float32), rng.integers(classes, size=ROWS)
    data = store.create(folder / "random.h5", {"train": rows, "test": rows}, n_classes=classes)
    residency = "ram" if device == "cpu" else "device"
    options = {"device": device, "residency": residency, "valid_size": 1000, "batch_size": BATCH}
    return train.build(data, [settings.resolve(method, options, train.facts(data))]).stacks[0]


def endless(stack: Stack) -> Iterator[tuple[Tensor, Tensor]]:
    """Training batches without end."""
    rows = stack.splits.train
    while True:
        for (pair,) in batches.batches([rows], [torch.randperm(len(rows))], BATCH, drop_last=True):
            yield pair


def timed(step: Callable[[], None], device: str) -> float:
    """Milliseconds a step, over a round; on a GPU until all of its steps are done."""
    start = time.perf_counter()
    for _ in range(STEPS_A_ROUND):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / STEPS_A_ROUND * 1e3


def compare(method: str, classes: int, device: str, rounds: int) -> tuple[float, float, float]:
    """Medians of the floor's and the step's milliseconds and of their ratio; the first round only warms up."""
    with tempfile.TemporaryDirectory() as folder:
        stack = build(Path(folder), method, classes, device)
        rows, alone = endless(stack), bare_step(BATCH, classes, DIM, torch.device(device))
        pairs = [(timed(alone, device), timed(lambda: stack.step(*next(rows)), device)) for _ in range(rounds + 1)]
    floors, steps = zip(*pairs[1:], strict=True)
    return median(floors), median(steps), median(step / lower for lower, step in pairs[1:])


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", nargs="+", default=["softmax_cross_entropy"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| method | threads | floor ms | step ms | step / floor |\n|---|---|---|---|---|")
    for method in arguments.method:
        floor_ms, step_ms, ratio = compare(method, arguments.classes, arguments.device, arguments.rounds)
        print(f"| {method} | {arguments.threads} | {floor_ms:.2f} | {step_ms:.2f} | {ratio:.3f} |", flush=True)


if __name__ == "__main__":
    main()
