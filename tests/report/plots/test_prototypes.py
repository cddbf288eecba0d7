"""What the figure of prototypes shows, read off its artists, against values worked by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.report.plots.conftest import CORNERS, NAMES, caption, legend, prepared
from topkbench import runs
from topkbench.errors import DataError
from topkbench.ops import prototypes as reference
from topkbench.report.plots import _pairs, prototypes
from topkbench.report.plots._spanning_tree import spanning_tree

pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")


@pytest.fixture
def draw(data, evidence):
    """The figure's axes, row by row, its legend's texts, its caption and its notes."""

    def drawn(file: Path = data, select: runs.Rule = "per_metric", **options):
        figure, notes = prototypes.draw(evidence(select, **options), lambda: file)
        return np.reshape(figure.axes, (-1, 2)), legend(figure), caption(figure), notes

    return drawn


def scattered(axis) -> list[list[list[float]]]:
    return [np.asarray(collection.get_offsets()).tolist() for collection in axis.collections]


def test_the_plane_by_hand(save, draw):
    save()
    ((left, _),), called, words, notes = draw()
    assert scattered(left) == [CORNERS[:2].tolist(), CORNERS[2:].tolist()]
    assert called == ["pet (2)", "plant (2)"]
    colours = {tuple(collection.get_facecolor()[0]) for collection in left.collections}
    assert len(colours) == 2
    assert left.get_aspect() == 1
    assert [note.get_text() for note in left.texts] == NAMES
    # the tree joins the pets, the plants, and across by a side of 4 rather than a diagonal of 5
    (line,) = left.lines
    ends = np.transpose(line.get_data()).reshape(-1, 3, 2)
    assert np.isnan(ends[:, 2]).all()
    assert sorted(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)) == [3, 3, 4]
    assert "all 6 pairs" in words
    assert "coloured by branch of the class tree" in words
    assert notes == []


def test_the_distances_by_hand(save, draw):
    """The ratios are 3/2 twice, 4/4 twice and 5/4 twice; s = Σ a / Σ a² = 7.5 / 9.625, distortion 1 − s 7.5 / 6."""
    save()
    ((left, right),), *_ = draw()
    scale = 7.5 / 9.625
    assert left.get_title(loc="left") == "metric_guided_prototypes guide=distortion\nseed 0, top-1 60.00%"
    assert right.get_title(loc="left") == f"distortion {1 - scale * 7.5 / 6:.3f}" == "distortion 0.026"
    diagonal, median = right.lines
    assert diagonal.get_slope() == 1
    np.testing.assert_allclose(np.transpose(median.get_data()), [[2, 3 * scale], [4, 4.5 * scale]])
    band, dots = right.collections
    corners = {(2, 3), (4, 4), (4, 5)}  # of 4, 4, 5, 5 the quartiles are 4 and 5
    drawn = {(x, round(y / scale, 6)) for x, y in band.get_paths()[0].vertices}
    assert drawn == corners
    small, large = dots.get_sizes()
    assert large == 2 * small  # four pairs and two
    assert right.get_ylabel() == "distance of prototypes × 0.779"


@pytest.mark.parametrize("distance", ["euclidean", "squared", "cosine"])
def test_the_distortion_is_that_of_the_operator(distance):
    rng = np.random.default_rng(1)
    points, distances = rng.normal(size=(40, 2)).astype(np.float32), rng.uniform(1, 9, size=(40, 40)).astype(np.float32)
    distances = np.triu(distances, 1) + np.triu(distances, 1).T
    distances[3, 5] = distances[5, 3] = 0  # two classes at no distance are left out
    found = _pairs.pairs(points, distances, distance)
    expected = reference.distortion(torch.from_numpy(points), torch.from_numpy(distances), distance)
    assert found.distortion == pytest.approx(expected.item(), rel=1e-5)
    assert len(found.classes) == 40 * 39 // 2 - 1


def test_the_distance_of_a_run_is_what_is_drawn(save, draw):
    save(distance="squared")  # 9, 16 and 25 over 2, 4 and 4 edges
    ((_, right),), *_ = draw()
    ratios = np.repeat([9 / 2, 16 / 4, 25 / 4], 2)
    scale = ratios.sum() / np.square(ratios).sum()
    assert right.get_ylabel() == f"distance of prototypes × {scale:.3g}"
    assert right.get_title(loc="left") == f"distortion {np.square(scale * ratios - 1).mean():.3f}"


def test_prototypes_that_coincide_are_wholly_distorted(save, draw):
    save(np.ones((4, 2)))
    ((_, right),), *_ = draw()
    assert right.get_title(loc="left") == "distortion 1.000"


def test_one_row_a_configuration_from_its_lowest_seed(save, draw):
    for seed in (10, 2, 3):
        save(CORNERS + seed, seed=seed, guide_weight=1.0)
    save(2 * CORNERS, top1=0.25, method="learnt_prototypes", guide=None)
    save(3 * CORNERS, guide_weight=10.0, guide="rank")
    rows, *_ = draw()
    assert [left.get_title(loc="left") for left, _ in rows] == [
        "learnt_prototypes\nseed 0, top-1 25.00%",
        "metric_guided_prototypes guide=distortion guide_weight=1\nseed 2, top-1 60.00%",
        "metric_guided_prototypes guide=rank guide_weight=10\nseed 0, top-1 60.00%",
    ]
    firsts = [scattered(left)[0][0] for left, _ in rows]
    assert firsts == [[0, 0], [2, 2], [0, 0]]


def test_the_rows_are_those_of_the_report_in_its_order(save, draw):
    save(CORNERS, top1=0.2, guide_weight=1.0)
    save(2 * CORNERS, top1=0.6, guide_weight=2.0)
    save(3 * CORNERS, top1=0.4, guide_weight=3.0, guide="rank")
    rows, *_ = draw(sort=["-top1"])
    assert [scattered(left)[0][1] for left, _ in rows] == [[6, 0], [9, 0], [3, 0]]
    rows, *_ = draw(sort=["-top1"], group_by=["guide"])  # validation is unknown, so the first of each stays
    assert [scattered(left)[0][1] for left, _ in rows] == [[9, 0], [3, 0]]


def test_what_is_of_other_data_is_named(save, draw):
    save()
    other = save(checksum="ff" * 32, seed=1)
    save(None, status="failed", seed=2)
    save(None, embedding_dim=64)  # not of this figure, nor worth a note
    rows, *_, notes = draw()
    assert len(rows) == 1
    assert notes == [f"1 run left out, of other data: four/{other.name}"]


def test_a_run_without_its_prototypes_is_named(save, draw):
    home = save(None)
    with pytest.raises(DataError, match=rf"{home.name}/prototypes\.npz does not exist; run it again"):
        draw()


def test_the_rule_is_in_the_caption(save, draw):
    save()
    assert draw(select="last")[2].endswith("Test top-1: at the last evaluation (last).")


def test_distances_without_a_tree(save, draw, tmp_path):
    apart = 5.0 * (1 - np.eye(4))
    plain = prepared(tmp_path / "plain.h5", class_names=NAMES, distances=apart).path
    save()
    ((left, right),), called, words, _ = draw(plain)
    assert (called, "coloured" in words) == ([], False)
    assert scattered(left) == [CORNERS.tolist()]
    assert right.lines[1].get_xdata().tolist() == [5]


def test_many_distances_are_rounded_up():
    rng = np.random.default_rng(0)
    distances = rng.uniform(0, 10, (100, 100))
    distances = np.maximum(distances, distances.T)
    found = _pairs.quartiles(_pairs.pairs(rng.normal(size=(100, 2)), distances, "euclidean"))
    step = np.triu(distances, 1).max() / 50
    np.testing.assert_allclose(found.levels / step, np.round(found.levels / step))
    assert len(found.levels) <= 50
    assert found.counts.sum() == 100 * 99 // 2


def test_more_pairs_than_fit_are_sampled_the_same_way_each_time(save, draw, monkeypatch):
    monkeypatch.setattr(_pairs, "MOST", 5)
    save()
    ((_, right),), _, words, _ = draw()
    assert "5 random pairs" in words
    assert right.get_title(loc="left") == draw()[0][0, 1].get_title(loc="left")


def test_a_sample_is_near_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 2))
    distances = np.ceil(np.linalg.norm(points[:, None] - points, axis=-1) + rng.uniform(0, 2, (300, 1)))
    distances = np.maximum(distances, distances.T) * (1 - np.eye(300))
    whole = _pairs.pairs(points, distances, "euclidean")
    monkeypatch.setattr(_pairs, "MOST", 20_000)
    sample = _pairs.pairs(points, distances, "euclidean")
    assert (whole.is_sample, sample.is_sample, len(sample.classes)) == (False, True, 20_000)
    assert sample.distortion == pytest.approx(whole.distortion, rel=0.05)
    assert sample.scale == pytest.approx(whole.scale, rel=0.05)


@pytest.mark.parametrize("levels", [3, 1000])
def test_no_tree_is_shorter(levels):
    """Kruskal's algorithm takes the shortest pairs that join what is not joined yet."""
    rng = np.random.default_rng(levels)
    points, distances = rng.normal(size=(30, 2)), rng.integers(1, levels + 1, (30, 30))
    distances = np.triu(distances, 1) + np.triu(distances, 1).T
    part, weight, length = list(range(30)), 0, 0.0
    pairs = [(distances[i, j], np.linalg.norm(points[i] - points[j]), i, j) for i in range(30) for j in range(i)]
    for apart, away, i, j in sorted(pairs):
        if part[i] != part[j]:
            part = [part[i] if p == part[j] else p for p in part]
            weight, length = weight + apart, length + away
    ours = spanning_tree(distances, points)
    assert ours.shape == (29, 2)
    assert distances[*ours.T].sum() == weight
    assert np.linalg.norm(np.subtract(*points[ours.T]), axis=1).sum() == pytest.approx(length)


def test_a_long_name_is_cut_and_nothing_in_it_is_a_formula(save, draw, tmp_path):
    names = ["a" * 40, "cost_in_$_and_$", "oak", "elm"]
    parents = [
        (names[0], "pet"),
        (names[1], "pet"),
        *[(name, "plant") for name in names[2:]],
        ("pet", ""),
        ("plant", ""),
    ]
    save()
    ((left, _),), *_ = draw(prepared(tmp_path / "odd.h5", class_names=names, parents=parents).path)
    assert [note.get_text() for note in left.texts][:2] == ["a" * 27 + "…", "cost in $ and $"]
