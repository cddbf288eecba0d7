"""A grid of 12 runs in one pass against the same runs one by one: time, and whether each is the run it is alone.

    python benchmarks/stacking.py data/wordnet1523.h5
    python benchmarks/stacking.py data/wordnet1523.h5 --device cuda

softmax_cross_entropy with four learning rates, splitter_selection with two and P_K [.5 0 0 0 .5] and [.2 .2 .2 .2 .2],
neuralsort and softsort with one and both P_K.

Time: both train some epochs, in turns; medians. Equality: in float64 the weights after 200 steps; in float32 every
evaluation.

Legend: B batch, D embedding.
"""

import argparse
import itertools
import time
from pathlib import Path
from statistics import median

import torch

from topkbench import settings, train
from topkbench.passes import Pass
from topkbench.progress import silent
from topkbench.settings import Settings
from topkbench.store import Store, open_store
from topkbench.train import Held

P_K = [(0.5, 0.0, 0.0, 0.0, 0.5), (0.2, 0.2, 0.2, 0.2, 0.2)]
RATES = (1.5, 2.0)
GRID: list[tuple[str, dict[str, object]]] = [
    *(("softmax_cross_entropy", {"nloglr": rate}) for rate in (*RATES, 2.5, 3.0)),
    *(("splitter_selection", {"nloglr": rate, "p_k": p_k}) for p_k, rate in itertools.product(P_K, RATES)),
    *((method, {"nloglr": 2.0, "p_k": p_k}) for method, p_k in itertools.product(("neuralsort", "softsort"), P_K)),
]


def members(store: Store, device: str, **shared: object) -> list[Settings]:
    """The grid, resolved."""
    base = {"device": device, "residency": "device" if device == "cuda" else "ram", **shared}
    return [settings.resolve(method, {**own, **base}, train.facts(store)) for method, own in GRID]


def trained(store: Store, runs: list[Settings], held: Held) -> tuple[float, Pass]:
    """Seconds, building included, and what came of it."""
    began = time.perf_counter()
    together = train.build(store, runs, held)
    together.train(silent)
    if runs[0].protocol.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began, together


def times(store: Store, device: str, rounds: int) -> None:
    """Print what a pass takes of the sum of its runs."""
    runs = members(store, device, n_epochs=1, batch_size=100)
    held: Held = {}
    ratios = []
    for _ in range(rounds + 1):
        alone = sum(trained(store, [run], held)[0] for run in runs)
        ratios.append((trained(store, runs, held)[0], alone))
    shown = ", ".join(f"{together:.1f} / {alone:.1f} s" for together, alone in ratios[1:])
    ratio = median(together / alone for together, alone in ratios[1:])
    print(f"| one pass / one by one | {ratio:.3f} | {shown} |", flush=True)


def weights(store: Store, device: str) -> None:
    """Print the largest difference of float64 weights after 200 steps."""
    runs = members(
        store, device, batch_size=100, precision="float64", nloglr=4.5
    )  # sorting networks amplify rounding at higher rates
    worst = 0.0
    for stacked in (False, True):
        together = train.build(store, runs, stacked=stacked)
        after(together, 200)
        views = [view for stack in together.stacks for view in stack.views]
        for run, view in zip(runs, views, strict=True):
            alone = train.build(store, [run])
            after(alone, 200)
            (own,) = alone.stacks[0].views
            worst = max(worst, *(float((one - other).abs().max()) for one, other in zip(view, own, strict=True)))
        print(f"| float64, 200 steps, {'one stack' if stacked else 'a stack each'} | {worst:.1e} | |", flush=True)


def after(together: Pass, steps: int) -> None:
    """Take so many steps."""
    for _, _, ((x_BD, y_B),) in itertools.islice(together.batches(), steps):
        for stack in together.stacks:
            stack.step(x_BD, y_B)


def evaluations(store: Store, device: str) -> None:
    """Print the largest difference at any evaluation, in points."""
    runs = members(store, device, n_epochs=3, batch_size=100)
    _, together = trained(store, runs, {})
    for at, run in enumerate(runs):
        _, alone = trained(store, [run], {})
        pairs = zip(together.runs[at].history, alone.runs[0].history, strict=True)
        worst = max(100 * abs(one["valid"][k] - other["valid"][k]) for one, other in pairs for k in ("top1", "top5"))
        print(f"| float32, {run.method} {run.protocol.nloglr:g} | {worst:.3f} points | |", flush=True)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    store = open_store(arguments.data)
    print("| what | figure | |\n|---|---|---|")
    times(store, arguments.device, arguments.rounds)
    weights(store, arguments.device)
    evaluations(store, arguments.device)


if __name__ == "__main__":
    main()
