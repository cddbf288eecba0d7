"""Accuracy over an option, read off its artists, against values worked by hand."""

import numpy as np
import pytest

from tests.report.plots.conftest import caption, legend
from topkbench.errors import UsageError
from topkbench.report.plots import sensitivity

pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")


@pytest.fixture
def draw(evidence):
    """The figure and its notes."""
    return lambda *arguments, **options: sensitivity.draw(evidence(*arguments, **options), None)


def points(line) -> list[tuple[float, float]]:
    return [(round(float(x), 9), round(float(y), 9)) for x, y in zip(*line.get_data(), strict=True)]


def of_test(axis) -> list[list[tuple[float, float]]]:
    """Of each line the test accuracies."""
    return [points(line) for line, *_ in axis.containers]


def of_validation(axis) -> list[list[tuple[float, float]]]:
    """Of each line the accuracies on validation."""
    return [points(line) for line in axis.lines if line.get_linestyle() == "--"]


def ringed(axis) -> list[tuple[float, float]]:
    of_tests = {line for line, *_ in axis.containers}
    return [points(line)[0] for line in axis.lines if line not in of_tests and len(line.get_xdata()) == 1]


def test_test_and_validation_by_hand(train, draw):
    """Validation chooses 0.5, though on test 2 is better."""
    train(0.5, valid=0.3, tau=1.0)
    train(0.6, valid=0.5, tau=0.5)
    train(0.7, valid=0.4, tau=2.0)
    figure, notes = draw()
    top1, top5 = figure.axes
    assert of_test(top1) == [[(0.5, 60), (1, 50), (2, 70)]]
    assert of_validation(top1) == [[(0.5, 50), (1, 30), (2, 40)]]
    assert of_test(top5) == [[(0.5, 80), (1, 70), (2, 90)]]
    assert of_validation(top5) == [[(0.5, 70), (1, 50), (2, 60)]]
    assert ringed(top1) == [(0.5, 60)]
    assert ringed(top5) == [(0.5, 80)]
    assert (top5.get_xlabel(), top1.get_xscale()) == ("tau", "log")
    assert [axis.get_ylabel() for axis in figure.axes] == ["top-1 accuracy (%)", "top-5 accuracy (%)"]
    assert legend(figure) == ["softsort [.5 .5]"]
    assert caption(figure) == (
        "Solid: test accuracy, one seed, as bars Wilson's 95 % interval; each metric at the evaluation that is best in "
        "it on validation (per_metric). Dashed: accuracy on validation. Ringed: the value that is best on validation."
    )
    assert notes == []


def test_bars_are_deviations_over_seeds(train, draw):
    for seed, more in enumerate((0, 0.02, 0.04)):
        train(0.6 + more, seed=seed, nloglr=3.0)
        train(0.5, seed=seed, nloglr=4.0)
    figure, _ = draw()
    ((_, _, (bars,)),) = figure.axes[0].containers
    spans = [np.sort(segment[:, 1]) for segment in bars.get_segments()]
    np.testing.assert_allclose(spans, [[60, 64], [50, 50]])
    assert of_test(figure.axes[0]) == [[(3, 62), (4, 50)]]


@pytest.mark.parametrize(
    ("option", "values", "scale"),
    [
        ("nloglr", (0.5, 5.5), "linear"),  # it is a logarithm
        ("inverse_temperature", (0.5, 1), "log"),
        ("sigma", (1, 2), "log"),
        ("sigma", (0, 2), "linear"),
        ("weight_decay", (1e-4, 1e-3), "log"),
        ("weight_decay", (0.0, 1e-3), "linear"),
        ("m", (16, 32), "linear"),
    ],
)
def test_scales(train, draw, option, values, scale):
    for value in values:
        train(**{option: value})
    assert {axis.get_xscale() for axis in draw()[0].axes} == {scale}


def test_a_grid_has_a_panel_an_option_and_a_line_for_each_value_of_the_other(train, draw):
    tops = {(3.0, 1): 0.1, (3.0, 2): 0.2, (4.0, 1): 0.3, (4.0, 2): 0.4}
    for (nloglr, tau), top1 in tops.items():
        train(top1, nloglr=nloglr, tau=tau)
    figure, _ = draw()
    first, second, *_ = figure.axes
    assert [axis.get_xlabel() for axis in figure.axes[2:]] == ["nloglr (learning rate: 10 to the −nloglr)", "tau"]
    assert of_test(first) == [[(3, 10), (4, 30)], [(3, 20), (4, 40)]]
    assert of_test(second) == [[(1, 10), (2, 20)], [(1, 30), (2, 40)]]
    assert legend(figure) == [f"softsort [.5 .5] {other}" for other in ("tau=1", "tau=2", "nloglr=3", "nloglr=4")]


def test_what_differs_in_more_than_one_option_is_left_out(train, draw):
    train(0.5, nloglr=3.0, tau=1.0)
    train(0.6, nloglr=4.0, tau=1.0)
    train(0.7, nloglr=5.0, tau=2.0)
    train(0.8, nloglr=5.0, p_k=[1.0])
    figure, notes = draw()
    assert of_test(figure.axes[0]) == [[(3, 50), (4, 60)]]
    assert notes == [
        "2 configurations left out, without a counterpart that differs in one numeric option alone: "
        "wordnet826/softsort [.5 .5] nloglr=5 tau=2; wordnet826/softsort [1]"
    ]


def test_data_sets_have_panels_of_their_own(train, draw):
    for dataset, checksum in (("birds", "aa"), ("cars", "bb")):
        for tau in (1, 2):
            train(dataset=dataset, checksum=checksum, tau=tau)
    assert [axis.get_title(loc="left") for axis in draw()[0].axes] == ["birds", "cars", "", ""]


@pytest.mark.parametrize(
    "others",
    [
        [{}],
        [{"method": "bitonic"}],
        [{"apply_relu": True}, {"apply_relu": False}],  # no numbers
        [{"m": None}, {"m": 16}],  # one number
        [{"seed": 1}],
        [{"nloglr": 3.0, "dataset": "other", "checksum": "bb"}],
        [{"nloglr": 3.0, "top1": None}],
    ],
)
def test_nothing_to_draw(train, draw, tmp_path, others):
    train()
    for fields in others:
        train(**fields)
    with pytest.raises(UsageError) as error:
        draw()
    assert str(error.value) == (
        f"no configuration in {tmp_path / 'results'} has a counterpart that differs in one numeric option alone; "
        "train one, such as one of another --nloglr"
    )
