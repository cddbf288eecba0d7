"""Dump → store: the same numbers in every format, every check with its count and cure, nothing half done left."""

import errno
import fcntl
import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.dumps.writers import WRITERS
from topkbench import classes, store
from topkbench.errors import DataError, UnsafeInputError, UsageError
from topkbench.prepare import Options, _target, describe, plan, prepare, prepare_all
from topkbench.prepare._split import stratified

N, D, CLASSES = 120, 6, 5
DEFAULT = Options()


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "train_embeddings": rng.standard_normal((N, D), np.float32),
        "train_labels": np.arange(N) % CLASSES,
        "test_embeddings": rng.standard_normal((20, D), np.float32),
        "test_labels": np.arange(20) % CLASSES,
    }


def save_npz(path, arrays):
    with path.open("wb") as file:
        np.savez(file, **arrays)


@pytest.fixture
def make(tmp_path, arrays):
    """Prepare the arrays with some of them replaced (None: left out), by way of a dump."""

    def made(changed=None, options=DEFAULT, notes=None, **kwargs):
        whole = {key: a for key, a in {**arrays, **(changed or {})}.items() if a is not None}
        save_npz(tmp_path / "dump.npz", whole)
        note = (notes if notes is not None else []).append
        return prepare([tmp_path / "dump.npz"], tmp_path / "dump.h5", options, note=note, **kwargs)

    return made


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".h5", ".partial"))


# ---- what goes in comes out


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_store(tmp_path, arrays, form, make):
    WRITERS[form][1](tmp_path / "dump", arrays)
    found = prepare([tmp_path / "dump"], tmp_path / "out.h5")
    for name in ("train", "test"):
        np.testing.assert_array_equal(found.splits[name].embeddings, arrays[f"{name}_embeddings"])
        np.testing.assert_array_equal(found.splits[name].labels, arrays[f"{name}_labels"])
    assert found.checksum == make().checksum
    assert found.attributes["source_sha256"] == hashlib.sha256((tmp_path / "dump").read_bytes()).hexdigest()
    assert found.attributes["source"] == "dump"
    assert found.attributes["source_size"] == (tmp_path / "dump").stat().st_size
    store.verify(found.path)


def test_several_files_are_one_set(tmp_path, arrays, make):
    for key, array in arrays.items():
        np.save(tmp_path / f"{key}.npy", array)
    files = [tmp_path / f"{key}.npy" for key in arrays]
    found = prepare(files, tmp_path / "out.h5")
    assert found.checksum == make().checksum
    again = prepare(files[::-1], tmp_path / "again.h5")
    assert again.attributes["source_sha256"] == found.attributes["source_sha256"]


@pytest.mark.parametrize(
    ("given", "wanted", "stored"),
    [
        ("float16", "keep", "float16"),
        ("float32", "keep", "float32"),
        (">f4", "keep", "float32"),
        ("float64", "keep", "float32"),
        ("int16", "keep", "float32"),
        ("float32", "float16", "float16"),
        ("float16", "float32", "float32"),
    ],
)
def test_types(make, arrays, given, wanted, stored):
    changed = {key: (8 * arrays[key]).astype(given) for key in ("train_embeddings", "test_embeddings")}
    split = make(changed, Options(dtype=wanted)).splits["train"]
    assert split.embeddings.dtype == stored
    np.testing.assert_array_equal(split.embeddings, changed["train_embeddings"].astype(stored))


def test_splits_of_two_types_become_the_wider(make, arrays):
    assert (
        make({"test_embeddings": arrays["test_embeddings"].astype(np.float16)}).splits["test"].embeddings.dtype == "f4"
    )


def test_many_blocks_and_progress(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5000, 331), np.float32)  # 6 blocks, none of them a whole number of rows
    y = rng.integers(0, 9, 5000)
    WRITERS["torch"][1](
        tmp_path / "a.pt", {"train_embeddings": x, "train_labels": y, "test_embeddings": x[:9], "test_labels": y[:9]}
    )
    seen = []

    class Open:
        def __init__(self, total, unit, description):
            seen.append(-total)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def advance(self, n, note=""):
            seen.append(n)

    found = prepare([tmp_path / "a.pt"], tmp_path / "a.h5", progress=Open)
    np.testing.assert_array_equal(found.splits["train"].embeddings, x)
    assert len(seen) > 6
    assert sum(seen) == 0
    store.verify(found.path)


# ---- what is wrong is refused, and counted


