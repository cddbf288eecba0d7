"""What label noise does to a method, as in Berrada et al. 2018, §5.1, on one prepared data set.

    python benchmarks/label_noise.py data/wordnet826.h5 --results /tmp/noise --seeds 5

Trains softmax_cross_entropy and smooth_topk with each share of redrawn training labels, on several seeds, by the
options that they take there by themselves, and prints the test accuracies as a table of mean ± standard deviation.
What is done already in --results is only read.
"""

import argparse
from pathlib import Path
from statistics import mean, stdev

import torch

from topkbench import train

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
METHODS = ("softmax_cross_entropy", "smooth_topk")


def accuracies(data: Path, results: Path, method: str, share: float, seeds: int) -> list[tuple[float, float]]:
    """Test top-1 and top-5 of each seed, in percent, each at its best validation."""
    found = []
    for seed in range(seeds):
        options = {"label_noise": share, "seed": seed}
        test = train.train(data, results, method, options).record.selected["per_metric"]["test"]
        found.append((100 * test["top1"], 100 * test["top5"]))
    return found


def shown(values: tuple[float, ...]) -> str:
    return f"{mean(values):.2f} ± {stdev(values):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| noise | " + " | ".join(f"{m} top-1 | top-5" for m in METHODS) + " |")
    print("|---|" + "---|" * 2 * len(METHODS))
    for share in SHARES:
        cells = [
            shown(values)
            for method in METHODS
            for values in zip(
                *accuracies(arguments.data, arguments.results, method, share, arguments.seeds), strict=True
            )
        ]
        print(f"| {share:g} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
