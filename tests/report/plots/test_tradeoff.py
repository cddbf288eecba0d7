"""The trade-off of top-1 and top-5, read off its artists, against values worked by hand."""

import numpy as np
import pytest

from tests.report.plots.conftest import bars, caption, legend
from topkbench.errors import UsageError
from topkbench.report.plots import tradeoff

pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")


@pytest.fixture
def draw(evidence):
    """The figure and its notes."""
    return lambda *arguments, **options: tradeoff.draw(evidence(*arguments, **options), None)


def test_means_and_deviations_by_hand(train, draw):
    for seed, top1 in enumerate((0.6, 0.62, 0.64)):
        train(top1, seed=seed)
    figure, notes = draw()
    (axis,) = figure.axes
    ((point, spans),) = bars(axis)
    np.testing.assert_allclose(point, [62, 82])
    np.testing.assert_allclose(spans, [[60, 64], [80, 84]])  # ± 2
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("top-1 accuracy (%)", "top-5 accuracy (%)")
    assert axis.get_title(loc="left") == "wordnet826"
    assert legend(figure) == ["softsort [.5 .5]"]
    assert caption(figure) == (
        "Test accuracy, mean ± sample standard deviation over 3 seeds; "
        "each metric at the evaluation that is best in it on validation (per_metric)."
    )
    assert notes == []


def test_one_seed_has_wilsons_interval(train, draw):
    """Of 6 in 10 it is .3127 to .8318, of 8 in 10 .4902 to .9433 (Newcombe 1998, method 3)."""
    train(0.6)
    figure, _ = draw("last")
    ((point, spans),) = bars(figure.axes[0])
    np.testing.assert_allclose(point, [60, 80])
    np.testing.assert_allclose(spans, [[31.27, 83.18], [49.02, 94.33]], atol=0.005)
    assert caption(figure) == "Test accuracy, one seed, as bars Wilson's 95 % interval; at the last evaluation (last)."


def test_one_seed_beside_several_is_said(train, draw):
    train(seed=0)
    train(seed=1)
    train(method="bitonic")
    assert caption(draw()[0]).startswith(
        "Test accuracy, mean ± sample standard deviation over up to 2 seeds (of one, as bars Wilson's 95 % interval); "
    )


def test_a_panel_a_data_set_and_one_look_in_both(train, draw):
    train(0.6, dataset="birds", checksum="aa")
    train(0.5, dataset="cars", checksum="bb")
    train(0.4, dataset="cars", checksum="bb", method="bitonic")
    figure, _ = draw()
    birds, cars = figure.axes
    assert [axis.get_title(loc="left") for axis in (birds, cars)] == ["birds", "cars"]
    points = [point for axis in (birds, cars) for point, _ in bars(axis)]
    np.testing.assert_allclose(points, [[60, 80], [40, 60], [50, 70]])
    assert legend(figure) == ["softsort [.5 .5]", "bitonic [.5 .5]"]
    looks = [[(line.get_color(), line.get_marker()) for line, *_ in axis.containers] for axis in (birds, cars)]
    assert looks[0][0] == looks[1][1] != looks[1][0]


def test_data_sets_of_one_name_are_apart(train, draw):
    train(checksum="a" * 64)
    train(checksum="b" * 64)
    titles = [axis.get_title(loc="left") for axis in draw()[0].axes]
    assert titles == ["wordnet826 (aaaaaaaa)", "wordnet826 (bbbbbbbb)"]


def test_sixty_configurations_differ_and_have_room(train, draw):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for m in range(60):
        train(0.5 + m / 200, m=m + 1)
    figure, notes = draw()
    assert len({(line.get_color(), line.get_marker()) for line, *_ in figure.axes[0].containers}) == 60
    assert len(set(legend(figure))) == 60
    assert notes == []
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [artist.get_window_extent(canvas.get_renderer()) for artist in (figure.legends[0], figure.axes[0])]
    whole = figure.bbox
    assert all(whole.x0 <= box.x0 < box.x1 <= whole.x1 and whole.y0 <= box.y0 < box.y1 <= whole.y1 for box in boxes)
    assert not boxes[0].overlaps(boxes[1])
    assert boxes[1].height > 1.5 * figure.dpi  # inches are left to the points


def test_more_names_than_looks_are_said(train, draw):
    for m in range(64):
        train(m=m + 1)
    assert draw()[1] == ["64 configurations share 63 markers and colours; ask for fewer with --where"]


def test_what_is_chosen_is_said(train, draw):
    train(0.6, valid=0.5, m=16)
    train(0.7, valid=0.4, m=32)
    figure, _ = draw(group_by=["method"])
    assert [point for point, _ in bars(figure.axes[0])] == [[60, 80]]
    assert caption(figure).endswith(" Of each method the configuration with the best validation top-1.")


def test_what_has_no_accuracies_is_named(train, draw):
    train(0.6)
    train(None, method="bitonic")
    figure, notes = draw()
    assert legend(figure) == ["softsort [.5 .5]"]
    assert notes == ["1 configuration left out, without test accuracies: wordnet826/bitonic [.5 .5]"]


def test_nothing_to_draw(train, draw, tmp_path):
    train(None)
    with pytest.raises(UsageError) as error:
        draw()
    assert str(error.value) == (
        f"no configuration in {tmp_path / 'results'} has test accuracies; run them again with 'topkbench train --force'"
    )
