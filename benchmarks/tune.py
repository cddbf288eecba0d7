"""Search a method's options on one data set by validation alone; the test split is never looked at.

    python benchmarks/tune.py data/wordnet826.h5 splitter_selection --seeds 3 nloglr=1.5,2 inverse_temperature=1,4

Prints, best first, the mean over seeds of the best validation top-1 and top-5, each at its own best evaluation, and
where the classes have a hierarchy what the mistakes cost at the best top-1.
"""

import argparse
import itertools
from math import nan
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from topkbench import settings, train
from topkbench.progress import silent
from topkbench.store import Store, open_store


def best_validation(store: Store, method: str, options: dict[str, Any]) -> list[float]:
    """Best validation top-1 and top-5 of one run, and its average cost if any."""
    resolved = settings.resolve(method, {**options, "device": "cpu", "residency": "ram"}, train.facts(store))
    alone = train.build(store, [resolved])
    alone.train(silent)
    history = alone.runs[0].history
    best_top1 = max(history, key=lambda entry: entry["valid"]["top1"])
    costs = best_top1.get("valid_costs", {})
    return [
        best_top1["valid"]["top1"],
        max(entry["valid"]["top5"] for entry in history),
        *([costs["average_cost"]] if costs else []),
    ]


def value(text: str) -> int | float | str:
    """An option's value as the command line would take it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def main() -> None:
    """Run the grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("method")
    parser.add_argument("grid", nargs="+", metavar="OPTION=V1,V2,…")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    store = open_store(arguments.data)
    axes = {name: values.split(",") for name, values in (axis.split("=") for axis in arguments.grid)}
    rows = []
    for point in itertools.product(*axes.values()):
        options = {name: value(text) for name, text in zip(axes, point, strict=True)}
        results = [best_validation(store, arguments.method, {**options, "seed": s}) for s in range(arguments.seeds)]
        means = [mean(values) for values in zip(*results, strict=True)]
        rows.append((means, " ".join(f"{n}={v}" for n, v in options.items())))
        print(rows[-1][1], *(f"{number:.4f}" for number in means), flush=True)
    print("\n| validation top-1 | top-5 | average cost | options |\n|---|---|---|---|")
    for (top1, top5, *costs), shown in sorted(rows, reverse=True):
        print(f"| {top1:.2%} | {top5:.2%} | {costs[0] if costs else nan:.3f} | {shown} |")


if __name__ == "__main__":
    main()
