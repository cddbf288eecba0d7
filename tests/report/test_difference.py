"""Two runs side by side, from records written by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from topkbench import runs
from topkbench.lookup import Found
from topkbench.report import difference
from topkbench.report.difference import between

# Ranks of six test rows.     A alone at top-1: rows 1, 2; B alone: row 0. At top-5 A alone: row 3; B alone: rows 0, 4.
RANKS_A = np.array([6, 1, 1, 5, 9, 30])
RANKS_B = np.array([1, 2, 3, 6, 5, 30])
COUNTS = {"top1": (2, 1), "top5": (1, 2), "top10": (0, 0), "top20": (0, 0)}


def arrays(ranks: np.ndarray) -> dict[str, np.ndarray]:
    names = [*(f"per_metric_{metric}" for metric in COUNTS), "best_top1", "last"]
    return dict.fromkeys(names, ranks)


@pytest.fixture
def lay(run, tmp_path):
    """Save a record of a run with these ranks; the folders of two runs are apart."""

    def save(folder: str, ranks: np.ndarray | None, **fields) -> Found:
        history = fields.pop("history", [])
        environment = fields.pop("environment", {"torch": "2.10", "device": "x86_64"})
        record = replace(run(**fields), history=history, environment=environment)
        return Found(record, runs.save(tmp_path / folder, record, None if ranks is None else arrays(ranks)))

    return save


def test_accuracies_and_discordant_rows_of_every_rule(lay):
    found = between(lay("a", RANKS_A, top1=0.6), lay("b", RANKS_B, top1=0.75))
    assert [(score.rule, score.metric) for score in found.scores] == [
        (rule, metric) for rule in ("per_metric", "best_top1", "last") for metric in COUNTS
    ]
    for score in found.scores:
        assert (score.only_a, score.only_b) == COUNTS[score.metric]
    first, second, *_ = found.scores
    assert (first.a, first.b) == (0.6, 0.75)
    assert first.points == pytest.approx(15)
    assert (second.a, second.b) == (pytest.approx(0.8), pytest.approx(0.95))
    assert found.uncounted is None
    assert not found.is_same_result


def test_each_rule_counts_its_own_ranks(lay):
    a, b = lay("a", RANKS_A), lay("b", RANKS_A)
    ranks = {**arrays(RANKS_A), "per_metric_top5": RANKS_B, "last": RANKS_A[::-1]}
    runs.save(b.folder.parent.parent, b.record, ranks)
    counts = {(s.rule, s.metric): (s.only_a, s.only_b) for s in between(a, b).scores}
    assert counts["per_metric", "top5"] == (1, 2)
    assert counts["per_metric", "top1"] == counts["best_top1", "top5"] == (0, 0)
    assert counts["last", "top1"] == (2, 2)  # rows 1 and 2 against 3 and 4
    assert counts["last", "top5"] == (1, 1)  # rows 1, 2, 3 against 2, 3, 4


def test_what_differs_by_part(lay):
    a = lay("a", None, checksum="ab", m=16, environment={"torch": "2.10", "device": "x86_64", "threads": 2})
    b = lay("b", None, checksum="cd", m=32, loss_options={"k": 3}, environment={"torch": "2.11", "device": "x86_64"})
    assert between(a, b).settings == {
        "run": {},
        "config": {"m": (16, 32), "loss_options.k": (None, 3)},
        "data": {"checksum": ("ab", "cd")},
        "environment": {"torch": ("2.10", "2.11"), "threads": (2, None)},
    }


def test_options_without_effect_are_no_difference(lay):
    a, b = lay("a", None), lay("b", None, optimizer="adam", momentum=0.5, label_noise=0.0, noise_block=9)
    assert between(a, b).settings["config"] == {}
    b = lay("b", None, optimizer="sgd", momentum=0.5, nesterov=True)
    assert between(a, b).settings["config"] == {
        "optimizer": ("adam", "sgd"), "momentum": (None, 0.5), "nesterov": (None, True),
    }  # fmt: skip


def test_equal_runs(lay):
    found = between(lay("a", RANKS_A), lay("b", RANKS_A))
    assert found.is_same_result
    assert found.first is None
    assert not any(found.settings.values())
    assert {(score.points, score.only_a, score.only_b) for score in found.scores} == {(0.0, 0, 0)}


def test_where_histories_part(lay):
    entries = [{"epoch": 1, "step": step, "loss": 1.0, "valid": {"top1": 0.5}} for step in (1, 10, 20)]
    other = [*entries[:2], {**entries[2], "valid": {"top1": 0.25}}]
    found = between(lay("a", None, history=entries), lay("b", None, history=other))
    assert (found.first.evaluation, found.first.step, found.first.figure) == (3, 20, "valid.top1")
    assert found.first.by == -0.25
    assert not found.is_same_result


@pytest.mark.parametrize(
    ("checksums", "reason"),
    [(("ab", "cd"), "of other data"), ((None, None), "of other data"), (("ab", "ab"), "does not exist")],
)
def test_rows_that_cannot_be_counted(lay, checksums, reason):
    one, other = checksums
    found = between(lay("a", RANKS_A, checksum=one), lay("b", None, checksum=other))
    assert reason in found.uncounted
    assert {(score.only_a, score.only_b) for score in found.scores} == {(None, None)}


def test_ranks_that_one_run_lacks(lay):
    a, b = lay("a", RANKS_A), lay("b", RANKS_B)
    runs.save(b.folder.parent.parent, b.record, {"last": RANKS_B})
    counted = [score.rule for score in between(a, b).scores if score.only_a is not None]
    assert counted == ["last"] * 4


def test_runs_that_are_not_done(lay):
    found = between(lay("a", None, status="failed"), lay("b", None, status="failed"))
    assert found.first is None
    assert not found.is_same_result
    assert {(score.a, score.points) for score in found.scores} == {(None, None)}
    found = between(lay("a", None, status="failed"), lay("b", None))
    assert found.settings["run"] == {"status": ("failed", "done"), "error": ("ValueError: the loss is NaN", None)}


def test_the_document_is_plain(lay):
    document = between(lay("a", RANKS_A), lay("b", RANKS_B, m=8)).document()
    plain = json.loads(json.dumps(document, allow_nan=False))
    assert plain["differences"]["config"] == {"m": [16, 8]}
    assert plain["scores"][0] == {
        "rule": "per_metric", "metric": "top1", "a": 0.6, "b": 0.6, "points": 0.0, "only_a": 2, "only_b": 1,
    }  # fmt: skip
    assert (plain["same_result"], plain["first_difference"]) == (True, None)


@pytest.mark.parametrize(("k", "expected"), [(1, (2, 1)), (5, (1, 2)), (9, (0, 0)), (6, (0, 1))])
def test_discordant(k, expected):
    assert difference.discordant(RANKS_A, RANKS_B, k) == expected


def test_results_are_only_read(lay):
    a, b = lay("a", RANKS_A), lay("b", RANKS_B)

    def contents(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    before = contents(a.folder), contents(b.folder)
    between(a, b)
    assert (contents(a.folder), contents(b.folder)) == before