def bad_rows(arrays, value, rows=(3, 70, 71)):
    x = arrays["train_embeddings"].copy()
    x[list(rows), 2] = value
    return {"train_embeddings": x}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nonfinite_rows_are_counted_and_kept_on_demand(tmp_path, make, arrays, value, dtype):
    changed = {key: a.astype(dtype) for key, a in bad_rows(arrays, value).items()}
    with pytest.raises(DataError, match=r"3 rows hold NaN or infinite values.*--allow-nonfinite"):
        make(changed)
    assert leftovers(tmp_path) == []
    notes = []
    kept = make(changed, Options(allow_nonfinite=True), notes)
    assert not np.isfinite(kept.splits["train"].embeddings[70]).all()
    assert any("3 rows" in line for line in notes)


def test_sums_that_overflow_are_finite_rows(make, arrays):
    """A test by sums would stumble over values that are finite one by one."""
    assert make(bad_rows(arrays, 3e38)).splits["train"].embeddings.max() == np.float32(3e38)


def test_overflow_of_a_cast_is_counted_apart(make, arrays):
    changed = bad_rows(arrays, 1e5)
    changed["train_embeddings"][9, 0] = np.nan
    with pytest.raises(DataError, match=r"1 rows hold NaN.* and in 3 rows a value overflows float16.*--dtype float32"):
        make(changed, Options(dtype="float16"))
    assert np.isinf(make(changed, Options(dtype="float16", allow_nonfinite=True)).splits["train"].embeddings).sum() == 3


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.r_[0, 1, -4, np.arange(N - 3)], "label -4 of row 2"),
        (np.arange(N, dtype=np.uint64) + 2**40, "label 1099511627776 of row 0"),
        (np.arange(N) % CLASSES * 1.0, "float64, not integers"),
        (np.arange(N) % 2 == 0, "bool, not integers"),
        (np.arange(N - 1), "119"),
    ],
)
def test_labels_that_are_none(tmp_path, make, labels, message):
    with pytest.raises(DataError, match=message):
        make({"train_labels": labels})
    assert leftovers(tmp_path) == []


def test_labels_beyond_the_class_list(make):
    with pytest.raises(DataError, match="train label 4 of row 4 is out of range: there are 4 classes"):
        make({"class_ids": np.array(list("abcd"))})


def test_a_split_of_no_rows(make):
    with pytest.raises(DataError, match="test split has no rows"):
        make({"test_embeddings": np.zeros((0, D), np.float32), "test_labels": np.zeros(0, int)})


def test_embeddings_of_no_dimension(make):
    with pytest.raises(DataError, match="save some dimensions"):
        make({f"{split}_embeddings": np.zeros((n, 0), np.float32) for split, n in (("train", N), ("test", 20))})


def test_unsafe_dumps_are_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch evil",)

    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"train_embeddings": Evil()}))
    with pytest.raises(UnsafeInputError):
        prepare([tmp_path / "evil.pkl"], tmp_path / "evil.h5")
    assert leftovers(tmp_path) == []


# ---- classes


def test_class_lists_of_the_dump_are_taken_along(make):
    found = make({"class_ids": np.array([f"n{i}" for i in range(7)]), "class_names": np.array(list("äbcdefg"))})
    assert found.n_classes == 7
    assert found.class_ids[6] == "n6"
    assert found.class_names[0] == "ä"


def test_class_names_alone_are_taken_along(make):
    found = make({"class_names": np.array(list("abcdef"))})
    assert (found.n_classes, found.class_ids, found.class_names) == (6, None, list("abcdef"))


def test_class_lists_of_two_lengths(make):
    with pytest.raises(DataError, match="7 class ids and 6 names"):
        make({"class_ids": np.array(list("abcdefg")), "class_names": np.array(list("abcdef"))})


def test_a_class_file(tmp_path, make):
    (tmp_path / "list.txt").write_text("".join(f"id{i}\tname {i}\n" for i in range(6)), encoding="utf-8")
    found = make(options=Options(classes=str(tmp_path / "list.txt")))
    assert (found.n_classes, found.class_ids[5], found.class_names[5]) == (6, "id5", "name 5")


@pytest.mark.parametrize(("text", "message"), [("a\nb\na\n", "'a' 2 times"), ("\n", "is empty")])
def test_class_files_that_are_none(tmp_path, text, message):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        classes.load(str(tmp_path / "list.txt"))


def test_unknown_class_lists():
    with pytest.raises(UsageError, match="imagenet-1k"):
        classes.load("imagenet")


