"""Small data sets that several tests train on."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import topkbench
from topkbench import store

DEMO = Path(topkbench.__file__).parent / "demo" / "wordnet826.npz"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Two threads on a busy machine wait for each other longer than one computes."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def heed_ctrl_c() -> None:
    """A shell starts what runs in its background deaf to Ctrl-C, and so would be what the tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo set, prepared."""
    path = tmp_path_factory.mktemp("data") / "wordnet826.h5"
    with np.load(DEMO) as d:
        splits = {s: (d[f"{s}_embeddings"], d[f"{s}_labels"]) for s in ("train", "test")}
        names = {key: [str(name) for name in d[key]] for key in ("class_ids", "class_names")}
    store.create(path, splits, **names)
    return path


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 classes of 40 + 10 rows in 16 dimensions: trains in a moment."""
    return store.create(tmp_path_factory.mktemp("data") / "blobs.h5", _blobs()).path


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows; the classes are in families of five."""
    parents = [(str(label), f"family {label // 5}") for label in range(30)]
    parents += [(f"family {number}", "all") for number in range(6)]
    return store.create(tmp_path_factory.mktemp("data") / "families.h5", _blobs(), parents=parents).path


def _blobs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 16)).astype(np.float32)

    def split(rows: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(30 * rows) % 30
        return centres[labels] + rng.normal(size=(len(labels), 16), scale=0.7).astype(np.float32), labels

    return {"train": split(40), "test": split(10)}
