"""Prototypes in the plane, and how well they keep the distances of their classes (Sainte Fare Garnot & Landrieu 2021).

One row a configuration with prototypes in two dimensions, from its run with the lowest seed. On the left the points,
coloured by branch of the class tree and joined by a minimum spanning tree of the classes' distances; on the right the
distances of points over those of classes.

Legend: C classes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from topkbench import runs
from topkbench.errors import UsageError
from topkbench.report import notes
from topkbench.report.evidence import Evidence
from topkbench.report.figures import PICKED
from topkbench.report.folding import representatives
from topkbench.report.plots import _pairs
from topkbench.report.plots._groups import Group, grouped
from topkbench.report.plots._looks import COLOURS, GREY
from topkbench.report.plots._pairs import Pairs
from topkbench.report.plots._spanning_tree import spanning_tree
from topkbench.store import Store, open_store
from topkbench.train import hierarchy_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AnyArray = npt.NDArray[Any]

_WIDTH, _ROW_HEIGHT, _FOOT = 9.0, 4.2, 1.1  # inches
_LINE, _TITLE = 150, 90  # characters of the caption, and of a title, which may reach over both panels
_LETTERS = 28  # of a class's name
_DIGITS = 12  # of a checksum: enough to tell two apart
_NAMED_CLASSES = 30  # so many have room for their names
_VECTORS = 2000  # of more classes the points become an image: an SVG would hold each for itself
_LARGEST_DOT = 40  # points²
_INK, _BAND, _TREE, _GRID = COLOURS[0], "#C5DFF0", "0.85", "0.92"


class Scene(NamedTuple):
    """What all rows have in common: the classes.

    Attributes:
        distances: [C, C], how far apart they are.
        groups: by branch of the tree.
        names: in label order, where they are known.
    """

    distances: AnyArray
    groups: Sequence[Group]
    names: Sequence[str] | None


def draw(evidence: Evidence, data: Callable[[], Path]) -> tuple["Figure", list[str]]:
    """Draw the figure.

    Raises:
        UsageError: no run that is done has prototypes in two dimensions, or none on these data; or their classes have
            no hierarchy.
        DataError: a run's prototypes are missing or torn.
    """
    of_rows = evidence.runs[evidence.runs["configuration"].isin(evidence.rows["configuration"])]
    done = of_rows[of_rows["embedding_dim"] == 2] if "embedding_dim" in of_rows else of_rows[:0]
    if done.empty:
        cure = "make one with 'topkbench train --method metric_guided_prototypes --embedding-dim 2'"
        raise UsageError(f"no finished run with prototypes in two dimensions in {evidence.folder.resolve()}; {cure}")
    store = open_store(data())
    ours = done[done["checksum"] == store.checksum]
    if ours.empty:
        raise UsageError(_mismatch(store, done.iloc[0]))
    by_number = representatives(ours).set_index("configuration")
    shown = by_number.loc[[number for number in evidence.rows["configuration"] if number in by_number.index]]
    folders = (runs.folder(evidence.folder, row["dataset"], row["run_id"]) for _, row in shown.iterrows())
    points = [runs.load_prototypes(folder) for folder in folders]
    return figure(shown, points, _scene(store)), notes.of_other_data(done.drop(ours.index))


def _mismatch(store: Store, run: "pd.Series[Any]") -> str:
    of_run = f"{run['dataset']}/{run['run_id']} is of data with checksum {str(run['checksum'])[:_DIGITS]}"
    return (
        f"{store.path} has checksum {store.checksum[:_DIGITS]}, but {of_run}; give the file it was trained on by --data"
    )


def _scene(store: Store) -> Scene:
    known = hierarchy_of(store)
    if known is None:
        cure = "give them one with 'topkbench prepare --hierarchy FILE'"
        raise UsageError(f"the classes of {store.path} have no hierarchy, so no distances; {cure}")
    return Scene(known.distances, grouped(store, known), store.class_names)


def figure(shown: pd.DataFrame, points: Sequence[AnyArray], scene: Scene) -> "Figure":
    """Draw runs one below the other.

    Args:
        shown: one row a run, as `representatives` gives them.
        points: the prototypes of each, [C, 2].
        scene: their classes.
    """
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(_WIDTH, _ROW_HEIGHT * len(points) + _FOOT), layout="constrained")
    axes = drawn.subplots(len(points), 2, squeeze=False)
    for (left, right), (_, run), points_C2 in zip(axes, shown.iterrows(), points, strict=True):
        pairs = _pairs.pairs(points_C2, scene.distances, _text(run, "distance", "euclidean"))
        _draw_plane(left, points_C2, scene)
        _draw_distances(right, pairs)
        left.set_title(_title(run), loc="left")
        right.set_title(f"distortion {pairs.distortion:.3f}", loc="left")
    is_coloured = len(scene.groups) > 1
    if is_coloured:
        _draw_legend(drawn, axes[0, 0])
    drawn.supxlabel(fill(_caption(shown, pairs, is_coloured=is_coloured), _LINE), fontsize="small", x=0.01, ha="left")
    return drawn


def _draw_plane(axis: "Axes", points_C2: AnyArray, scene: Scene) -> None:
    """The prototypes, and what joins their classes."""
    as_image = len(points_C2) > _VECTORS
    joined = points_C2[spanning_tree(scene.distances, points_C2)]
    gaps = np.full_like(joined[:, :1], np.nan)  # after each pair, so that all are one path
    axis.plot(*np.hstack([joined, gaps]).reshape(-1, 2).T, color=_TREE, linewidth=0.6, zorder=1, rasterized=as_image)
    size = min(_LARGEST_DOT, max(2, 8000 / len(points_C2)))
    for name, colour, classes in scene.groups:
        label = f"{_short(name)} ({len(classes)})"
        x, y = points_C2[classes].T
        above = 1.5 if colour == GREY else 2
        axis.scatter(x, y, s=size, color=colour, linewidths=0, label=label, zorder=above, rasterized=as_image)
    if len(points_C2) <= _NAMED_CLASSES:
        for name, at in zip(scene.names or (), points_C2, strict=False):
            axis.annotate(_short(name), at, (3, 3), textcoords="offset points", fontsize="x-small")
        axis.margins(0.1)
    axis.set_aspect("equal", adjustable="datalim")


def _draw_legend(drawn: "Figure", plane: "Axes") -> None:
    """Name the groups, which all rows share, by dots that can be seen however small the points are."""
    legend = drawn.legend(*plane.get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False)
    for dot in filter(None, legend.legend_handles):
        dot.set(sizes=[_LARGEST_DOT])


def _draw_distances(axis: "Axes", pairs: Pairs) -> None:
    """The prototypes' distances at each distance of classes, and where they would be, were they the same."""
    at = _pairs.quartiles(pairs)
    axis.axline((0, 0), slope=1, color="black", linestyle=":", linewidth=1)
    axis.fill_between(at.levels, at.first, at.third, color=_BAND, linewidth=0)
    axis.plot(at.levels, at.median, color=_INK, linewidth=1)
    axis.scatter(at.levels, at.median, s=_LARGEST_DOT * at.counts / at.counts.max(), color=_INK, linewidths=0, zorder=3)
    axis.set(xlabel="distance of classes", ylabel=f"distance of prototypes × {pairs.scale:.3g}", xlim=0, ylim=0)
    axis.grid(color=_GRID, linewidth=0.6)


