"""A file cut short, or with bytes changed, is an error of topkbench's or is read; it is never a crash."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dumps.writers import WRITERS
from topkbench import dumps
from topkbench.errors import TopkbenchError

WHOLE = {"train_embeddings": np.random.default_rng(0).normal(size=(40, 8)), "train_labels": np.arange(40)}
CUT = [*WRITERS, "npy"]


def written(writer: str, path) -> bytes:
    if writer == "npy":
        with path.open("wb") as file:
            np.save(file, WHOLE["train_embeddings"])
    else:
        WRITERS[writer][1](path, WHOLE)
    return path.read_bytes()


def read_all(path) -> dict[str, np.ndarray]:
    """All arrays; one that lost its rows has no blocks."""
    return {
        key: np.concatenate([np.empty((0, *array.shape[1:]), array.dtype), *array.blocks(7)])
        for key, array in dumps.read(path).arrays.items()
    }


@pytest.mark.parametrize("writer", CUT)
def test_a_file_cut_short_is_an_error(writer, tmp_path):
    path = tmp_path / "dump"
    data = written(writer, path)
    before = read_all(path)
    for size in random.Random(writer).sample(range(len(data)), 50):
        path.write_bytes(data[:size])
        try:
            after = read_all(path)
        except TopkbenchError as error:
            assert "\n" not in str(error)
        else:  # only where nothing was lost
            assert before.keys() == after.keys()
            assert all(np.array_equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(
    "writer", ["torch", "legacy", "pickle 2 of arrays", "pickle 4 of tensors", "pickle 5 of arrays"]
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes_are_never_a_crash(writer, changes, tmp_path):
    path = tmp_path / "dump"
    data = bytearray(written(writer, path))
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data)
    try:
        read_all(path)
    except TopkbenchError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("writer", ["npz", "npz, deflated", "safetensors", "npy", "hdf5"])
def test_changed_headers_are_never_a_crash(writer, tmp_path):
    path, dice = tmp_path / "dump", random.Random(writer)
    data = written(writer, path)
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(dice.randint(1, 5)):
            changed[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(changed)
        try:
            read_all(path)
        except TopkbenchError as error:
            assert "\n" not in str(error)


def test_a_deflated_member_has_its_checksum_verified(tmp_path):
    path = tmp_path / "dump"
    data = bytearray(written("npz, deflated", path))
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(TopkbenchError, match="train_embeddings"):
        read_all(path)
