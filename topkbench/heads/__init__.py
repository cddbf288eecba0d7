"""Heads: from embeddings to class scores. One file a head; a stack of H heads is trained as one.

A head is stacked from the start: parameters are [H, …], and one run is a stack of one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from topkbench.errors import UsageError
from topkbench.heads._head import Head
from topkbench.heads._views import HeadViews
from topkbench.heads.class_means import ClassMeansHead
from topkbench.heads.linear import FeedForward, Maps
from topkbench.heads.prototypes import PrototypeHead
from topkbench.heads.tree import TreeHead
from topkbench.problem import Problem

__all__ = ["NAMES", "FeedForward", "Head", "HeadViews", "build"]

_MAKE: dict[str, Callable[..., Head]] = {
    "linear": lambda maps, classes, problem, generator: maps(classes),
    "prototypes": PrototypeHead.build,
    "tree": TreeHead.build,
    "class_means": ClassMeansHead.build,
}
NAMES = tuple(_MAKE)


def build(
    name: str, maps: Maps, classes: int, problem: Problem, generator: torch.Generator, options: Mapping[str, Any]
) -> Head:
    """A stack of heads.

    Args:
        name: one of `NAMES`.
        maps: the linear maps that it begins with.
        classes: C.
        problem: what is known of the classes.
        generator: the run's stream, from which a head that has more than maps draws the rest of its values.
        options: of the head, as the method gives them.

    Raises:
        UsageError: there is no such head.
    """
    if name not in NAMES:
        raise UsageError(f"there is no head {name!r}; one of {', '.join(NAMES)}")
    return _MAKE[name](maps, classes, problem, generator, **options)
