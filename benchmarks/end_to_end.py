"""One epoch of bitonic, whole processes side by side: `topkbench train` against the field's usual script.

    python benchmarks/end_to_end.py --rounds 3

60,000 training, 10,000 validation and 10,000 test rows of 2048 dimensions, float32, 1000 classes, batch 500, an
evaluation every 100 steps. `plain_script.py` needs difftopk 0.2.0 and diffsort. The processes take turns; figures are
medians over the rounds, the ratio is the median of each round's.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import torch
import watched

DIM, CLASSES, TRAIN, VALID, TEST = 2048, 1000, 60_000, 10_000, 10_000
TOPKBENCH = [sys.executable, "-c", "from topkbench.cli import main; main()"]
RESIDENCIES = ("ram", "mmap")


def write_dump(path: Path) -> None:
    """Classes scattered around random centres."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLASSES, DIM), np.float32)
    dump = {}
    for split, rows in (("train", TRAIN + VALID), ("test", TEST)):
        labels = rng.integers(CLASSES, size=rows)
        noise = rng.standard_normal((rows, DIM), np.float32)
        dump[f"{split}_embeddings"] = torch.from_numpy(centres[labels] + 2 * noise)
        dump[f"{split}_labels"] = torch.from_numpy(labels)
    torch.save(dump, path)


def train(data: Path, residency: str, env: dict[str, str]) -> watched.Run:
    """One epoch by topkbench."""
    results = data.with_name("results")
    shutil.rmtree(results, ignore_errors=True)
    options = {"method": "bitonic", "n-epochs": 1, "nloglr": 4.5, "valid-size": VALID, "residency": residency}
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return watched.run([*TOPKBENCH, "train", "--data", data, "--results", results, *flags], env=env)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    env = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}
    script = Path(__file__).with_name("plain_script.py")
    with tempfile.TemporaryDirectory() as folder:
        dump, data = Path(folder) / "dump.pt", Path(folder) / "dump.h5"
        write_dump(dump)
        converted = watched.run([*TOPKBENCH, "prepare", dump, "--out", data], sync=data, env=env)
        rounds = [
            [watched.run([sys.executable, script, dump], env=env), *(train(data, where, env) for where in RESIDENCIES)]
            for _ in range(arguments.rounds)
        ]
    print("| process | seconds | of the plain script's | RssAnon, MiB | of the plain script's |\n|---|---|---|---|---|")
    for name, runs in zip(("plain script", *RESIDENCIES), zip(*rounds, strict=True), strict=True):
        plain = [each[0] for each in rounds]
        time, memory = (
            median(getattr(run, field) / getattr(other, field) for run, other in zip(runs, plain, strict=True))
            for field in ("seconds", "memory")
        )
        seconds, mib = (median(getattr(run, field) for run in runs) for field in ("seconds", "memory"))
        print(f"| {name} | {seconds:.1f} | {time:.2f} | {mib:.0f} | {memory:.2f} |")
    print(f"\nThe conversion took {converted.seconds:.1f} s and {converted.memory:.0f} MiB.")


if __name__ == "__main__":
    main()
