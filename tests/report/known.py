"""Records of which every figure is known: what each test row's rank is follows from a formula.

"birds" has 60 runs, four methods × three P_K × five seeds, and 200 test rows. Its `TOP1` and `TOP5` say how many rows a
configuration has in the mean at rank 1 and within rank 5; seeds vary these by −2..2 and −4..4 rows. "ponds", of 50
rows, lacks neuralsort and has one seed of one P_K. Three seeds of two methods learn from noisy labels, and from parts
of the rows; spoilt records are of no run that a table may show.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from topkbench import runs
from topkbench.runs import Record

METHODS = ("bitonic", "neuralsort", "softsort", "splitter_selection")
LAST, UNIFORM, ENDS = (0.0, 0.0, 0.0, 0.0, 1.0), (0.2,) * 5, (0.5, 0.0, 0.0, 0.0, 0.5)
P_KS = (LAST, UNIFORM, ENDS)
SEEDS = range(5)
ROWS = {"birds": 200, "ponds": 50}
CHECKSUMS = {"birds": "b1" * 32, "ponds": "90" * 32}

TOP1 = {
    "bitonic": (80, 100, 120),
    "neuralsort": (90, 118, 118),  # the same rows right by two P_K
    "softsort": (100, 120, 110),
    "splitter_selection": (90, 121, 121),  # likewise, and the best
}
TOP5 = {
    "bitonic": (176, 170, 160),
    "neuralsort": (178, 172, 160),
    "softsort": (172, 168, 160),
    "splitter_selection": (180, 176, 170),
}
BEST_ON_VALIDATION = {"bitonic": LAST, "neuralsort": UNIFORM, "softsort": LAST, "splitter_selection": ENDS}
PONDS = {"bitonic": (30, 40), "softsort": (26, 41), "splitter_selection": (45, 47)}
"""Rows at rank 1, and within rank 5."""

LOST = {
    "per_metric_top1": (0, 6, 6, 3),
    "per_metric_top5": (3, 0, 3, 2),
    "per_metric_top10": (6, 3, 0, 1),
    "per_metric_top20": (9, 6, 3, 0),
    "best_top1": (0, 6, 6, 3),
    "last": (10, 10, 5, 4),
}
"""How many rows fewer than at its best an evaluation has within rank 1, 5, 10 and 20."""
KS = (1, 5, 10, 20)

NOISY = {("bitonic", 0.0): 0, ("bitonic", 0.2): 10, ("bitonic", 0.4): 20, ("softsort", 0.0): 0, ("softsort", 0.2): 4}
"""How many rows fewer three seeds of UNIFORM have at any rank, by their label noise; softsort lacks .4."""
PARTS = {
    ("bitonic", "train_per_class", 5): 30,
    ("bitonic", "train_fraction", 0.25): 20,
    ("bitonic", "train_fraction", None): 0,
    ("softsort", "train_per_class", 5): 40,
    ("softsort", "train_fraction", 0.25): 10,
}
"""The same by what they were trained on; softsort lacks all rows."""

Within = tuple[int, int, int, int]


def offset(method: str, seed: int) -> int:
    """−2..2, each for one of the five seeds, in another order for every method.

    >>> [[offset(method, seed) for seed in SEEDS] for method in METHODS[:2]]
    [[-2, -1, 0, 1, 2], [-2, 0, 2, -1, 1]]
    """
    return seed * (METHODS.index(method) + 1) % 5 - 2


def birds(method: str, p_k: tuple[float, ...], seed: int) -> Within:
    """How many of the 200 rows a run has within rank 1, 5, 10 and 20, each at its best evaluation."""
    at = P_KS.index(p_k)
    top5 = TOP5[method][at] + 2 * offset(method, seed)
    return (TOP1[method][at] + offset(method, seed), top5, top5 + 8, top5 + 12)


def ponds(method: str) -> Within:
    """The same of the 50 rows."""
    top1, top5 = PONDS[method]
    return (top1, top5, 48, 49)


def at(within: Within, name: str) -> Within:
    """The same at the evaluation that an array of ranks.npz is of."""
    return tuple(best - lost for best, lost in zip(within, LOST[name], strict=True))  # type: ignore[return-value]


def ranks(within: Within, rows: int, seed: int) -> list[int]:
    """The rank of each test row; seeds differ in which rows are the easy ones.

    >>> ranks((2, 4, 5, 6), rows=8, seed=0), ranks((2, 4, 5, 6), rows=8, seed=1)
    ([1, 1, 4, 5, 10, 16, 36, 37], [1, 1, 4, 5, 10, 16, 36, 37])
    """
    return [rank(within, (row + 40 * seed) % rows) for row in range(rows)]


def rank(within: Within, place: int) -> int:
    """The rank of the row in this place of the order from easy to hard."""
    top1, top5, top10, top20 = within
    if place < top1:
        return 1
    if place < top5:
        return 2 + place % 4
    if place < top10:
        return 6 + place % 5
    return 11 + place % 10 if place < top20 else 30 + place % 11


def arrays(within: Within, rows: int, seed: int) -> dict[str, np.ndarray]:
    """The arrays of ranks.npz."""
    return {name: np.array(ranks(at(within, name), rows, seed)) for name in LOST}


def hits(method: str, p_k: tuple[float, ...], seed: int, k: int, name: str) -> list[bool]:
    """Whether each row of birds is within rank k at an evaluation."""
    return [each <= k for each in ranks(at(birds(method, p_k, seed), name), 200, seed)]


def share(within: Within, rows: int) -> dict[str, float]:
    return {f"top{k}": count / rows for k, count in zip(KS, within, strict=True)}


def costs(within: Within, rows: int, method: str) -> dict[str, float]:
    """Mistakes are 4 edges wide in the mean of bitonic, 5 of neuralsort and so on."""
    error_rate = 1 - within[0] / rows
    width = 4 + METHODS.index(method)
    of_best = {"best_cost5": width / 4, "best_cost10": width / 8, "best_cost20": width / 16}
    return {"error_rate": error_rate, "mistake_cost": width, "average_cost": error_rate * width, **of_best}


def record(dataset: str, method: str, p_k: tuple[float, ...], seed: int, within: Within, **options: Any) -> Record:
    """A run that is done; it took 10 seconds and more for each method, and one more for each seed."""
    rows = ROWS[dataset]
    config = {"method": method, "p_k": list(p_k), "seed": seed, "m": 16, "nloglr": 2.0, **options}
    valid = 0.75 if p_k == BEST_ON_VALIDATION[method] else 0.5
    return Record(
        run_id=runs.run_id(method, {"dataset": dataset, **config}),
        status="done",
        error=None,
        started="2026-01-02T03:04:05+00:00",
        seconds=10.0 * (METHODS.index(method) + 1) + seed,
        config=config,
        origin=dict.fromkeys(config, "method") | {"p_k": "user", "nloglr": "user"},
        data={
            "name": dataset, "checksum": CHECKSUMS[dataset], "n_train": 900, "n_valid": 100, "n_test": rows,
            "n_classes": 40, "dim": 16, "hierarchy": "4e" * 32,
        },
        environment={"device": "x86_64", "heads": 3, "memory": 2**20 * (100 + 10 * METHODS.index(method))},
        history=[{"epoch": 1, "step": step, "loss": 2.0, "valid": {"top1": 0.5}, "test": None} for step in (1, 210)],
        selected={
            "per_metric": {"valid": {"top1": valid}, "test": share(within, rows)},
            **{rule: _selected(rule, within, rows, method, valid) for rule in ("best_top1", "last")},
        },
    )  # fmt: skip


def _selected(rule: str, within: Within, rows: int, method: str, valid: float) -> Mapping[str, Any]:
    there = at(within, rule)
    evaluation = {"epoch": 1, "step": 1 if rule == "best_top1" else 210}
    return {
        **evaluation,
        "valid": {"top1": valid},
        "test": share(there, rows),
        "test_costs": costs(there, rows, method),
    }


def save(results: Path, record: Record, within: Within) -> Path:
    rows = record.data["n_test"]
    return runs.save(results, record, arrays(within, rows, record.config["seed"]))


def write(results: Path) -> Path:
    """All of birds and ponds."""
    for method, p_k, seed in each():
        within = birds(method, p_k, seed)
        save(results, record("birds", method, p_k, seed, within), within)
    for method in PONDS:
        save(results, record("ponds", method, UNIFORM, 0, ponds(method)), ponds(method))
    return results


def write_noisy(results: Path) -> Path:
    """Three seeds on birds with label noise, from none to .4."""
    for (method, rate), lost in NOISY.items():
        noise = {"label_noise": rate, "noise": "block", "noise_block": 5}
        _write_worse(results, method, lost, noise)
    return results


def write_parts(results: Path) -> Path:
    """Three seeds on parts of birds."""
    for (method, option, value), lost in PARTS.items():
        _write_worse(results, method, lost, {option: value})
    return results


def _write_worse(results: Path, method: str, lost: int, options: Mapping[str, Any]) -> None:
    for seed in (0, 1, 2):
        within: Within = tuple(count - lost for count in birds(method, UNIFORM, seed))  # type: ignore[assignment]
        save(results, record("birds", method, UNIFORM, seed, within, **options), within)


def write_spoilt(results: Path) -> None:
    """A failed run, one whose record is torn, one of a future schema, and JSON of another program."""
    failed = record("birds", "bitonic", UNIFORM, 9, birds("bitonic", UNIFORM, 4))
    runs.save(results, replace(failed, status="failed", error="ValueError: the loss is NaN\nTraceback", selected={}))
    contents = {
        "torn": failed.to_json()[:200],
        "future": json.dumps({**json.loads(failed.to_json()), "schema": 2}),
        "foreign": '{"model": "resnet"}',
    }
    for name, content in contents.items():
        path = results / "birds" / name / runs.RECORD
        path.parent.mkdir()
        path.write_text(content)


def each() -> Iterable[tuple[str, tuple[float, ...], int]]:
    return ((method, p_k, seed) for method in METHODS for p_k in P_KS for seed in SEEDS)