def _title(run: "pd.Series[Any]") -> str:
    guide = _text(run, "guide", "")
    settings = dict.fromkeys([*([f"guide={guide}"] if guide else []), *run["settings"].split()])  # each once
    return fill(f"{run['method']} {' '.join(settings)}", _TITLE) + f"\nseed {run['seed']}, top-1 {run['top1']:.2%}"


def _caption(shown: pd.DataFrame, pairs: Pairs, *, is_coloured: bool) -> str:
    colours = ", coloured by branch of the class tree" if is_coloured else ""
    some = f"{_pairs.MOST:,} random pairs" if pairs.is_sample else f"all {len(pairs.classes):,} pairs"
    return (
        f"Left: the prototypes of the last step{colours}; grey: a minimum spanning tree of the classes' distances, of "
        "equal ones the shortest lines. Right: how far apart prototypes are, scaled to the least distortion, at each "
        "distance of their classes: the median, its dot as large as there are pairs, and the range from first to third "
        f"quartile, over {some} of classes; dotted: no distortion. Test top-1: {PICKED[shown['select'].iloc[0]]}."
    )


def _text(run: "pd.Series[Any]", option: str, default: str) -> str:
    """An option of a run, where its method has it; of other methods' options a frame holds NaN."""
    value = run.get(option)
    return value if isinstance(value, str) else default


def _short(name: str) -> str:
    spaced = name.replace("_", " ")
    return spaced if len(spaced) <= _LETTERS else spaced[: _LETTERS - 1] + "…"
