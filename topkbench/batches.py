"""From the store to batches on a device, wherever the embeddings are held; the same bytes in every case.

Legend: N rows, D embedding, B batch, S lanes: parts of the rows, each with an order of its own.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import psutil
import torch
from torch import Tensor

from topkbench.allocator import is_out_of_memory
from topkbench.errors import DataError

RESIDENCIES = ("auto", "device", "ram", "mmap")
_SHARE = 0.7  # of the free memory that embeddings may take: the rest is for heads, logits and other programs
_AHEAD = 2  # batches gathered ahead of the step
_ROWS_A_COPY = 16_384

T = TypeVar("T")


class Embeddings(Protocol):
    """Rows of embeddings that can be gathered."""

    home: torch.device
    """Where they are gathered, and so where an index has to be."""
    waits: bool
    """Whether gathering may wait for a disk or a copy, so that it pays to do it ahead of the step."""

    def take(self, index_B: Tensor) -> Tensor:
        """The rows of an index, [B, D] in the stored type, on the device; they hold until the next are taken."""


class Held:
    """All rows in one tensor, in memory or on the device."""

    def __init__(self, embeddings: npt.NDArray[np.floating], home: torch.device, device: torch.device) -> None:
        self._rows_ND = _in_memory(embeddings) if home.type == "cpu" else _on_device(embeddings, home)
        self._device = device
        self.home = home
        self.waits = home != device
        self._taken_BD = self._rows_ND[:0]

    def take(self, index_B: Tensor) -> Tensor:
        """The rows of an index, gathered where they are held; on the device always into the same memory."""
        if self.waits:
            return _sent(self._rows_ND.index_select(0, index_B), self._device)
        if len(self._taken_BD) != len(index_B):
            self._taken_BD = self._rows_ND.new_empty(len(index_B), self._rows_ND.shape[1])
        return torch.index_select(self._rows_ND, 0, index_B, out=self._taken_BD)


def _in_memory(embeddings: npt.NDArray[np.floating]) -> Tensor:
    """NumPy asks for huge pages, torch does not: they make gathering rows at random faster."""
    return torch.from_numpy(np.array(embeddings))


def _on_device(embeddings: npt.NDArray[np.floating], home: torch.device) -> Tensor:
    """Block by block: the host's memory may be smaller than the device's."""
    dtype = torch.from_numpy(np.empty(0, embeddings.dtype)).dtype
    rows_ND = torch.empty(embeddings.shape, dtype=dtype, device=home)
    for start in range(0, len(embeddings), _ROWS_A_COPY):
        block = np.array(embeddings[start : start + _ROWS_A_COPY])
        rows_ND[start : start + len(block)] = torch.from_numpy(block)
    return rows_ND


class Mapped:
    """Rows that stay on disk and are read as they are asked for."""

    home = torch.device("cpu")
    waits = True

    def __init__(self, embeddings: npt.NDArray[np.floating], device: torch.device) -> None:
        self._rows_ND = embeddings
        self._device = device

    def take(self, index_B: Tensor) -> Tensor:
        """The rows of an index, read in the order of the file."""
        order_B = index_B.argsort().numpy()
        rows_BD = np.empty((len(order_B), self._rows_ND.shape[1]), self._rows_ND.dtype)
        rows_BD[order_B] = self._rows_ND[index_B.numpy()[order_B]]
        return _sent(torch.from_numpy(rows_BD), self._device)


def _sent(rows_BD: Tensor, device: torch.device) -> Tensor:
    """Rows on their way to a device: from pinned memory, so that the host need not wait for them to arrive."""
    return rows_BD if device.type == "cpu" else rows_BD.pin_memory().to(device, non_blocking=True)


def hold(embeddings: npt.NDArray[np.floating], residency: str, device: torch.device) -> Embeddings:
    """Hold embeddings on the `device`, in `ram`, or leave them on disk (`mmap`).

    Raises:
        DataError: they do not fit where they were told to be.
    """
    if residency == "mmap":
        return Mapped(embeddings, device)
    home = device if residency == "device" else torch.device("cpu")
    try:
        return Held(embeddings, home, device)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        size = f"{embeddings.nbytes / 2**30:.1f} GiB of embeddings"
        raise DataError(f"{size} do not fit with --residency {residency}; use --residency mmap") from error


def choose(nbytes: int, device: torch.device) -> str:
    """Where embeddings of this size are best held, by the memory that is free now."""
    if device.type == "cuda" and nbytes < _SHARE * torch.cuda.mem_get_info(device)[0]:
        return "device"
    return "ram" if nbytes < _SHARE * psutil.virtual_memory().available else "mmap"


@dataclass(frozen=True)
class Rows:
    """Some rows of a split, in an order of their own.

    Attributes:
        embeddings: where the rows are gathered from.
        labels: [N] int64, of all rows of the split, on the device.
        index: [n], on the CPU: which rows of the split these are.
        dtype: what a gathered row becomes before the head.
    """

    embeddings: Embeddings
    labels: Tensor
    index: Tensor
    dtype: torch.dtype

    def __len__(self) -> int:
        return len(self.index)

    def labelled(self, index: Tensor) -> Tensor:
        """The labels of some rows of the split, on the device."""
        return self.labels.index_select(0, index.to(self.labels.device))

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every row once, in their own order, the last batch as small as it comes."""
        for ((rows_BD, labels_B),) in batches([self], [torch.arange(len(self))], size, drop_last=False):
            yield rows_BD, labels_B


def batches(
    lanes: Sequence[Rows], orders: Sequence[Tensor], size: int, *, drop_last: bool
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Embeddings [B, D] and labels [B] on the device, batch by batch along an order of each lane's rows.

    The lanes' batches of one step are gathered together. They hold until the next are asked for, which may come to lie
    in their place.

    Args:
        lanes: as many rows of the same embeddings each.
        orders: of each lane's rows.
        size: B.
        drop_last: whether to leave out what is less than a batch.
    """
    first, home = lanes[0], lanes[0].embeddings.home
    indices = [lane.index[order] for lane, order in zip(lanes, orders, strict=True)]
    steps = len(first) // size if drop_last else -(-len(first) // size)
    chunks = [torch.cat(parts) for parts in zip(*(torch.split(i.to(home), size) for i in indices), strict=True)]
    labels = zip(*(torch.split(lane.labelled(i), size) for lane, i in zip(lanes, indices, strict=True)), strict=True)
    # Gathering from disk goes on in another thread while the step computes; from memory it would only be slower.
    gather = ahead if first.embeddings.waits else map
    for rows_BD, labels_SB in zip(gather(first.embeddings.take, chunks[:steps]), labels, strict=False):
        parts_SBD = torch.split(rows_BD, [len(labels_B) for labels_B in labels_SB])
        yield [(part_BD.to(first.dtype), y_B) for part_BD, y_B in zip(parts_SBD, labels_SB, strict=True)]


def ahead(function: Callable[[Tensor], T], arguments: Sequence[Tensor]) -> Iterator[T]:
    """Map in order, up to `_AHEAD` results ahead of who takes them, in one thread of its own."""
    with ThreadPoolExecutor(1, "gather") as pool:
        pending = deque(pool.submit(function, argument) for argument in arguments[:_AHEAD])
        for argument in arguments[_AHEAD:]:
            result = pending.popleft().result()
            pending.append(pool.submit(function, argument))
            yield result
        while pending:
            yield pending.popleft().result()
