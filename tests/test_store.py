"""The store: what is written is what is mapped, and nothing that is broken is opened."""

import os
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from topkbench import store
from topkbench.errors import DataError, UsageError

N, D, CLASSES = 300, 24, 7


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "train": (rng.standard_normal((N, D), np.float32), rng.integers(0, CLASSES, N)),
        "test": (rng.standard_normal((5, D), np.float32), np.arange(5)),
    }


@pytest.fixture
def path(tmp_path, arrays):
    ids = [f"n{i:08}" for i in range(CLASSES)]
    names = ["chêne", *ids[1:]]
    store.create(
        tmp_path / "set.h5", arrays, class_ids=ids, class_names=names, attributes={"source": "set.pt", "source_size": 9}
    )
    return tmp_path / "set.h5"


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def offset_of(path: Path, name: str) -> int:
    with h5py.File(path, "r") as file:
        return file[name].id.get_offset()


def test_round_trip(path, arrays):
    found = store.open_store(path)
    assert (found.name, found.n_classes, found.dim, list(found.splits)) == ("set", CLASSES, D, ["train", "test"])
    assert found.class_names[0] == "chêne"
    assert found.class_ids[1] == "n00000001"
    assert found.attributes["source"] == "set.pt"
    assert found.attributes["source_size"] == 9
    for name, (embeddings, labels) in arrays.items():
        np.testing.assert_array_equal(found.splits[name].embeddings, embeddings)
        np.testing.assert_array_equal(found.splits[name].labels, labels)
        assert found.splits[name].labels.dtype == np.int32


def test_h5py_reads_the_same_bytes(path):
    found = store.open_store(path)
    with h5py.File(path, "r") as file:
        for name, split in found.splits.items():
            for key in ("embeddings", "labels"):
                np.testing.assert_array_equal(file[f"{name}/{key}"][:], getattr(split, key))
        assert file["checksums/train/embeddings"][0] == zlib.crc32(file["train/embeddings"][:].tobytes())


def test_arrays_start_on_a_page(path):
    for name in ("train/embeddings", "train/labels", "test/embeddings", "test/labels"):
        assert offset_of(path, name) % 4096 == 0


def test_float16_and_a_valid_split(tmp_path, arrays):
    half = {name: (x.astype(np.float16), y) for name, (x, y) in arrays.items()}
    found = store.create(tmp_path / "half.h5", {**half, "valid": half["test"]})
    assert found.splits["valid"].embeddings.dtype == np.float16
    assert found.n_classes == CLASSES
    assert found.class_ids is None


def test_readers_cannot_write(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="read-only"):
        store.open_store(path).splits["train"].embeddings[0] = 0
    store.verify(path)
    assert path.read_bytes() == before


def test_no_hdf5_handle_stays_open(path):
    found = store.open_store(path)
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE | h5py.h5f.OBJ_DATASET) == 0
    assert isinstance(found.splits["train"].embeddings, np.memmap)


def test_checksum_tells_data_apart_and_nothing_else(tmp_path, path, arrays):
    again = store.create(tmp_path / "other.h5", arrays, attributes={"source": "elsewhere"})
    assert again.checksum == store.open_store(path).checksum
    arrays["train"][0][3, 4] += 1
    assert store.create(tmp_path / "changed.h5", arrays).checksum != again.checksum


def test_pieces_of_any_size_give_the_same_checksums(tmp_path, arrays, monkeypatch):
    monkeypatch.setattr(store, "BLOCK", 1000)  # no multiple of a row
    whole = store.create(tmp_path / "whole.h5", arrays)
    layout = {
        f"{s}/{k}": store.Spec(a.shape, np.dtype(a.dtype if k == "embeddings" else "<i4"))
        for s, pair in arrays.items()
        for k, a in zip(("embeddings", "labels"), pair, strict=True)
    }
    with store.Writer(tmp_path / "pieces.h5", layout) as writer:
        for s, (x, y) in arrays.items():
            for i in range(0, len(x), 7):
                writer.append(f"{s}/labels", y[i : i + 7].astype(np.int32))
                writer.append(f"{s}/embeddings", x[i : i + 7])
        writer.seal(CLASSES)
    assert store.open_store(tmp_path / "pieces.h5").checksum == whole.checksum
    store.verify(tmp_path / "pieces.h5")


def test_a_writer_wants_what_its_layout_says(tmp_path):
    spec = store.Spec((4, 2), np.dtype("<f4"))
    with store.Writer(tmp_path / "a.h5", {"train/embeddings": spec}) as writer:
        with pytest.raises(DataError, match="do not fit"):
            writer.append("train/embeddings", np.zeros((1, 2)))
        with pytest.raises(DataError, match="do not fit"):
            writer.append("train/embeddings", np.zeros((5, 2), np.float32))
        with pytest.raises(DataError, match="got 0 of 32 bytes"):
            writer.seal(1)


@pytest.mark.parametrize("block", [0, 2])
def test_verify_names_the_damaged_block(tmp_path, arrays, monkeypatch, block):
    monkeypatch.setattr(store, "BLOCK", 4096)
    path = tmp_path / "set.h5"
    store.create(path, arrays)
    store.verify(path)
    flip(path, offset_of(path, "train/embeddings") + block * 4096 + 17)
    first = block * 4096 // (4 * D)
    with pytest.raises(DataError, match=rf"block {block} of train/embeddings \(rows {first} to"):
        store.verify(path)


def test_verify_tells_its_progress(path, arrays):
    seen = []

    class Bar:
        def advance(self, n, note=""):
            seen.append(n)

    class Open:
        def __init__(self, total, unit, description):
            self.total = total
            seen.append(-total)

        def __enter__(self):
            return Bar()

        def __exit__(self, *_):
            pass

    store.verify(path, Open)
    assert sum(seen) == 0
    assert -seen[0] == sum(x.nbytes + 4 * len(y) for x, y in arrays.values())