@pytest.mark.parametrize(("name", "size", "last"), [("imagenet-1k", 1000, "n15075141"), ("imagenet-21k-p", 10450, "n")])
def test_lists_that_ship(name, size, last):
    found = classes.load(name)
    assert len(found.ids) == len(found.names) == size
    assert found.ids[-1].startswith(last)


def test_a_known_data_set_is_guessed_with_a_note(make):
    notes = []
    found = make({"train_labels": np.linspace(0, 10_449, N).astype(int)}, notes=notes)
    assert found.class_ids == classes.load("imagenet-21k-p").ids
    assert any("taken for imagenet-21k-p" in line for line in notes)
    assert any("classes have no training rows" in line for line in notes)


# ---- hierarchies

TREE = "0,low\n1,low\n2,high\n3,high\n4,high\nlow,all\nhigh,all\n"


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree.csv").write_text(TREE)
    return Options(hierarchy=str(tmp_path / "tree.csv"))


def test_a_parents_file_is_stored(make, tree):
    found = make(options=tree)
    assert found.parents == [tuple(line.split(",")) for line in TREE.split()]
    assert found.distances is None
    assert describe(found.path)["hierarchy"] == {
        "nodes": 8,
        "edges": 7,
        "depth": 2,
        "classes_above_others": 0,
        "distance": {"min": 2, "mean": 3.2, "max": 4},
    }


def test_a_distance_file_is_stored(tmp_path, make):
    distances = np.abs(np.subtract.outer(np.arange(CLASSES), np.arange(CLASSES))) / 2
    np.save(tmp_path / "apart.npy", distances)
    found = make(options=Options(hierarchy=str(tmp_path / "apart.npy")))
    assert found.parents is None
    np.testing.assert_array_equal(found.distances, distances)
    store.verify(found.path)
    assert describe(found.path)["hierarchy"] == {"distance": {"min": 0.5, "mean": 1.0, "max": 2.0}}


def test_a_hierarchy_changes_neither_the_data_nor_the_recipe_of_stores_without(tmp_path, make, tree):
    plain = make()
    assert describe(plain.path)["hierarchy"] == {}
    assert "hierarchy" not in plain.attributes["recipe"]  # as in stores that were made before there were any
    paths = [tmp_path / "dump.npz"], tmp_path / "dump.h5"
    with pytest.raises(UsageError, match="with other options"):
        prepare(*paths, tree)
    assert prepare(*paths, tree, overwrite=True).checksum == plain.checksum
    notes = []
    prepare(*paths, tree, note=notes.append)
    assert "already prepared" in notes[0]
    Path(tree.hierarchy).write_text(TREE.replace("2,high", "2,low"))
    with pytest.raises(UsageError, match="of other files"):
        prepare(*paths, tree)


def test_known_classes_need_no_hierarchy(make):
    ids = ["n02113978", "n01322604", "n02084071", "n02121808", "n02123159"]  # two dogs, the dog, two cats
    found = make({"class_ids": np.array(ids)})
    assert (found.parents, found.distances) == (None, None)
    figures = describe(found.path)["hierarchy"]
    assert figures["classes_above_others"] == 2
    assert figures["distance"]["min"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TREE.replace("all", "low"), "line 6: 'low' with parent 'low' is part of a circle"),
        (TREE.replace("4,high\n", ""), r"1 of 5 classes are in no line, the first is '4' \(label 4\)"),
        ("0,1,2,3,x\n" * 5, "1 of 5 classes are in no line"),
        ("0,1,1,1,1\n" * 5, "tree.csv, line 2, column 2: 1.0 is not 0, the distance of a class from itself"),
    ],
)
def test_hierarchies_that_are_wrong(tmp_path, make, tree, text, message):
    Path(tree.hierarchy).write_text(text)
    with pytest.raises(DataError, match=message):
        make(options=tree)
    assert leftovers(tmp_path) == []


def test_distances_kept_beside_a_store_are_no_dump(data):
    prepare(*plan([], None, print, data)[0])
    np.savez(data / "a.hierarchy.npz", checksum="", distances=np.zeros((5, 5)))
    notes = []
    assert [job.out.name for job in plan([], None, notes.append, data)] == ["b.h5"]
    assert not any("hierarchy" in line for line in notes)


# ---- a test split


def test_without_a_test_split_one_is_asked_for(make):
    with pytest.raises(UsageError, match=r"--test-fraction \.1"):
        make({"test_embeddings": None, "test_labels": None})


def test_with_a_test_split_none_is_made(make):
    with pytest.raises(UsageError, match="has a test split"):
        make(options=Options(test_fraction=0.1))


