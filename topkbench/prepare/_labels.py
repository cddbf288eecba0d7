"""Labels: read first, for they are small and tell most of what is wrong before gigabytes are copied."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from topkbench.dumps.arrays import AnyArray, Array
from topkbench.errors import DataError

Labels = npt.NDArray[np.int32]

_ROWS = 2**20  # a block
_MANY = 2**20  # classes, more than any data set has; without a list of them, only as many rows make more believable


def read(split: str, arrays: Sequence[Array], n_classes: int | None) -> Labels:
    """Read one split's labels, one array after the other.

    Args:
        split: Its name, for messages.
        arrays: [N] of any integer type; several where the split comes in shards.
        n_classes: Labels must be less than this; None where only they tell how many classes there are, and a label
            above a million and above the number of rows is taken for damage.

    Raises:
        DataError: There are none, they are not integers, or one is out of range (the first is named).
    """
    blocks: list[Labels] = []
    end = n_classes or max(_MANY, sum(array.shape[0] for array in arrays))
    for array in arrays:
        _check_type(split, array)
        for block in array.blocks(_ROWS):
            _check_range(split, sum(map(len, blocks)), block, end)
            blocks.append(block.astype(np.int32))
    if not blocks:
        raise DataError(f"{arrays[0].path}: the {split} split has no rows")
    return np.concatenate(blocks)


def _check_type(split: str, array: Array) -> None:
    cure = f"save them as integers, or name their key with --map {split}_labels=KEY"
    if array.dtype.kind not in "iu":
        raise DataError(f"{array.path}: {split} labels are {array.dtype}, not integers; {cure}")


def _check_range(split: str, first: int, block: AnyArray, end: int) -> None:
    wrong = np.flatnonzero((block < 0) | (block >= end))
    if not wrong.size:
        return
    value = block[wrong[0]]
    why = "labels count from 0" if value < 0 else f"there are {end:,} classes, from 0, at most"
    raise DataError(
        f"{split} label {value} of row {first + wrong[0]} is out of range: {why}; "
        f"correct the dump, or give --classes a list that has it"
    )
