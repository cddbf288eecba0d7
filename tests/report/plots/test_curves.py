"""Learning curves, read off their artists, against values worked by hand."""

import numpy as np
import pytest

from tests.report.plots.conftest import bars, caption, legend
from topkbench.errors import UsageError
from topkbench.report.plots import curves

pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")


def evaluation(step: int, loss: float | None, top1: float, epoch: int = 1) -> dict:
    return {"epoch": epoch, "step": step, "loss": loss, "valid": {"top1": top1, "top5": top1 + 0.1}, "test": None}


ONE = [
    evaluation(1, 4.0, 0.1),
    evaluation(3, 1.0, 0.3),  # the epoch's mean loss is (4 + 2 · 1) / 3 = 2
    evaluation(4, 0.5, 0.4, epoch=2),
    evaluation(6, 0.2, 0.5, epoch=2),  # (0.5 + 2 · 0.2) / 3 = 0.3
]
OTHER = [
    evaluation(1, 4.0, 0.3),
    evaluation(3, 4.0, 0.5),  # 4
    evaluation(4, 0.5, 0.4, epoch=2),
    evaluation(6, 0.5, 0.3, epoch=2),  # 0.5
]


@pytest.fixture
def draw(evidence):
    """The figure and its notes."""
    return lambda *arguments: curves.draw(evidence(*arguments), None)


def lines(axis) -> list[list[tuple[float, float]]]:
    """Those that are drawn through: accuracies and losses."""
    return [
        list(zip(*map(list, line.get_data()), strict=True)) for line in axis.lines if line.get_linestyle() != "None"
    ]


def band(axis) -> dict[float, tuple[float, float]]:
    """Where the only band begins and ends, by step."""
    from matplotlib.collections import PolyCollection

    (found,) = (each for each in axis.collections if isinstance(each, PolyCollection))
    vertices = found.get_paths()[0].vertices
    return {x: (min(y for at, y in vertices if at == x), max(y for at, y in vertices if at == x)) for x, _ in vertices}


def test_one_run_by_hand(train, draw):
    train(history=ONE, valid=0.5, step=6)
    figure, notes = draw()
    top1, top5, loss = figure.axes
    np.testing.assert_allclose(lines(top1), [[(1, 10), (3, 30), (4, 40), (6, 50)]])
    np.testing.assert_allclose(lines(top5), [[(1, 20), (3, 40), (4, 50), (6, 60)]])
    np.testing.assert_allclose(lines(loss), [[(3, 2.0), (6, 0.3)]])
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels == ["validation top-1 (%)", "validation top-5 (%)", "training loss"]
    assert loss.get_xlabel() == "step"
    assert legend(figure) == ["softsort [.5 .5]"]
    assert caption(figure) == (
        "Accuracy on validation, shown from a tenth of the steps on, and mean training loss of each epoch; one seed. "
        "Points: the evaluations that count, each metric at the evaluation that is best in it on validation "
        "(per_metric). Losses of unlike methods do not compare."
    )
    assert notes == []


def test_seeds_are_a_mean_and_a_band(train, draw):
    train(history=ONE, seed=0)
    train(history=[*OTHER, evaluation(7, 1.0, 0.9, epoch=3)], seed=1)  # step 7 is of one seed alone
    top1, _, loss = draw()[0].axes
    np.testing.assert_allclose(lines(top1), [[(1, 20), (3, 40), (4, 40), (6, 40)]])
    np.testing.assert_allclose(lines(loss), [[(3, 3.0), (6, 0.4)]])
    reach = 20 / np.sqrt(2)  # of two values 20 apart the sample standard deviation
    of_top1 = band(top1)
    assert set(of_top1) == {1, 3, 4, 6}
    np.testing.assert_allclose(of_top1[1], (20 - reach, 20 + reach))
    np.testing.assert_allclose(of_top1[4], (40, 40))
    np.testing.assert_allclose(band(loss)[6], (0.4 - 0.2 / np.sqrt(2), 0.4 + 0.2 / np.sqrt(2)))
    assert "; mean of 2 seeds, bars and bands: ± sample standard deviation. Points: the evaluations that count, on" in (
        caption(draw()[0])
    )


@pytest.mark.parametrize(("rule", "of_top5"), [("per_metric", 4), ("best_top1", 3)])
def test_the_evaluations_that_count_by_hand(train, draw, rule, of_top5):
    """Steps 2 and 4, accuracies .4 and .6; of top-5, which per_metric picks one step later, .6 and .8."""
    train(history=ONE, seed=0, step=2, valid=0.4)
    train(history=OTHER, seed=1, step=4, valid=0.6)
    top1, top5, loss = draw(rule)[0].axes
    ((point, spans),) = bars(top1)
    np.testing.assert_allclose(point, [3, 50])
    np.testing.assert_allclose(spans, [[3 - np.sqrt(2), 3 + np.sqrt(2)], [50 - 10 * np.sqrt(2), 50 + 10 * np.sqrt(2)]])
    ((point, _),) = bars(top5)
    np.testing.assert_allclose(point, [of_top5, 70])
    assert bars(loss) == []


def test_untrained_heads_are_below_the_axis(train, draw):
    """A tenth of 40 steps is 4: from there on accuracies are 50 to 70 and the mark's is 69; a twentieth is margin."""
    history = [evaluation(step, 1.0, top1) for step, top1 in [(1, 0.01), (3, 0.2), (4, 0.5), (40, 0.7)]]
    train(history=history, valid=0.69, step=40)
    top1, *_ = draw()[0].axes
    np.testing.assert_allclose(top1.get_ylim(), (49, 71))
    np.testing.assert_allclose(lines(top1)[0][0], (1, 1))  # but drawn


@pytest.mark.filterwarnings("error")
def test_a_head_that_learns_nothing(train, draw):
    train(history=[evaluation(step, 1.0, 0.0) for step in (1, 10)], valid=0.0, step=10)
    assert draw()[0].axes[0].get_ylim() == (-1, 1)


@pytest.mark.parametrize(("last", "scale"), [(0.2, "log"), (-0.2, "linear"), (0.0, "linear")])
def test_losses_are_logarithmic_where_all_are_positive(train, draw, last, scale):
    train(history=[evaluation(1, 4.0, 0.1), evaluation(2, last, 0.2, epoch=2)])
    train(history=ONE, method="bitonic")
    assert draw()[0].axes[2].get_yscale() == scale


def test_many_configurations_have_no_bands(train, draw):
    from matplotlib.collections import PolyCollection

    for m in range(9):
        train(history=ONE, m=m + 1)
    figure, _ = draw()
    assert not [each for axis in figure.axes for each in axis.collections if isinstance(each, PolyCollection)]
    assert "bands" not in caption(figure)


def test_a_column_a_data_set(train, draw):
    train(history=ONE, dataset="birds", checksum="aa")
    train(history=OTHER, dataset="cars", checksum="bb")
    figure, _ = draw()
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["birds", "cars", "", "", "", ""]
    np.testing.assert_allclose(lines(figure.axes[1]), [[(1, 30), (3, 50), (4, 40), (6, 30)]])


def test_what_has_no_history_is_named(train, draw):
    train(history=ONE)
    train(method="bitonic")
    figure, notes = draw()
    assert legend(figure) == ["softsort [.5 .5]"]
    assert notes == ["1 configuration left out, without a history: wordnet826/bitonic [.5 .5]"]


def test_nothing_to_draw(train, draw):
    train()
    with pytest.raises(UsageError, match=r"no configuration in .* has a history; run them again with"):
        draw()
