"""Four classes of two branches, whose prototypes are the corners of a rectangle of 3 × 4.

       being            cat ─3─ dog
      ╱     ╲            4       4
   pet       plant      oak ─3─ elm
  ╱   ╲     ╱    ╲
cat   dog  oak   elm    within a branch 2 edges, across 4
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topkbench import runs, store
from topkbench.runs import Record
from topkbench.store import Store

NAMES = ["cat", "dog", "oak", "elm"]
PARENTS = [("cat", "pet"), ("dog", "pet"), ("oak", "plant"), ("elm", "plant"), ("pet", "being"), ("plant", "being")]
CORNERS = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0], [3.0, 4.0]])
METHOD = "metric_guided_prototypes"


def prepared(path: Path, rows: int = 1, **known: Any) -> Store:
    """A data set of four classes, with the given number of rows of each."""
    labels = np.arange(4 * rows) % 4
    split = (np.zeros((len(labels), 3), np.float32), labels)
    return store.create(path, {"train": split, "test": split}, n_classes=4, **known)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The prepared file, four.h5."""
    return prepared(tmp_path / "four.h5", class_names=NAMES, parents=PARENTS).path


@pytest.fixture
def save(run: Callable[..., Record], data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Save a run on them with the given prototypes; its folder."""
    checksum = store.open_store(data).checksum

    def make(points: np.ndarray | None = CORNERS, **fields: Any) -> Path:
        options = {"method": METHOD, "embedding_dim": 2, "guide": "distortion", "distance": "euclidean"}
        record = run(dataset="four", **{"checksum": checksum, **options, **fields})
        unique = runs.run_id(record.config["method"], record.config)
        return runs.save(tmp_path / "results", Record(**{**vars(record), "run_id": unique}), None, points)

    return make
