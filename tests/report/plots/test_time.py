"""Accuracy against time, read off its artists, against values worked by hand."""

import numpy as np
import pytest

from tests.report.plots.conftest import bars, caption, legend
from topkbench.errors import UsageError
from topkbench.report.plots import time

pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")


@pytest.fixture
def draw(evidence):
    """The figure and its notes."""
    return lambda *arguments: time.draw(evidence(*arguments), None)


def test_top1_above_top5_over_seconds_by_hand(train, draw):
    for seed, (top1, seconds) in enumerate([(0.6, 10.0), (0.62, 20.0), (0.64, 30.0)]):
        train(top1, seed=seed, seconds=seconds, environment={"device": "H100"})
    figure, notes = draw()
    above, below = figure.axes
    ((point, spans),) = bars(above)
    np.testing.assert_allclose(point, [20, 62])
    np.testing.assert_allclose(spans, [[10, 30], [60, 64]])  # ± 10 and ± 2
    ((point, _),) = bars(below)
    np.testing.assert_allclose(point, [20, 82])
    assert [axis.get_ylabel() for axis in (above, below)] == ["top-1 accuracy (%)", "top-5 accuracy (%)"]
    assert [axis.get_xscale() for axis in (above, below)] == ["log", "log"]
    assert below.get_xlabel() == "training time of a run (s)"
    assert legend(figure) == ["softsort [.5 .5]"]
    assert caption(figure) == (
        "Test accuracy, mean ± sample standard deviation over 3 seeds; each metric at the evaluation that is best in "
        "it on validation (per_metric). Time: of a run; heads that are trained in one pass have equal shares of its "
        "time, whatever their methods. Run on H100."
    )
    assert notes == []


def test_one_seed_has_no_bar_along_time(train, draw):
    train(0.6, seconds=7.0)
    ((point, spans),) = bars(draw()[0].axes[0])
    assert point == [7, 60]
    np.testing.assert_allclose(spans[1], [31.27, 83.18], atol=0.005)  # Wilson's, of 6 in 10
    assert spans[0] == []


def test_ticks_are_plain_numbers(train, draw):
    train(0.6, seconds=10.0)
    train(0.6, seconds=2000.0, method="bitonic")
    axis = draw()[0].axes[0]
    low, high = axis.get_xlim()
    ticks = [tick for tick in axis.get_xticks() if low <= tick <= high]
    assert ticks == [10, 20, 50, 100, 200, 500, 1000, 2000]
    assert axis.xaxis.get_major_formatter().format_ticks(ticks)[-2:] == ["1000", "2000"]


def test_near_times_have_ticks_too(train, draw):
    train(0.6, seconds=34.0)
    train(0.6, seconds=38.0, method="bitonic")
    axis = draw()[0].axes[0]
    low, high = axis.get_xlim()
    assert {34, 35, 36, 37, 38} & {round(tick, 9) for tick in axis.get_xticks() if low <= tick <= high}


def test_a_share_too_short_to_be_measured_has_no_place_on_the_axis(train, draw):
    train()
    train(seconds=0.0, method="bitonic")
    figure, notes = draw()
    assert legend(figure) == ["softsort [.5 .5]"]
    what = "test accuracies and a time above zero"
    assert notes == [f"1 configuration left out, without {what}: wordnet826/bitonic [.5 .5]"]


def test_times_of_unlike_machines_are_said_not_to_compare(train, draw):
    train(environment={"device": "H100"})
    train(environment={"device": "x86_64"}, method="bitonic")
    assert caption(draw()[0]).endswith(" Run on x86_64, H100. Times of unlike machines do not compare.")


def test_a_column_a_data_set(train, draw):
    train(dataset="birds", checksum="aa")
    train(dataset="cars", checksum="bb")
    assert [axis.get_title(loc="left") for axis in draw()[0].axes] == ["birds", "cars", "", ""]


def test_nothing_to_draw(train, draw):
    train(None)
    with pytest.raises(UsageError, match=r"no configuration in .* has test accuracies and a time above zero; run them"):
        draw()
