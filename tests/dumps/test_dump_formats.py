"""What every format holds comes back bit for bit, in blocks, at the offset that the array claims."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.dumps.writers import WRITERS
from topkbench import dumps
from topkbench.errors import DataError

DTYPES = ["float16", "float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"]
PICKLES = [name for name in WRITERS if "arrays" in name]
MAPPED = {"torch", "legacy", "npz", "safetensors", "hdf5"} | {f"pickle {n} of tensors" for n in (3, 4, 5)}


def whole(array: dumps.Array, rows: int = 3) -> np.ndarray:
    return np.concatenate(list(array.blocks(rows)))


def sample(dtype: str) -> dict[str, np.ndarray]:
    values = np.random.default_rng(0).normal(0, 50, (10, 4)).astype(dtype)
    return {"train_embeddings": values, "train_labels": np.arange(10)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("writer", WRITERS)
def test_arrays_round_trip(writer, dtype, tmp_path):
    format_name, write = WRITERS[writer]
    arrays, path = sample(dtype), tmp_path / "dump.of.unknown.name"
    write(path, arrays)
    dump = dumps.read(path)
    assert dump.format == format_name
    assert dump.arrays.keys() == arrays.keys()
    for key, expected in arrays.items():
        array = dump.arrays[key]
        assert (array.shape, array.dtype, array.path) == (expected.shape, expected.dtype, path)
        np.testing.assert_array_equal(whole(array), expected)
        if array.offset is not None:
            np.testing.assert_array_equal(np.memmap(path, expected.dtype, "r", array.offset, expected.shape), expected)
        assert (array.offset is not None) or writer not in MAPPED


@pytest.mark.parametrize("writer", ["npz", "npz, deflated", *PICKLES])
@pytest.mark.parametrize("code", [">f4", ">i8", ">f2"])
def test_big_endian_arrays(writer, code, tmp_path):
    expected = np.arange(12).reshape(4, 3).astype(code)
    WRITERS[writer][1](tmp_path / "x", {"x": expected})
    array = dumps.read(tmp_path / "x").arrays["x"]
    assert array.dtype == np.dtype(code)
    np.testing.assert_array_equal(whole(array), expected)


@pytest.mark.parametrize("writer", ["npz", "npz, deflated", *PICKLES])
def test_fortran_order(writer, tmp_path):
    expected = np.asfortranarray(np.arange(20.0).reshape(5, 4))
    WRITERS[writer][1](tmp_path / "x", {"x": expected})
    np.testing.assert_array_equal(whole(dumps.read(tmp_path / "x").arrays["x"]), expected)


def test_an_npy_goes_by_its_stem(tmp_path):
    expected = np.arange(6.0, dtype="f4").reshape(3, 2)
    np.save(tmp_path / "train_embeddings.npy", expected)
    array = dumps.read(tmp_path / "train_embeddings.npy").arrays["train_embeddings"]
    assert array.offset == 128
    np.testing.assert_array_equal(whole(array), expected)


@pytest.mark.parametrize("writer", ["torch", "legacy", "pickle 2 of tensors", "pickle 5 of tensors", "safetensors"])
def test_bfloat16_is_read_as_float32(writer, tmp_path):
    tensor = torch.randn(7, 5).bfloat16()
    path = tmp_path / "x"
    if writer == "safetensors":
        save_file({"x": tensor}, path)
    elif "pickle" in writer:
        path.write_bytes(pickle.dumps({"x": tensor}, int(writer[7])))
    else:
        torch.save({"x": tensor}, path, _use_new_zipfile_serialization=writer == "torch")
    array = dumps.read(path).arrays["x"]
    assert (array.dtype, array.offset) == (np.float32, None)
    np.testing.assert_array_equal(whole(array), tensor.float().numpy())


@pytest.mark.parametrize("legacy", [False, True])
def test_views_share_their_storage(legacy, tmp_path):
    base = torch.arange(24.0).reshape(6, 4)
    views = {"t": base.T, "rows": base[2:5], "columns": base[:, 1:3], "step": base[::2], "p": torch.nn.Parameter(base)}
    torch.save(views, tmp_path / "x", _use_new_zipfile_serialization=not legacy)
    arrays = dumps.read(tmp_path / "x").arrays
    for key, view in views.items():
        np.testing.assert_array_equal(whole(arrays[key]), view.detach().numpy())
    assert arrays["rows"].offset is not None
    assert arrays["columns"].offset is None


def test_an_expanded_tensor_is_refused(tmp_path):
    torch.save({"x": torch.zeros(1, 4).expand(1000, 4)}, tmp_path / "x")
    with pytest.raises(DataError, match=r"'x': shape \(1000, 4\) .*contiguous"):
        dumps.read(tmp_path / "x")


def test_newer_dtypes_of_torch(tmp_path):
    torch.save({"x": torch.tensor(range(5), dtype=torch.uint16)}, tmp_path / "x")
    np.testing.assert_array_equal(whole(dumps.read(tmp_path / "x").arrays["x"]), np.arange(5, dtype="u2"))


@pytest.mark.parametrize("legacy", [False, True])
def test_odd_dtypes_are_an_error_only_where_they_are_read(legacy, tmp_path):
    odd = {"c": torch.zeros(3, dtype=torch.complex64), "f8": torch.zeros(3).to(torch.float8_e4m3fn)}
    torch.save({"x": torch.ones(3), **odd}, tmp_path / "x", _use_new_zipfile_serialization=not legacy)
    arrays = dumps.read(tmp_path / "x").arrays
    assert whole(arrays["x"]).tolist() == [1, 1, 1]
    for key in odd:
        with pytest.raises(DataError, match=f"{key!r} holds torch"):
            whole(arrays[key])


def test_nested_content_is_flattened(tmp_path):
    x, y = np.eye(3), np.arange(3)
    torch.save({"train": (x, torch.from_numpy(y)), "test": {b"x": [x, x]}, 7: y, "n": 3, "none": None}, tmp_path / "x")
    assert list(dumps.read(tmp_path / "x").arrays) == ["train/0", "train/1", "test/x/0", "test/x/1", "7"]


@pytest.mark.parametrize("writer", ["torch of arrays", "pickle 2 of arrays", "pickle 4 of arrays"])
def test_lists_of_strings_and_of_labels(writer, tmp_path):
    ids = ["n01", "n02"]
    content = {"a": ids, "b": np.array(ids), "c": np.array(ids, "S"), "d": list(np.array(ids)), "labels": [1, 0, 2]}
    WRITERS[writer][1](tmp_path / "x", content)
    dump = dumps.read(tmp_path / "x")
    assert dump.strings == dict.fromkeys("abcd", ids)
    assert whole(dump.arrays["labels"]).tolist() == [1, 0, 2]


@pytest.mark.parametrize("writer", ["npz", "npz, deflated"])
def test_arrays_of_strings_in_npz(writer, tmp_path):
    WRITERS[writer][1](tmp_path / "x", {"class_names": np.array(["tench", "Ente"]), "zero": np.float32(1)})
    dump = dumps.read(tmp_path / "x")
    assert (dump.strings, dict(dump.arrays)) == ({"class_names": ["tench", "Ente"]}, {})


def test_hdf5_groups_and_strings(tmp_path):
    WRITERS["hdf5"][1](tmp_path / "x", {"train/x": np.eye(2), "names": ["a", "ü"], "fixed": np.array([b"a", b"b"])})
    dump = dumps.read(tmp_path / "x")
    assert list(dump.arrays) == ["train/x"]
    assert dump.strings == {"names": ["a", "ü"], "fixed": ["a", "b"]}


def test_a_pickle_of_python_2(tmp_path):
    """Protocol 2 of NumPy 1.x under Python 2: byte strings for keys, codes and content."""
    path = tmp_path / "x"
    path.write_bytes(
        b"\x80\x02}q\x00U\x01xq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b"
        b"\x87Rq\x04(K\x01K\x03\x85cnumpy\ndtype\nq\x05U\x02i2K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x06\x01\x00\x02\x00\x03\x00tbs."
    )
    assert whole(dumps.read(path).arrays["x"]).tolist() == [1, 2, 3]


def test_empty_arrays(tmp_path):
    for writer in ("torch", "legacy", "npz", "pickle 2 of arrays", "pickle 5 of arrays", "pickle 2 of tensors", "hdf5"):
        WRITERS[writer][1](tmp_path / "x", {"x": np.zeros((0, 3), "f4")})
        array = dumps.read(tmp_path / "x").arrays["x"]
        assert (array.shape, list(array.blocks(2))) == ((0, 3), [])


def test_sorted_labels_may_compress_a_thousandfold(tmp_path):
    labels = np.repeat(np.arange(10), 400_000)
    WRITERS["npz, deflated"][1](tmp_path / "x", {"labels": labels})
    np.testing.assert_array_equal(whole(dumps.read(tmp_path / "x").arrays["labels"], 100_000), labels)
