"""Runs of topkbench in float32 against difftopk's script written down plainly, seed by seed.

    python benchmarks/replay.py data/wordnet1523.npz --method splitter_selection neuralsort
    python benchmarks/replay.py data/wordnet1523.npz --method neuralsort --plain float64

The plain script and its losses, out of whole matrices by the papers' definitions, are those of tests/plain.py; draws,
learning rate, batches and steps are the same. Compared is the test accuracy of the last step: where rounding is
amplified, single runs differ, but the means over seeds must agree within two standard errors of their difference.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from torch import Tensor

sys.path.append(str(Path(__file__).parent.parent))

from tests import plain
from topkbench import losses, protocol, store, train

OPTIONS = {"splitter_selection": {"inverse_temperature": 0.5}, "neuralsort": {"inverse_temperature": 1.0}}
BATCH, NLOGLR = 100, 1.5


def ours(data: Path, method: str, epochs: int, seed: int) -> tuple[float, float]:
    """Test top-1 and top-5 after the last step of a run of topkbench."""
    chosen = {
        "n_epochs": epochs,
        "nloglr": NLOGLR,
        "batch_size": BATCH,
        "seed": seed,
        "device": "cpu",
        "eval_every": 10**6,
    }
    with tempfile.TemporaryDirectory() as results:
        record = train.train(data, Path(results), method, {**chosen, **OPTIONS[method]}).record
    test = record.selected["last"]["test"]
    return test["top1"], test["top5"]


def theirs(data: store.Store, method: str, epochs: int, seed: int, dtype: torch.dtype) -> tuple[float, float]:
    """The same of the plain script, whose weights and losses are of a type."""
    x, y = (torch.from_numpy(np.array(part)) for part in (data.splits["train"].embeddings, data.splits["train"].labels))
    loss = losses.load(method, **OPTIONS[method])
    assert isinstance(loss, losses.TopKCrossEntropy)
    assert loss.m is not None
    model = plain.train(
        x,
        y.long(),
        valid_size := protocol.default_valid_size(len(x), data.n_classes),
        plain.top_k_cross_entropy(method, loss.p_k, loss.m, OPTIONS[method]["inverse_temperature"]),
        lr=10**-NLOGLR,
        batch_size=BATCH,
        steps=epochs * ((len(x) - valid_size) // BATCH),
        dims=(data.dim, data.n_classes),
        seed=seed,
        dtype=dtype,
    )
    return accuracy(model.float(), data)


@torch.no_grad()
def accuracy(model: torch.nn.Module, data: store.Store) -> tuple[float, float]:
    """Test top-1 and top-5."""
    x: Tensor = torch.from_numpy(np.array(data.splits["test"].embeddings)).float()
    hit = model(x).topk(5).indices == torch.from_numpy(np.array(data.splits["test"].labels)).unsqueeze(-1)
    return float(hit[:, 0].float().mean()), float(hit.any(1).float().mean())


def main() -> None:
    """Run every seed both ways and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", type=Path)
    parser.add_argument("--method", nargs="+", default=list(OPTIONS), choices=list(OPTIONS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plain", choices=["float32", "float64"], default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        "| method | metric | topkbench | plain script | difference | two standard errors |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder, np.load(arguments.dump) as dump:
        path = Path(folder) / f"{arguments.dump.stem}.h5"
        data = store.create(path, {s: (dump[f"{s}_embeddings"], dump[f"{s}_labels"]) for s in ("train", "test")})
        for method in arguments.method:
            seeds = range(arguments.seeds)
            own = [ours(path, method, arguments.epochs, seed) for seed in seeds]
            other = [theirs(data, method, arguments.epochs, seed, getattr(torch, arguments.plain)) for seed in seeds]
            for metric, a, b in zip(("top-1", "top-5"), zip(*own, strict=True), zip(*other, strict=True), strict=True):
                error = 2 * ((stdev(a) ** 2 + stdev(b) ** 2) / len(a)) ** 0.5
                shown = " | ".join(f"{100 * mean(v):.2f} ± {100 * stdev(v):.2f}" for v in (a, b))
                print(
                    f"| {method} | {metric} | {shown} | {100 * (mean(a) - mean(b)):+.2f} | {100 * error:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
