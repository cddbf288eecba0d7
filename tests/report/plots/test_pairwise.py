"""The matrix of pairs, read off its artists, against p-values worked by hand: McNemar's, where there is one seed."""

import numpy as np
import pytest

from tests.report.plots.conftest import ARRAYS, caption, legend
from topkbench.errors import UsageError
from topkbench.report.plots import pairwise

pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")

ALL = [1] * 10
EIGHT = [1] * 8 + [9] * 2  # alone against ALL: 0 to 2, p = 2 / 2² = .5
NONE = [9] * 10  # against ALL 0 to 10, p = 2 / 2¹⁰ = .00195; against EIGHT 0 to 8, p = 2 / 2⁸ = .0078


@pytest.fixture
def draw(evidence):
    """The figure and its notes."""
    return lambda *arguments: pairwise.draw(evidence(*arguments), None)


def written(axis) -> dict[tuple[int, int], str]:
    """What stands in a row's column, both from 1."""
    return {(int(text.get_position()[1]) + 1, int(text.get_position()[0]) + 1): text.get_text() for text in axis.texts}


def levels(axis) -> list[list[int]]:
    return np.asarray(axis.collections[0].get_array()).tolist()


def labels(axis) -> list[str]:
    return [text.get_text() for text in axis.get_yticklabels()]


def test_three_heads_by_hand(train, draw):
    """Holm: .00195 · 3 = .0059; .0078 · 2 = .0156; .5."""
    for method, ranks in (("a", ALL), ("b", EIGHT), ("c", NONE)):
        train(method=method, ranks=ranks)
    figure, notes = draw()
    top1, top5 = figure.axes
    assert written(top1) == {
        **{(1, 2): ".500", (1, 3): ".006", (2, 3): ".016"},
        **{(2, 1): ".500", (3, 1): ".002", (3, 2): ".008"},
    }
    assert levels(top1) == [[0, 1, 2], [-1, 0, 2], [-2, -2, 0]]
    assert labels(top1) == ["a [.5 .5]: 100.00  1", "b [.5 .5]: 80.00  2", "c [.5 .5]: 0.00  3"]
    assert [text.get_text() for text in top1.get_xticklabels()] == ["1", "2", "3"]
    assert [axis.get_title(loc="left") for axis in (top1, top5)] == ["wordnet826, top-1", "wordnet826, top-5"]
    assert top1.get_ylim() == (3, 0)  # the first row is above
    assert legend(figure) == [
        *("row worse, p ≤ 0.05", "row worse, not significantly"),
        *("row better, not significantly", "row better, p ≤ 0.05"),
    ]
    assert caption(figure) == (
        "Colours: by Holm's correction over all pairs of a matrix, of the claim about these trained heads (images "
        "alone vary, as fewer than 5 seeds are common). Numbers: two-sided p-values, above the diagonal corrected, "
        "below it raw. Beside names: test accuracy in percent, each metric at the evaluation that is best in it on "
        "validation (per_metric)."
    )
    assert notes == []


def test_colours_are_those_of_the_legend(train, draw):
    from matplotlib.colors import to_hex

    for method, ranks in (("a", ALL), ("b", EIGHT), ("c", NONE)):
        train(method=method, ranks=ranks)
    figure, _ = draw()
    cells = figure.axes[0].collections[0]
    drawn = {level: to_hex(cells.cmap(cells.norm(level))) for level in (-2, -1, 1, 2)}
    (box,) = figure.legends
    assert list(drawn.values()) == [to_hex(patch.get_facecolor()) for patch in box.get_patches()]
    assert to_hex(cells.cmap(cells.norm(0))) == "#ffffff"
    inks = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert (inks[".006"], inks[".500"]) == ("white", "black")


def test_the_metrics_have_their_own_ranks(train, draw):
    train(method="a", ranks=dict.fromkeys(ARRAYS, ALL) | {"per_metric_top5": EIGHT})
    train(method="b", ranks=ALL)
    top1, top5 = draw()[0].axes
    assert (levels(top1), written(top1)) == ([[0, 0], [0, 0]], {(1, 2): "1", (2, 1): "1"})
    assert (levels(top5), written(top5)) == ([[0, -1], [1, 0]], {(1, 2): ".500", (2, 1): ".500"})
    assert labels(top5) == ["a [.5 .5]: 80.00  1", "b [.5 .5]: 100.00  2"]


