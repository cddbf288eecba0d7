"""Reading foreign files: each format's arrays, mapped where they lie; nothing in them is ever executed.

    dump = dumps.read(Path("embeddings.pt"))
    for block in dump.arrays["train_embeddings"].blocks(4096): ...

`roles.assign` then says which array is which.
"""

from pathlib import Path

from topkbench.dumps import npy, npz, pickles, safetensors, torch_legacy, torch_zip
from topkbench.dumps.arrays import Array, Dump
from topkbench.dumps.guard import guard
from topkbench.dumps.mapped import open_map
from topkbench.dumps.zips import Members
from topkbench.errors import UsageError

__all__ = ["Array", "Dump", "read"]

READABLE = "torch files (zip and legacy), pickles of protocol 2 to 5, .npz, .npy, .safetensors and HDF5"


def read(path: Path) -> Dump:
    """Open a file whose format is known by its content, never by its name.

    Raises:
        UsageError: There is no such file, or its format is none that can be read.
        DataError: It is damaged, cut short, or contradicts itself.
        UnsafeInputError: It would execute code, holds objects, is a bomb, or points to other files.
    """
    if not path.is_file():
        raise UsageError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; give a file that exists")
    with guard(path):
        if not path.stat().st_size:
            raise UsageError(f"the file is empty; readable are {READABLE}")
        return _read(path, open_map(path))


def _read(path: Path, data: memoryview) -> Dump:
    head = bytes(data[:64])
    if head.startswith(b"PK"):
        return _read_zip(path, data)
    if head.startswith(npy.MAGIC):
        return npy.read(path, data)
    if safetensors.is_safetensors(head):
        return safetensors.read(path, data)
    if torch_legacy.is_torch_legacy(head):
        return torch_legacy.read(path, data)
    if pickles.is_pickle(head):
        return pickles.read(path, data)
    from topkbench.dumps import hdf5  # noqa: PLC0415 - h5py takes a fifth of a second, and most dumps need none

    if hdf5.is_hdf5(data):
        return hdf5.read(path, data)
    raise UsageError(f"not a format that topkbench knows; readable are {READABLE}")


def _read_zip(path: Path, data: memoryview) -> Dump:
    members = Members(path, data)
    if torch_zip.is_torch_zip(members):
        return torch_zip.read(path, members)
    if npz.is_npz(members):
        return npz.read(path, members)
    raise UsageError(f"a zip archive, but of neither torch nor NumPy; readable are {READABLE}")
