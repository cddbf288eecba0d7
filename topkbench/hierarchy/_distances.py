"""How far apart two classes are: the fewest edges through a common ancestor, or whatever a file says.

Legend: C classes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from topkbench.errors import DataError
from topkbench.hierarchy._graph import Graph

AnyArray = npt.NDArray[Any]

_COLUMNS = 1024  # classes at a time: 24 MB for the 12,000 nodes of ImageNet-21K-P
_ROWS = 256


def fewest_edges(graph: Graph) -> AnyArray:
    """The fewest edges from one class up to an ancestor of both, and down to the other; over all ancestors.

    min over a of up(i, a) + up(j, a), where up counts the fewest edges upward and a class is an ancestor of itself.
    Two sweeps find it for every node i at once: up the graph, which gives up(j, i) where i is above j, and down
    again, d(i, j) = min(up(j, i), 1 + min over the parents p of i of d(p, j)).

    Args:
        graph: Of C classes.

    Returns:
        [C, C], symmetric, 0 on the diagonal; unsigned integers, uint8 where twice the depth fits.
    """
    edges, nodes = graph.edges, len(graph.parents)
    far = 2 * nodes  # above every distance, and far + 1 still fits the type
    deepest = max(np.take(graph.depths(), graph.classes))
    distances_CC = np.empty((len(graph.classes),) * 2, np.min_scalar_type(2 * deepest))
    for first in range(0, len(graph.classes), _COLUMNS):
        some = graph.classes[first : first + _COLUMNS]
        hops = np.full((nodes, len(some)), far, np.min_scalar_type(far + 1))
        hops[some, np.arange(len(some))] = 0
        for child, parent in reversed(edges):
            np.minimum(hops[parent], hops[child] + 1, out=hops[parent])
        for child, parent in edges:
            np.minimum(hops[child], hops[parent] + 1, out=hops[child])
        distances_CC[:, first : first + _COLUMNS] = hops[graph.classes]
    return distances_CC


def check(distances_CC: AnyArray, n_classes: int, origin: str, place: Callable[[int, int], str]) -> None:
    """Refuse distances that are none.

    Args:
        distances_CC: What should be [C, C], floating point.
        n_classes: C.
        origin: What it is called in messages.
        place: Where a row and column, from 0, stand in it.

    Raises:
        DataError: Of another shape, not finite, negative, not symmetric, or not zero on the diagonal; the message
            names the first such place.
    """
    if distances_CC.shape != (n_classes, n_classes):
        shape = " × ".join(map(str, distances_CC.shape)) or "a single number"
        raise DataError(f"{origin}: distances are {shape}, but there are {n_classes} classes; give a row for each")
    for first in range(0, n_classes, _ROWS):
        rows = distances_CC[first : first + _ROWS]
        columns = distances_CC[:, first : first + _ROWS].T
        diagonal = np.arange(first, first + len(rows))[:, None] == np.arange(n_classes)
        for what, wrong in (
            ("is not a finite distance", ~np.isfinite(rows)),
            ("is a negative distance", rows < 0),
            ("is not 0, the distance of a class from itself", (rows != 0) & diagonal),
        ):
            for row, column in np.argwhere(wrong)[:1]:
                found = f"{origin}, {place(first + row, column)}: {rows[row, column]}"
                raise DataError(f"{found} {what}; correct the file")
        rounding = 1e-5 * np.maximum(rows, columns)  # files hold rounded figures
        for row, column in np.argwhere(abs(rows - columns) > rounding)[:1]:
            found = f"{origin}, {place(first + row, column)}: {rows[row, column]}"
            mirror = f"{columns[row, column]} in {place(column, first + row)}"
            raise DataError(f"{found}, but {mirror}; a distance is the same both ways; correct the file")


def spread(distances_CC: AnyArray) -> dict[str, float]:
    """The least, mean and greatest distance between two different classes; nothing where there is one class alone.

    >>> spread(np.array([[0, 2, 4], [2, 0, 4], [4, 4, 0]]))
    {'min': 2, 'mean': 3.333, 'max': 4}
    """
    if len(distances_CC) < 2:
        return {}
    others = [np.delete(row, label) for label, row in enumerate(distances_CC)]
    return {
        "min": min(row.min() for row in others).item(),
        "mean": round(float(np.mean([row.mean(dtype=np.float64) for row in others])), 3),
        "max": max(row.max() for row in others).item(),
    }