def test_the_claim_is_named_and_the_narrower_marked(train, draw):
    """Five seeds of a and b are in common; c has one. Equal methods are certainly not different: p = 1."""
    for seed in range(5):
        train(method="a", ranks=ALL, seed=seed)
        train(method="b", ranks=ALL, seed=seed)
    figure, _ = draw()
    assert written(figure.axes[0]) == {(1, 2): "1", (2, 1): "1"}
    assert "of the claim about these methods (seeds and images vary). " in caption(figure)
    train(method="c", ranks=EIGHT)
    figure, _ = draw()
    assert written(figure.axes[0]) == {
        **{(1, 2): "1", (1, 3): "1†", (2, 3): "1†"},  # .5 · 3
        **{(2, 1): "1", (3, 1): ".500†", (3, 2): ".500†"},
    }
    assert (
        "of the claim about these methods (seeds and images vary); † these trained heads (images alone vary, as fewer "
        "than 5 seeds are common)."
    ) in caption(figure)


def test_a_claim_of_another_data_set_is_marked_too(train, draw):
    for method in "ab":
        for seed in range(5):
            train(method=method, ranks=ALL, seed=seed, dataset="birds", checksum="aa")
        train(method=method, ranks=ALL, dataset="cars", checksum="bb")
    birds, _, cars, _ = draw()[0].axes
    assert (written(birds)[1, 2], written(cars)[1, 2]) == ("1", "1†")


def test_fifteen_have_room_for_their_numbers(train, draw):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for m in range(14):
        train(method=f"a_method_whose_name_is_long_{m}", ranks=EIGHT if m % 2 else ALL)
    train(method="none", ranks=NONE)
    figure, _ = draw()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axis = figure.axes[0]
    cell = axis.get_window_extent().width / 15
    assert len(axis.texts) == 15 * 14
    assert max(text.get_window_extent(canvas.get_renderer()).width for text in axis.texts) < cell


def test_sixteen_have_no_numbers(train, draw):
    for m in range(16):
        train(m=m + 1, ranks=ALL)
    figure, _ = draw()
    assert written(figure.axes[0]) == {}
    assert np.shape(levels(figure.axes[0])) == (16, 16)
    assert "Numbers" not in caption(figure)


def test_thirty_one_have_every_fifth_column_numbered(train, draw):
    for m in range(31):
        train(m=m + 1, ranks=ALL)
    axis = draw()[0].axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["5", "10", "15", "20", "25", "30"]
    assert axis.get_xticks().tolist() == [4.5, 9.5, 14.5, 19.5, 24.5, 29.5]
    assert len(labels(axis)) == 31


def test_each_data_set_has_its_own(train, draw):
    for dataset, checksum in (("birds", "aa"), ("cars", "bb")):
        for method in "ab":
            train(method=method, ranks=ALL, dataset=dataset, checksum=checksum)
    titles = [axis.get_title(loc="left") for axis in draw()[0].axes]
    assert titles == ["birds, top-1", "birds, top-5", "cars, top-1", "cars, top-5"]


def test_what_cannot_be_compared_is_named(train, draw):
    train(method="a", ranks=ALL)
    train(method="b", ranks=ALL)
    train(method="c")
    train(method="d", ranks=ALL, dataset="cars", checksum="bb")
    figure, notes = draw()
    assert len(figure.axes) == 2
    assert notes == [
        "2 configurations left out, without ranks and another beside it on the same data: "
        "cars/d [.5 .5]; wordnet826/c [.5 .5]"
    ]


def test_nothing_to_draw(train, draw, tmp_path):
    train(ranks=ALL)
    with pytest.raises(UsageError) as error:
        draw()
    assert str(error.value) == (
        f"no configuration in {tmp_path / 'results'} has ranks and another beside it on the same data; "
        "train another, as with another --method"
    )
