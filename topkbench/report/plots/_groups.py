"""Classes grouped by the branch of their tree, to be told apart by colour."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from topkbench import hierarchy
from topkbench.hierarchy import Hierarchy
from topkbench.report.plots._looks import COLOURS, GREY
from topkbench.store import Store


class Group(NamedTuple):
    """Classes that share a colour.

    Attributes:
        name: of the node of the tree that they lie below.
        colour: as matplotlib takes it.
        classes: their labels.
    """

    name: str
    colour: str
    classes: npt.NDArray[np.integer[Any]]


def grouped(store: Store, known: Hierarchy) -> list[Group]:
    """The classes below the tree's main branches, and the others; all in one group where there is no tree."""
    if known.names is None:
        return [Group("classes", COLOURS[0], np.arange(store.n_classes))]
    branch_C, nodes = known.branches(len(COLOURS))
    # The first names are those of the classes, by whichever of id, name and number the graph knows them.
    words = hierarchy.words() | dict(zip(known.names, store.class_names or (), strict=False))
    called = [words.get(known.names[node], known.names[node]) or "root" for node in nodes]
    named = [Group(name, COLOURS[at], np.flatnonzero(branch_C == at)) for at, name in enumerate(called)]
    others = Group("other", GREY, np.flatnonzero(branch_C < 0))
    return [*named, others] if len(others.classes) else named
