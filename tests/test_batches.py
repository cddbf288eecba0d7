"""Batches hold the rows they should, wherever the embeddings are held."""

import numpy as np
import pytest
import torch

from topkbench import batches
from topkbench.errors import DataError
from topkbench.store import open_store

CPU = torch.device("cpu")


@pytest.fixture(params=["device", "ram", "mmap"])
def rows(request, blobs) -> batches.Rows:
    split = open_store(blobs).splits["train"]
    held = batches.hold(split.embeddings, request.param, CPU)
    labels = torch.from_numpy(np.array(split.labels)).long()
    return batches.Rows(held, labels, torch.arange(1199, 199, -1), torch.float64)


def test_batches_follow_the_order(rows, blobs):
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    split = open_store(blobs).splits["train"]
    found = [
        (x.clone(), y) for ((x, y),) in batches.batches([rows], [order], 300, drop_last=True)
    ]  # a batch holds until the next
    assert [len(y) for _, y in found] == [300, 300, 300]
    expected = np.arange(1199, 199, -1)[order.numpy()][:900]
    assert np.array_equal(torch.cat([y for _, y in found]).numpy(), split.labels[expected])
    x = torch.cat([x for x, _ in found])
    assert x.dtype == torch.float64
    assert np.array_equal(x.numpy(), split.embeddings[expected].astype(np.float64))


def test_every_row_once_with_the_last_partial_batch(rows):
    assert [len(y) for _, y in rows.in_order(300)] == [300, 300, 300, 100]
    assert len(list(rows.in_order(5000))) == 1


def test_ahead_keeps_order_and_passes_errors_on():
    arguments = [torch.tensor(i) for i in range(9)]
    assert list(batches.ahead(int, arguments)) == list(range(9))
    assert list(batches.ahead(int, [])) == []

    def fail(at: torch.Tensor) -> int:
        if at == 4:
            raise OSError("gone")
        return int(at)

    with pytest.raises(OSError, match="gone"):
        list(batches.ahead(fail, arguments))


def test_what_does_not_fit_says_so(monkeypatch, blobs):
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    embeddings = open_store(blobs).splits["train"].embeddings
    monkeypatch.setattr(np, "array", full)
    with pytest.raises(DataError, match="do not fit with --residency ram; use --residency mmap"):
        batches.hold(embeddings, "ram", CPU)


def test_auto_takes_memory_while_it_lasts(monkeypatch):
    free = type("Memory", (), {"available": 1000})
    monkeypatch.setattr(batches.psutil, "virtual_memory", lambda: free)
    assert batches.choose(600, CPU) == "ram"
    assert batches.choose(900, CPU) == "mmap"