@pytest.mark.parametrize("left", [0.02, 0.5, 0.999])
def test_a_file_cut_short_is_refused_not_mapped(path, left):
    os.truncate(path, int(path.stat().st_size * left))
    with pytest.raises(DataError, match="overwrite"):
        store.open_store(path)
    with pytest.raises(DataError):
        store.verify(path)


def test_arrays_that_end_past_the_file_are_refused(path, monkeypatch):
    """What HDF5 itself would notice, were its own record of the size not damaged too."""
    real = Path.stat(path)
    short = os.stat_result((*real[:6], offset_of(path, "train/embeddings") + 10, *real[7:]))
    monkeypatch.setattr(Path, "stat", lambda self, **_: short)
    with pytest.raises(DataError, match="cut short"):
        store.open_store(path)


@pytest.mark.parametrize("schema", [0, 2, 99])
def test_other_schemas_are_refused(path, schema):
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = schema
    with pytest.raises(UsageError, match=f"schema {schema}"):
        store.open_store(path)


def test_what_is_no_store_is_refused_with_the_cure(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        store.open_store(tmp_path / "none.h5")
    with pytest.raises(UsageError, match="no file"):
        store.open_store(tmp_path)
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(UsageError, match=r"topkbench prepare .*text.h5"):
        store.open_store(tmp_path / "text.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = np.arange(3)
    with pytest.raises(UsageError, match=r"topkbench prepare .*foreign.h5"):
        store.open_store(tmp_path / "foreign.h5")
    assert not store.is_store(tmp_path / "foreign.h5")


@pytest.mark.parametrize("missing", ["train", "train/labels", "checksums/test/labels", "checksums"])
def test_missing_parts_are_damage(path, missing):
    with h5py.File(path, "r+") as file:
        del file[missing]
    with pytest.raises(DataError):
        store.open_store(path)


def test_inconsistent_parts_are_damage(path):
    with h5py.File(path, "r+") as file:
        file.attrs["n_classes"] = 3
    with pytest.raises(DataError, match="n_classes = 3"):
        store.open_store(path)


def test_chunked_arrays_are_refused(path, arrays):
    with h5py.File(path, "r+") as file:
        del file["train/embeddings"]
        file.create_dataset("train/embeddings", data=arrays["train"][0], chunks=(10, D))
    with pytest.raises(DataError, match="not a mappable array"):
        store.open_store(path)


def test_a_flipped_byte_anywhere_never_kills(tmp_path, path):
    """HDF5's own pages have no checksum: whatever h5py makes of them, an error of ours comes out, or a store."""
    whole = path.read_bytes()
    copy = tmp_path / "copy.h5"
    rng = np.random.default_rng(1)
    for offset in rng.integers(0, offset_of(path, "train/embeddings"), 150):
        damaged = bytearray(whole)
        damaged[offset] ^= int(rng.integers(1, 256))
        copy.write_bytes(damaged)
        try:
            store.verify(copy)
        except (DataError, UsageError):
            continue


# ---- hierarchies

PARENTS = [("n00000000", "chêne, ou roble"), ("chêne, ou roble", "")]
DISTANCES = 1.5 * (1 - np.eye(CLASSES))


def test_a_hierarchy_is_kept(tmp_path, arrays):
    edges = store.create(tmp_path / "edges.h5", arrays, parents=PARENTS)
    assert (edges.parents, edges.distances) == (PARENTS, None)
    apart = store.create(tmp_path / "apart.h5", arrays, distances=DISTANCES)
    assert apart.parents is None
    assert apart.distances.dtype == np.float32
    np.testing.assert_array_equal(apart.distances, DISTANCES)
    assert isinstance(apart.distances, np.memmap)
    store.verify(apart.path)


def test_a_file_without_a_hierarchy_is_what_it_was(tmp_path, path, arrays):
    found = store.open_store(path)
    assert (found.parents, found.distances) == (None, None)
    with h5py.File(path) as file:
        assert sorted(file["classes"]) == ["ids", "names"]
        assert sorted(file["checksums"]) == ["test", "train"]
    for extra in ({"parents": PARENTS}, {"distances": DISTANCES}):
        assert store.create(tmp_path / "with.h5", arrays, **extra).checksum == found.checksum


def test_verify_finds_damaged_distances(tmp_path, arrays):
    path = tmp_path / "set.h5"
    store.create(path, arrays, distances=DISTANCES)
    flip(path, offset_of(path, "classes/distances") + 9)
    store.open_store(path)
    with pytest.raises(DataError, match=rf"block 0 of classes/distances \(rows 0 to {CLASSES - 1}\) is damaged"):
        store.verify(path)


@pytest.mark.parametrize(
    ("dataset", "content", "message"),
    [
        ("classes/distances", np.zeros((CLASSES, CLASSES)), "not a mappable array"),
        ("classes/distances", np.zeros((CLASSES, CLASSES - 1), "<f4"), "is not whole|n_classes = 7"),
        ("classes/distances", np.zeros(CLASSES, "<f4"), "not a mappable array"),
        ("classes/parents", ["a", "b"], "does not hold pairs"),
        ("classes/parents", [["a", "b", "c"]], "does not hold pairs"),
    ],
)
def test_a_hierarchy_of_another_shape_is_damage(tmp_path, arrays, dataset, content, message):
    path = tmp_path / "set.h5"
    store.create(path, arrays, parents=PARENTS, distances=DISTANCES)
    with h5py.File(path, "r+") as file:
        del file[dataset]
        file[dataset] = content
    with pytest.raises(DataError, match=message):
        store.open_store(path)
