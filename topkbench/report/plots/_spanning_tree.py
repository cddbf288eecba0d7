"""A minimum spanning tree of classes, to be drawn between their points.

Legend: C classes, E dimensions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]


def spanning_tree(distances_CC: AnyArray, points_CE: AnyArray) -> npt.NDArray[np.int64]:
    """Join all classes by C − 1 pairs whose distances have the least sum (Prim 1957); O(C²) time, O(C) memory.

    Distances over a class tree tie often: of equal pairs those whose points are nearest to each other are taken.

    Args:
        distances_CC: [C, C], symmetric.
        points_CE: [C, E].

    Returns:
        Pairs of classes, [C − 1, 2].

    >>> line = np.array([[0.0], [1.0], [2.0]])
    >>> spanning_tree(np.array([[0, 4, 4], [4, 0, 2], [4, 2, 0]]), line)
    array([[0, 1], [1, 2]])
    """
    classes = len(points_CE)
    outside = np.ones(classes, bool)
    nearest = np.zeros(classes, np.int64)  # of the classes joined so far, to each one outside
    apart, away = np.full((2, classes), np.inf)  # how far it is: between classes, and between points
    pairs, last = [], 0
    for _ in range(classes - 1):
        outside[last] = False
        apart_last, away_last = distances_CC[last], np.linalg.norm(points_CE - points_CE[last], axis=1)
        closer = (apart_last < apart) | ((apart_last == apart) & (away_last < away))
        nearest[closer], apart[closer], away[closer] = last, apart_last[closer], away_last[closer]
        ties = outside & (apart == apart[outside].min())
        last = int(np.where(ties, away, np.inf).argmin())
        pairs.append((nearest[last], last))
    return np.array(pairs, np.int64).reshape(-1, 2)
