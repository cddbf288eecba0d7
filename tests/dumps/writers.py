"""Real files of every format, written by the libraries that people write them with."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import safetensors.numpy
import torch

Arrays = Mapping[str, np.ndarray]
Writer = Callable[[Path, Arrays], object]


def _tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(array.copy()) for key, array in arrays.items()}


def _torch(path: Path, arrays: Arrays, **options: object) -> None:
    torch.save(_tensors(arrays), path, **options)


def _pickle(protocol: int, content: Callable[[Arrays], object] = dict) -> Writer:
    return lambda path, arrays: path.write_bytes(pickle.dumps(content(arrays), protocol))


def _npz(path: Path, arrays: Arrays, save: Callable[..., None] = np.savez) -> None:
    with path.open("wb") as file:  # a name would get .npz appended
        save(file, **arrays)


def _hdf5(path: Path, arrays: Arrays, **options: object) -> None:
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file.create_dataset(key, data=array, **options)


# Format as the dump names it → what writes it.
WRITERS: dict[str, tuple[str, Writer]] = {
    "torch": ("torch zip", _torch),
    "torch, protocol 4": ("torch zip", lambda path, arrays: _torch(path, arrays, pickle_protocol=4)),
    "torch of arrays": ("torch zip", lambda path, arrays: torch.save(dict(arrays), path)),
    "legacy": ("torch legacy", lambda path, arrays: _torch(path, arrays, _use_new_zipfile_serialization=False)),
    "legacy, protocol 4": (
        "torch legacy",
        lambda path, arrays: _torch(path, arrays, _use_new_zipfile_serialization=False, pickle_protocol=4),
    ),
    **{f"pickle {protocol} of arrays": ("pickle", _pickle(protocol)) for protocol in range(2, 6)},
    **{f"pickle {protocol} of tensors": ("pickle", _pickle(protocol, _tensors)) for protocol in range(2, 6)},
    "npz": ("npz", _npz),
    "npz, deflated": ("npz", lambda path, arrays: _npz(path, arrays, np.savez_compressed)),
    "safetensors": ("safetensors", lambda path, arrays: safetensors.numpy.save_file(dict(arrays), path)),
    "hdf5": ("hdf5", _hdf5),
    "hdf5, deflated": ("hdf5", lambda path, arrays: _hdf5(path, arrays, compression="gzip")),
    "hdf5 behind a user block": (
        "hdf5",
        lambda path, arrays: h5py.File(path, "w", userblock_size=1024).update(arrays),
    ),
}
