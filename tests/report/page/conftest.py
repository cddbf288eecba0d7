"""A small results folder: two data sets' runs with curves and ranks, and one run that failed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topkbench import runs
from topkbench.report import gather, page, tables
from topkbench.runs import Record

METRICS = ("top1", "top5", "top10", "top20")
LOSSES = (2.5, None, 1.5)
"""At the three evaluations of every curve; of the middle one there is none."""
HOSTILE = "</script><img src=x onerror=alert(1)>"


def evaluation(at: int) -> dict[str, Any]:
    """The at-th of three, on its epoch's last step; validation top-k rises by .1 from one to the next."""
    valid = {metric: 0.1 * at + 0.05 * k for k, metric in enumerate(METRICS, 4)}
    return {"epoch": at, "step": 100 * at, "loss": LOSSES[at - 1], "valid": valid, "test": None}


@pytest.fixture
def save(run: Callable[..., Record], tmp_path: Path) -> Callable[..., Record]:
    """Save a run of the given test top-1 with a curve and ranks; what was written."""

    def make(top1: float = 0.6, **fields: Any) -> Record:
        made = run(top1, **fields)
        last = {"epoch": 3, "step": 300, "valid": evaluation(3)["valid"]}
        each = {key: dict.fromkeys(METRICS, last[key]) for key in ("epoch", "step")}
        selected = {
            rule: {**chosen, **last, **(each if rule == "per_metric" else {})} for rule, chosen in made.selected.items()
        }
        made = replace(made, history=[evaluation(at) for at in (1, 2, 3)], selected=selected)
        ranks = np.where(np.arange(50) < 50 * top1, 1, 7)
        names = [*(f"per_metric_{metric}" for metric in METRICS), "best_top1", "last"]
        runs.save(tmp_path / "results", made, dict.fromkeys(names, ranks) if made.status == "done" else None)
        return made

    return make


@pytest.fixture
def records(save: Callable[..., Record]) -> list[Record]:
    """Of .095, .6 and .612, so that numbers and their digits sort otherwise; and one without any."""
    return [
        save(0.6, method="softsort"),
        save(0.095, method="softsort", seed=1),
        save(0.612, method="bitonic", dataset="other", checksum="cd"),
        save(method="neuralsort", status="failed"),
    ]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[], Path]:
    """Write the page of what was saved; the file."""

    def make() -> Path:
        evidence = gather(tmp_path / "results")
        path = tmp_path / "report.html"
        path.write_bytes(page.render(evidence, tables.every(evidence))[0])
        return path

    return make


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is not about plots: they take their time."""
    monkeypatch.setattr("topkbench.report.plots.names", list)
