"""Payloads stay in the file: anonymous memory grows by a few blocks, however large the dump."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

MIB = 2**20
PROGRAM = """
import re, sys
from pathlib import Path
from topkbench import dumps
import numpy, h5py
def anonymous(): return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
before, most = anonymous(), 0
for array in dumps.read(Path(sys.argv[1])).arrays.values():
    for block in array.blocks(4096):
        block.sum(dtype="f8")
        most = max(most, anonymous())
print(most - before)
"""


def growth(path: Path) -> int:
    """Bytes of anonymous memory that a process of its own needs beyond the imports, at most, to read all blocks."""
    result = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)
    return int(result.stdout)


def write_torch(path: Path, x: np.ndarray) -> None:
    torch.save({"x": torch.from_numpy(x)}, path)


def write_legacy(path: Path, x: np.ndarray) -> None:
    torch.save({"x": torch.from_numpy(x)}, path, _use_new_zipfile_serialization=False)


def write_bfloat16(path: Path, x: np.ndarray) -> None:
    torch.save({"x": torch.from_numpy(x).bfloat16()}, path)


def write_pickle(path: Path, x: np.ndarray, protocol: int = 4, content=lambda x: x) -> None:
    with path.open("wb") as file:
        pickle.dump({"x": content(x)}, file, protocol)


def write_npz(path: Path, x: np.ndarray, save=np.savez) -> None:
    with path.open("wb") as file:
        save(file, x=x)


def write_hdf5(path: Path, x: np.ndarray, **options) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=x, **options)


SMALL = {
    "torch": write_torch,
    "legacy": write_legacy,
    "pickle 3": lambda path, x: write_pickle(path, x, 3),
    "pickle 5": lambda path, x: write_pickle(path, x, 5),
    "npz": write_npz,
}
LARGE = {
    **SMALL,
    "pickle 4": write_pickle,
    "pickle of tensors": lambda path, x: write_pickle(path, x, 4, torch.from_numpy),
    "bfloat16": write_bfloat16,
    "npz, deflated": lambda path, x: write_npz(path, x, np.savez_compressed),
    "hdf5": write_hdf5,
    "hdf5, deflated": lambda path, x: write_hdf5(path, x, compression="gzip", compression_opts=1),
}


@pytest.mark.parametrize("writer", SMALL)
def test_memory_is_bounded(writer, tmp_path):
    SMALL[writer](tmp_path / "x", np.ones((50_000, 256), "f4"))
    assert growth(tmp_path / "x") < 16 * MIB < (tmp_path / "x").stat().st_size


@pytest.mark.long
@pytest.mark.parametrize("writer", LARGE)
def test_memory_is_bounded_for_a_large_file(writer, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300_000, 512 * 4), np.uint8)[:, : 512 * 4]
    LARGE[writer](tmp_path / "x", (noise & 0x3F).view("f4"))
    assert growth(tmp_path / "x") < 64 * MIB < (tmp_path / "x").stat().st_size
    (tmp_path / "x").unlink()
