"""A small grid on a small data set."""

from collections.abc import Callable
from pathlib import Path

import pytest

from topkbench import sweep
from topkbench.store import open_store
from topkbench.sweep import Plan

GRID = """
seeds = "0-1"
n_epochs = 2
batch_size = 50
eval_every = 10
[[runs]]
method = "softmax_cross_entropy"
nloglr = [1.5, 2]
[[runs]]
method = ["splitter_selection", "neuralsort"]
p_k = [[0.5, 0.5], [0.2, 0.2, 0.2, 0.2, 0.2]]
nloglr = 2
"""  # 12 runs


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


@pytest.fixture
def planned(blobs: Path, tmp_path: Path) -> Callable[..., Plan]:
    """Plans the grid, or another specification, with results of its own."""

    def plan(text: str = GRID, results: str = "results", **override: object) -> Plan:
        path = tmp_path / "planned.toml"
        path.write_text(text)
        everywhere = {"device": "cpu", "residency": "ram"}
        return sweep.make(str(path), open_store(blobs), tmp_path / results, override, everywhere)

    return plan
