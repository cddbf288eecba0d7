"""Pairs of classes: how far apart they are, and how far apart their prototypes are.

Legend: C classes, E dimensions, P pairs, L levels of distance.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from topkbench.ops import prototypes

AnyArray = npt.NDArray[Any]

MOST = 2_000_000
"""Of more pairs than these (those of 2000 classes) as many random ones stand for all, so that memory stays small."""

_LEVELS = 50
_SEED = 0


class Pairs(NamedTuple):
    """Pairs of different classes.

    Attributes:
        classes: [P], the distance of the classes, > 0.
        points: [P], that of their prototypes, times `scale`.
        scale: the one that makes the distortion least (`ops.prototypes.distortion`).
        distortion: the mean of ((points − classes) / classes)².
        is_sample: whether there are more pairs than these.
    """

    classes: AnyArray
    points: AnyArray
    scale: float
    distortion: float
    is_sample: bool


def pairs(points_CE: AnyArray, distances_CC: AnyArray, distance: str) -> Pairs:
    """All pairs of classes, or `MOST` random ones, the same every time.

    Args:
        points_CE: [C, E], the prototypes.
        distances_CC: [C, C].
        distance: between prototypes, one of `ops.prototypes.DISTANCES`.

    >>> triangle, distances = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]), 10 * (1 - np.eye(3))
    >>> found = pairs(triangle, distances, "euclidean")  # 3, 4 and 5; s = 0.3 + 0.4 + 0.5 over their squares' sum
    >>> found.points.round(1), round(found.scale, 3), round(found.distortion, 3)
    (array([ 7.2,  9.6, 12. ]), 2.4, 0.04)
    """
    i_P, j_P, is_sample = _chosen(len(points_CE))
    classes_P = distances_CC[i_P, j_P].astype(np.float64)
    differ = classes_P > 0
    points = torch.from_numpy(points_CE)[:, None]
    points_P = -prototypes.logits(points[i_P[differ]], points[j_P[differ]], distance).flatten().double().numpy()
    ratios_P = points_P / classes_P[differ]
    scale = ratios_P.sum() / (np.square(ratios_P).sum() or 1)
    distortion = np.square(scale * ratios_P - 1).mean()
    return Pairs(classes_P[differ], scale * points_P, float(scale), float(distortion), is_sample)


class Quartiles(NamedTuple):
    """The prototypes' distances at each distance of classes, all [L].

    Attributes:
        levels: the distances of classes.
        first: quartile of the prototypes' distances there.
        median: likewise.
        third: likewise.
        counts: the number of pairs.
    """

    levels: AnyArray
    first: AnyArray
    median: AnyArray
    third: AnyArray
    counts: AnyArray


def quartiles(found: Pairs) -> Quartiles:
    """Sum up the prototypes' distances at each distance of classes.

    More than 50 different distances, as a file of distances may hold, are rounded up to that many.
    """
    level_P = found.classes
    if len(np.unique(level_P)) > _LEVELS:
        step = level_P.max() / _LEVELS
        level_P = np.ceil(level_P / step) * step
    levels_L, counts_L = np.unique(level_P, return_counts=True)
    inside = [np.quantile(found.points[level_P == level], (0.25, 0.5, 0.75)) for level in levels_L]
    first_L, median_L, third_L = np.transpose(inside)
    return Quartiles(levels_L, first_L, median_L, third_L, counts_L)


def _chosen(classes: int) -> tuple[AnyArray, AnyArray, bool]:
    if classes * (classes - 1) // 2 <= MOST:
        return *np.triu_indices(classes, 1), False
    draw = np.random.default_rng(_SEED).integers
    i_P = draw(classes, size=MOST)
    return i_P, (i_P + draw(1, classes, size=MOST)) % classes, True