def test_the_split_is_stratified_and_reproducible(make, arrays):
    absent = {"test_embeddings": None, "test_labels": None}
    first = make(absent, Options(test_fraction=0.25))
    for split, rows in (("train", 18), ("test", 6)):
        assert np.bincount(first.splits[split].labels).tolist() == [rows] * CLASSES
    found = np.concatenate([split.embeddings for split in first.splits.values()])
    assert sorted(map(tuple, found)) == sorted(map(tuple, arrays["train_embeddings"]))
    by_row = dict(zip(map(tuple, arrays["train_embeddings"]), arrays["train_labels"], strict=True))
    test = first.splits["test"]
    assert [by_row[tuple(x)] for x in test.embeddings] == test.labels.tolist()
    checksum = first.checksum
    assert make(absent, Options(test_fraction=0.25), overwrite=True).checksum == checksum
    assert make(absent, Options(test_fraction=0.25, split_seed=1), overwrite=True).checksum != checksum


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.3, 0.5])
def test_every_class_keeps_its_part(fraction):
    labels = np.repeat(np.arange(60, dtype=np.int32), np.arange(1, 61))
    test = stratified(labels, fraction, seed=3)
    parts = np.bincount(labels[test], minlength=60)
    whole = np.arange(1, 61)
    assert (np.abs(parts - fraction * whole) < 1).all()
    assert abs(parts.sum() - fraction * whole[1:].sum()) < 1
    assert parts[0] == 0
    assert (parts < whole).all()


@pytest.mark.parametrize("fraction", [-0.1, 0, 0.51, 1, np.nan, 1e-9])
def test_fractions_out_of_range(fraction):
    with pytest.raises(UsageError, match="--test-fraction"):
        stratified(np.zeros(9, np.int32), fraction, seed=0)


# ---- the file


def test_done_already(tmp_path, make, arrays):
    make()
    before = (tmp_path / "dump.h5").stat()
    notes = []
    found = prepare([tmp_path / "dump.npz"], tmp_path / "dump.h5", note=notes.append)
    assert found.n_classes == CLASSES
    assert notes == [f"already prepared: {tmp_path / 'dump.h5'}"]
    assert (tmp_path / "dump.h5").stat() == before


def test_another_file_of_that_name_stays_unless_told(tmp_path, make):
    make()
    with pytest.raises(UsageError, match="--overwrite"):
        make(options=Options(dtype="float16"))
    assert make(options=Options(dtype="float16"), overwrite=True).splits["train"].embeddings.dtype == "f2"
    assert leftovers(tmp_path) == ["dump.h5"]


def test_a_failed_overwrite_leaves_the_old_file(tmp_path, make, arrays):
    old = make().checksum
    with pytest.raises(DataError):
        make(bad_rows(arrays, np.nan), overwrite=True)
    assert store.open_store(tmp_path / "dump.h5").checksum == old
    assert leftovers(tmp_path) == ["dump.h5"]


def test_the_dump_itself_is_never_the_output(tmp_path, arrays):
    save_npz(tmp_path / "dump.h5", arrays)
    with pytest.raises(UsageError, match="is the dump itself"):
        prepare([tmp_path / "dump.h5"], tmp_path / "dump.h5", overwrite=True)


def test_a_second_writer_is_refused(tmp_path, make):
    with (tmp_path / "dump.h5.partial").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another prepare is writing"):
            make()
        assert (tmp_path / "dump.h5.partial").exists()
    make()  # what a killed process left behind, without its lock, is in nobody's way
    assert leftovers(tmp_path) == ["dump.h5"]


def test_room_is_checked_first(tmp_path, make, monkeypatch):
    usage = type("Usage", (), {"free": 3000})
    monkeypatch.setattr(_target.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="MB free; make room"):
        make()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_runs_full(tmp_path, make, monkeypatch, code):
    def pwrite(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(DataError, match="make room, or name another disk with --out"):
        make()
    assert leftovers(tmp_path) == []


def test_short_writes_are_continued(make, monkeypatch, arrays):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: real(file, data[:100], offset))
    np.testing.assert_array_equal(make().splits["train"].embeddings, arrays["train_embeddings"])


