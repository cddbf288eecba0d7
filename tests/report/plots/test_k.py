"""Accuracy over k, read off its artists, against values worked by hand."""

import numpy as np
import pytest

from tests.report.plots.conftest import ARRAYS, caption, legend
from topkbench.errors import UsageError
from topkbench.report.plots import k

pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")

FOUR = (1, 1, 2, 3)  # ranks: top-1 2/4, top-2 3/4, top-3 and all after 4/4
WORSE = (1, 2, 4, 9)  # top-1 1/4, top-2 and 3 2/4, top-4 3/4, top-9 4/4


@pytest.fixture
def draw(evidence):
    """The figure and its notes."""
    return lambda *arguments, **options: k.draw(evidence(*arguments, **options), None)


def curves(axis) -> list[list[float]]:
    """The lines over k, but those that mark evaluations."""
    return [line.get_ydata().tolist() for line in axis.lines if len(line.get_xdata()) > 2]


def marks(axis) -> list[float]:
    return [line.get_xdata()[0] for line in axis.lines if len(line.get_xdata()) == 2]


def band(axis, at: int) -> tuple[float, float]:
    """Where the only band begins and ends."""
    (found,) = axis.collections
    ends = [y for x, y in found.get_paths()[0].vertices if x == at]
    return min(ends), max(ends)


def test_accuracies_by_hand(train, draw):
    train(ranks=FOUR)
    figure, notes = draw()
    (axis,) = figure.axes  # of one configuration there is no difference
    assert curves(axis) == [[50, 75, *[100] * 18]]
    assert axis.lines[0].get_xdata().tolist() == list(range(1, 21))
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("k", "top-k accuracy (%)")
    assert legend(figure) == ["softsort [.5 .5]"]
    assert caption(figure) == (
        "Test top-k accuracy, one seed; each metric at the evaluation that is best in it on validation (per_metric). "
        "Dotted: the k from which on another evaluation counts."
    )
    assert notes == []


def test_seeds_are_averaged(train, draw):
    train(ranks=FOUR, seed=0)
    train(ranks=WORSE, seed=1)
    figure, _ = draw()
    assert curves(figure.axes[0]) == [[37.5, 62.5, 75, *[87.5] * 5, *[100] * 12]]
    assert caption(figure).startswith("Test top-k accuracy, mean of 2 seeds; ")


def test_differences_are_from_the_best_on_validation_seed_by_seed(train, draw):
    """At k = 1 the other is better by 0 and worse by 1/4: −12.5 ± 17.68."""
    for seed in (0, 1):
        train(ranks=FOUR, seed=seed, method="best", valid=0.7)
    train(0.9, ranks=FOUR, seed=0, method="other", valid=0.6)
    train(0.9, ranks=WORSE, seed=1, method="other", valid=0.6)
    figure, _ = draw()
    above, below = figure.axes
    assert curves(above)[0] == [50, 75, *[100] * 18]
    assert curves(below) == [[0] * 20, [-12.5, -12.5, -25, *[-12.5] * 5, *[0] * 12]]
    reach = 25 / np.sqrt(2)
    np.testing.assert_allclose(band(below, at=1), (-12.5 - reach, -12.5 + reach))
    assert band(below, at=20) == (0, 0)
    assert below.get_title(loc="left") == "minus best [.5 .5]"
    assert (below.get_xlabel(), below.get_ylabel()) == ("k", "difference (points)")
    assert above.lines[1].get_linestyle() != above.lines[0].get_linestyle()
    assert (
        "Below: minus that of the configuration with the best top-1 on validation, seed by seed; bands: ± sample "
        "standard deviation over the seeds that both have, of one the 95% interval over images."
    ) in caption(figure)


def test_one_seed_has_an_interval_over_images(train, draw):
    """Of 400 images one alone gets 100 and the other 20: −.2, its variance .3 − .04, over 400."""
    train(ranks=[1] * 300 + [2] * 100, method="best", valid=0.7)
    train(ranks=[1] * 200 + [2] * 100 + [1] * 20 + [2] * 80, method="other")
    figure, _ = draw()
    reach = 100 * 1.96 * np.sqrt((0.3 - 0.04) / 400)
    below = figure.axes[1]
    assert curves(below)[1][0] == pytest.approx(-20)
    np.testing.assert_allclose(band(below, at=1), (-20 - reach, -20 + reach), atol=0.5)  # by resampling
    assert "seed by seed; bands: 95% interval over images." in caption(figure)


def test_evaluations_change_where_the_rule_chooses_for_each_k(train, draw):
    ranks = {name: [1, 1, 1, 1] for name in ARRAYS} | {"per_metric_top5": [9, 9, 9, 1], "last": [2, 2, 1, 1]}
    train(ranks=ranks)
    ((axis,), (last,)) = (draw(rule)[0].axes for rule in ("per_metric", "last"))
    assert curves(axis) == [[*[100] * 4, *[25] * 4, 100, *[100] * 11]]  # ranks 9 count from k = 9 on
    assert marks(axis) == [5, 10, 20]
    assert curves(last) == [[50, *[100] * 19]]
    assert marks(last) == []
    assert "Dotted" not in caption(draw("last")[0])


def test_no_more_ks_than_classes(train, draw):
    train(ranks=FOUR, n_classes=4)
    (axis,) = draw()[0].axes
    assert curves(axis) == [[50, 75, 100, 100]]
    assert marks(axis) == []
    assert axis.get_xticks().tolist() == [1, 2, 3, 4]


def test_many_configurations_have_no_bands(train, draw):
    for m in range(9):
        train(ranks=FOUR, m=m + 1)
    figure, _ = draw()
    assert [len(axis.collections) for axis in figure.axes] == [0, 0]
    assert "bands" not in caption(figure)


def test_what_has_no_ranks_is_named(train, draw):
    train(ranks=FOUR)
    train(method="bitonic")
    figure, notes = draw()
    assert legend(figure) == ["softsort [.5 .5]"]
    assert notes == ["1 configuration left out, without ranks: wordnet826/bitonic [.5 .5]"]


def test_a_data_set_without_ranks_has_no_panel(train, draw):
    train(ranks=FOUR, dataset="birds", checksum="aa")
    train(dataset="cars", checksum="bb")
    assert [axis.get_title(loc="left") for axis in draw()[0].axes] == ["birds"]


def test_nothing_to_draw(train, draw):
    train()
    with pytest.raises(UsageError, match=r"no configuration in .* has ranks; run them again with"):
        draw()
