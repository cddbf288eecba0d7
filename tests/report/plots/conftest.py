"""Four classes of two branches, whose prototypes are the corners of a rectangle of 3 × 4.

       being            cat ─3─ dog
      ╱     ╲            4       4
   pet       plant      oak ─3─ elm
  ╱   ╲     ╱    ╲
cat   dog  oak   elm    within a branch 2 edges, across 4
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topkbench import runs, store
from topkbench.report.evidence import Evidence, gather
from topkbench.runs import RULES, Record
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


ARRAYS = ("per_metric_top1", "per_metric_top5", "per_metric_top10", "per_metric_top20", "best_top1", "last")


@pytest.fixture
def train(run: Callable[..., Record], tmp_path: Path) -> Callable[..., Path]:
    """Save a run on ten test rows; its folder.

    Args:
        top1: on test; its top-5 is .2 higher.
        valid: likewise on validation.
        ranks: of the test rows, at every evaluation that a rule picks, or by the name of an array.
        history: as recorded.
        step: of the picked evaluations; that of top-5 is one later.
    """

    def make(
        top1: float | None = 0.6,
        *,
        valid: float = 0.5,
        ranks: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
        history: Sequence[Mapping[str, Any]] = (),
        step: int = 1,
        **fields: Any,
    ) -> Path:
        facts = {name: fields.pop(name) for name in ("seconds", "environment") if name in fields}
        classes = fields.pop("n_classes", 826)
        record = run(top1, **fields)
        on_valid = {"top1": valid, "top5": valid + 0.2}
        picks = {rule: {**record.selected.get(rule, {}), "valid": on_valid, "step": step} for rule in RULES}
        picks["per_metric"]["step"] = {"top1": step, "top5": step + 1}
        arrays = ranks if ranks is None or isinstance(ranks, Mapping) else dict.fromkeys(ARRAYS, ranks)
        record = replace(
            record,
            run_id=runs.run_id(record.config["method"], [record.config, record.data["checksum"]]),
            data={**record.data, "n_test": len(arrays["last"]) if arrays else 10, "n_classes": classes},
            history=history,
            selected=picks if record.status == "done" else {},
            **facts,
        )
        return runs.save(tmp_path / "results", record, arrays and {name: np.array(arrays[name]) for name in arrays})

    return make


@pytest.fixture
def evidence(tmp_path: Path) -> Callable[..., Evidence]:
    """What has been saved, as a report gathers it."""
    return lambda *arguments, **options: gather(tmp_path / "results", *arguments, **options)


def caption(figure: Any) -> str:
    """In one line."""
    return " ".join(figure.get_supxlabel().split())


def legend(figure: Any) -> list[str]:
    """The names in it, each in one line."""
    return [" ".join(text.get_text().split()) for each in figure.legends for text in each.get_texts()]


def bars(axis: Any) -> list[tuple[list[float], list[list[float]]]]:
    """Every point with its bars: ([x, y], [[from, to] along x, [from, to] along y]); a bar that is not there is []."""
    found = []
    for line, _, collections in axis.containers:
        ends = [np.reshape(each.get_segments()[0], (-1, 2))[:, along] for along, each in enumerate(collections)]
        found.append((np.ravel(line.get_data()).tolist(), [np.sort(each).tolist() for each in ends]))
    return found
