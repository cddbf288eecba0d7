"""Records written by hand, and those of `known`, whose every figure is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.report import known
from topkbench.report import Evidence, gather
from topkbench.runs import RULES, Record

FAILURE = "ValueError: the loss is NaN\nTraceback (most recent call last):\n  File loss.py, line 1\n"


@pytest.fixture
def run() -> Callable[..., Record]:
    """A record of a run with the given test top-1, at whichever evaluation; its top-5 is .2 higher."""

    def make(top1: float | None = 0.6, dataset: str = "wordnet826", checksum: str = "ab", **fields: Any) -> Record:
        status, costs = fields.pop("status", "done"), fields.pop("costs", None)
        hierarchy = {"hierarchy": fields.pop("hierarchy")} if "hierarchy" in fields else {}
        config = {"method": "softsort", "p_k": [0.5, 0.5], "seed": 0, "nloglr": 2.0, "m": 16, **fields}
        test = None if top1 is None else {"top1": top1, "top5": top1 + 0.2, "top10": 0.9, "top20": 0.95}
        known = {} if costs is None else {"test_costs": costs}
        return Record(
            run_id=f"{config['method']}-{config['seed']}",
            status=status,
            error=None if status == "done" else FAILURE,
            started="2026-01-02T03:04:05+00:00",
            seconds=1.5,
            config=config,
            origin={},
            data={"name": dataset, "checksum": checksum, "n_classes": 826, "n_test": 2478, **hierarchy},
            environment={},
            history=[],
            selected={rule: {"test": test, **known} for rule in RULES} if status == "done" else {},
        )

    return make


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of birds and ponds; it is only read."""
    return known.write(tmp_path_factory.mktemp("known") / "results")


@pytest.fixture(scope="session")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs with label noise; likewise."""
    return known.write_noisy(tmp_path_factory.mktemp("noisy") / "results")


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs on parts of the training rows; likewise."""
    return known.write_parts(tmp_path_factory.mktemp("parts") / "results")


@pytest.fixture(scope="session")
def evidence(results: Path) -> Evidence:
    """What the report has of birds and ponds."""
    return gather(results)
