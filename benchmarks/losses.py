"""Each method's forward and backward pass against the same of difftopk, turn by turn in one process.

    python benchmarks/losses.py --threads 1

difftopk 0.2.0 (and diffsort, which it imports) must be importable; torch-sparse need not: its dense forms are compared.
Medians over the turns of the times and of their ratio, at 1000 classes with m 16 and at 10,450 with m 50, batch 500;
the top-k SVMs take all classes, with k 5. Then the peak memory of both.
With --keep-memory the process keeps what it frees, as `topkbench train` does, from which difftopk gains as well.
"""

import argparse
from statistics import median

import torch

from topkbench import losses
from topkbench.allocator import keep_freed_memory
from topkbench.bench.contenders import MeanLoss, ours, peers
from topkbench.bench.cost import peak_bytes, timed_passes

METHODS = ("bitonic", "odd_even", "neuralsort", "softsort", "smooth_topk", "smooth_hard_topk")
SIZES = ((1000, 16), (10_450, 50))
BATCH = 500


def compare(own: MeanLoss, theirs: MeanLoss, classes: int, turns: int) -> tuple[float, float, float]:
    """Milliseconds of both and their ratio, the second of two passes each a turn; the first turn only warms up."""
    scores, label = torch.randn(BATCH, classes), torch.randint(classes, (BATCH,))
    first, second = timed_passes(own, scores, label), timed_passes(theirs, scores, label)
    times = []
    for _ in range(turns + 1):
        pair = []
        for passes in (first, second):
            passes()  # the caches are still the other's
            pair.append(passes())
        times.append(pair)
    kept = times[1:]
    own_ms, other_ms = (1e3 * median(column) for column in zip(*kept, strict=True))
    return own_ms, other_ms, median(other / own for own, other in kept)


def peak_mib(loss: MeanLoss, classes: int) -> float:
    """Memory that both passes take at most beside their inputs."""
    return peak_bytes(loss, torch.randn(BATCH, classes), torch.randint(classes, (BATCH,))) / 2**20


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--keep-memory", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.keep_memory:
        keep_freed_memory()
    print("| method | classes | m | threads | topkbench ms | difftopk ms | ratio | MiB | MiB |\n|" + "---|" * 9)
    for classes, m in SIZES:
        for method in arguments.method:
            has_m = "m" in losses.options(method)
            loss = losses.load(method, **({"m": m} if has_m else {"k": 5}))
            theirs = next(peers(method, loss, classes, torch.device("cpu")), None)
            if theirs is None:
                raise SystemExit("difftopk is not installed: pip install difftopk diffsort")
            pair = ours(method, loss).loss, theirs.loss
            own_ms, other_ms, ratio = compare(*pair, classes, arguments.turns)
            memory = " | ".join(f"{peak_mib(each, classes):.0f}" for each in pair)
            figures = f"{own_ms:.2f} | {other_ms:.1f} | {ratio:.1f} | {memory}"
            print(f"| {method} | {classes} | {m if has_m else 'all'} | {arguments.threads} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
