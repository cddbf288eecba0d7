"""How long `topkbench prepare` takes, beside `cp` of the same file to the same disk, and what memory it needs.

    python benchmarks/convert.py --folder /tmp/convert --gigabytes 6

The two take turns, both ending with the file on the disk (`sync FILE`); the ratio is the median over the rounds, each
round's two runs being neighbours in time. Each starts some seconds after the last one's file was deleted: on a virtual
machine freed memory goes back to the host, and who comes at once finds pages that need not be fetched again, which
alone makes a copy up to three times faster. Needs three times the dump's size of disk, and memory of once its size for
the pickle.
"""

import argparse
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import watched

DIM = 2048
CLASSES = 1000
RUN = "from topkbench.cli import main; main()"
IMPORTS = "import topkbench.cli, topkbench.cli._progress, topkbench.prepare"
PAUSE = 6.0

Arrays = dict[str, np.ndarray[Any, Any]]


def main() -> None:
    """Write each dump, time the rounds, print a row of the table."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    baseline = _baseline()
    print("| dump | GB | cp, s | prepare, s | ratio | prepare, MB/s | RssAnon, MiB | above imports, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, dump in _dumps(options.folder, options.gigabytes):
        rounds = [(_copy(dump), _prepare(dump)) for _ in range(options.rounds)]
        print(_row(name, dump.stat().st_size, rounds, baseline), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "topkbench-convert")
    parser.add_argument("--gigabytes", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _dumps(folder: Path, gigabytes: float) -> Iterator[tuple[str, Path]]:
    """Write one dump after the other, each deleted when its turn is over."""
    raw, dump = folder / "raw.bin", folder / "dump"
    arrays = _arrays(raw, int(gigabytes * 1e9 / 4 / DIM))
    try:
        for name, write in WRITERS.items():
            write(dump, arrays)
            _sync(dump)
            yield name, dump
            dump.unlink()
    finally:
        raw.unlink()
        dump.unlink(missing_ok=True)


def _arrays(raw: Path, rows: int) -> Arrays:
    """Random embeddings, mapped from a file: torch.save then needs no memory."""
    rng = np.random.default_rng(0)
    with raw.open("wb") as file:
        for start in range(0, rows, 4096):
            rng.standard_normal((min(4096, rows - start), DIM), np.float32).tofile(file)
    x = np.memmap(raw, np.float32, "r+", shape=(rows, DIM)).view(np.ndarray)
    y = rng.permutation(np.arange(rows) % CLASSES)
    n = rows - rows // 25
    return {"train_embeddings": x[:n], "train_labels": y[:n], "test_embeddings": x[n:], "test_labels": y[n:]}


def _save_torch(path: Path, arrays: Arrays, *, zipped: bool) -> None:
    # from_numpy, not a slice of one tensor: torch saves the whole storage that a slice belongs to.
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)


def _save_pickle(path: Path, arrays: Arrays) -> None:
    with path.open("wb") as file:
        pickle.dump(arrays, file, protocol=4)


WRITERS: dict[str, Callable[[Path, Arrays], None]] = {
    "torch zip": lambda path, arrays: _save_torch(path, arrays, zipped=True),
    "torch legacy": lambda path, arrays: _save_torch(path, arrays, zipped=False),
    "pickle, protocol 4": _save_pickle,
}


def _copy(dump: Path) -> watched.Run:
    return _timed(["cp", dump, dump.with_name("copy")], dump.with_name("copy"))


def _prepare(dump: Path) -> watched.Run:
    out = dump.with_name("store.h5")
    return _timed([sys.executable, "-c", RUN, "prepare", dump, "--out", out], out)


def _timed(command: list[str | Path], out: Path) -> watched.Run:
    """Run a command, sync what it wrote, and delete it."""
    time.sleep(PAUSE)
    found = watched.run(command, sync=out)
    out.unlink()
    return found


def _sync(path: Path) -> None:
    subprocess.run(["sync", path], check=True)


def _baseline() -> float:
    """Give what the imports of `prepare` alone take."""
    code = f"{IMPORTS}; print(open('/proc/self/status').read())"
    return watched.anonymous(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


def _row(name: str, size: int, rounds: list[tuple[watched.Run, watched.Run]], baseline: float) -> str:
    copied, prepared = (statistics.median(run.seconds for run in runs) for runs in zip(*rounds, strict=True))
    ratio = statistics.median(mine.seconds / theirs.seconds for theirs, mine in rounds)
    memory = max(mine.memory for _, mine in rounds)
    return (
        f"| {name} | {size / 1e9:.1f} | {copied:.1f} | {prepared:.1f} | {ratio:.2f} | {size / prepared / 1e6:.0f} "
        f"| {memory:.0f} | {memory - baseline:.0f} |"
    )


if __name__ == "__main__":
    main()