def test_an_interrupt_leaves_nothing(tmp_path, make, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "pwrite", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make()
    assert leftovers(tmp_path) == []


# ---- plans


@pytest.fixture
def data(tmp_path, arrays):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a.pt", "b.npz"):
        save_npz(folder / name, arrays)
    (folder / "README.md").write_text("here dumps go")
    (folder / ".hidden").write_text("no")
    (folder / "c.h5.partial").write_text("left by a killed run")
    (folder / "notes.txt").write_text("passed over")
    return folder


def test_bare_takes_every_dump_without_a_store(data):
    notes = []
    jobs = plan([], None, notes.append, data)
    assert jobs == [([data / "a.pt"], data / "a.h5"), ([data / "b.npz"], data / "b.h5")]
    assert len(notes) == 1
    assert "notes.txt" in notes[0]
    prepare(*jobs[0])
    assert plan([], None, notes.append, data) == jobs[1:]
    prepare(*jobs[1])
    notes.clear()
    assert plan([], None, notes.append, data) == []
    assert any("all done" in line for line in notes)


def test_bare_takes_all_of_them_again_to_overwrite(data):
    jobs = plan([], None, print, data)
    prepare(*jobs[0])
    assert plan([], None, print, data, overwrite=True) == jobs


def test_bare_says_which_store_is_damaged(data):
    jobs = plan([], None, print, data)
    prepare(*jobs[0])
    (data / "a.h5").write_bytes((data / "a.h5").read_bytes()[:-100])
    with pytest.raises(DataError, match=r"a\.h5 is .*--overwrite"):
        plan([], None, print, data)
    assert plan([], None, print, data, overwrite=True) == jobs


def test_the_demo_is_not_taken_where_a_store_is(tmp_path):
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n but cut short")
    notes = []
    assert plan([], None, notes.append, tmp_path) == []
    assert any("broken.h5 is no store, or a damaged one" in line for line in notes)


def test_one_that_fails_does_not_stop_the_others(data, arrays):
    save_npz(data / "aa.npz", {"train_embeddings": arrays["train_embeddings"]})
    notes, made = [], []
    with pytest.raises(UsageError, match=r"aa\.npz: .*have no labels"):
        made.extend(prepare_all(plan([], None, notes.append, data), Options(), note=notes.append))
    assert sorted(path.name for path in data.glob("*.h5")) == ["a.h5", "b.h5"]


def test_the_same_dump_twice(data):
    with pytest.raises(UsageError, match=r"a\.pt is given twice"):
        plan([data, data / "a.pt"], data / "x.h5", print, data)


@pytest.mark.parametrize("exists", [True, False])
def test_bare_with_nothing_prepares_the_demo(tmp_path, exists):
    if exists:
        (tmp_path / "data").mkdir()
    notes = []
    ((sources, out),) = plan([], None, notes.append, tmp_path / "data")
    assert (sources[0].name, out) == ("wordnet826.npz", tmp_path / "data" / "wordnet826.h5")
    assert "text, not images" in notes[0]


def test_files_folders_and_sets(data, tmp_path):
    a, b = data / "a.pt", data / "b.npz"
    assert plan([a, b], None, print, data) == [([a], data / "a.h5"), ([b], data / "b.h5")]
    assert plan([a, b], tmp_path / "x.hdf5", print, data) == [([a, b], tmp_path / "x.hdf5")]
    assert plan([data], None, print, tmp_path) == [([a, b], tmp_path / "data.h5")]


def test_plans_that_are_none(data, tmp_path):
    for given, out, message in [
        ([], tmp_path / "x.h5", "--out needs"),
        ([data / "a.pt"], tmp_path / "x.pt", "must end in .h5"),
        ([data / "a.pt", tmp_path / "a.npz"], None, "two dumps would become"),
        ([Path(__file__).parent / "golden" / ".."], None, "no file in"),
    ]:
        with pytest.raises(UsageError, match=message):
            plan(given, out, lambda _: None, data)


def test_a_store_is_no_dump(tmp_path, make):
    make()
    with pytest.raises(UsageError):
        prepare([tmp_path / "dump.h5.none"], tmp_path / "x.h5")


# ---- describe


def test_describe_a_dump_and_its_store(tmp_path, make):
    made = make()
    dump, kept = describe(tmp_path / "dump.npz"), describe(made.path)
    assert dump["format"] == "npz"
    for found in (dump, kept):
        assert {a["role"]: a["shape"] for a in found["arrays"]}["train_embeddings"] == [N, D]
        assert found["classes"] == CLASSES
        assert found["rows_per_class"]["train"] == {"min": 24, "median": 24, "max": 24}
    assert kept["checksum"] == made.checksum


def test_describe_says_what_is_wrong(tmp_path):
    save_npz(tmp_path / "odd.npz", {"layer4": np.zeros((3, 2)), "y": np.zeros(3)})
    found = describe(tmp_path / "odd.npz")
    assert [a["key"] for a in found["arrays"]] == ["layer4", "y"]
    assert "--map" in found["problem"]
