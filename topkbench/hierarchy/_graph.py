"""A class hierarchy as a directed acyclic graph: the classes, all of their ancestors, and one root above them all."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from topkbench.errors import DataError

_JOINED = ""  # the name of a root that is put above several; no node of a file has it


class Edge(NamedTuple):
    """A class or group of classes, and what it belongs to.

    Attributes:
        child: Its name.
        parent: The name of the group; empty for a root, which belongs to none.
        place: Where this stands, for messages: `tree.csv, line 7`.
    """

    child: str
    parent: str
    place: str


@dataclass(frozen=True)
class Graph:
    """Classes and their ancestors, numbered so that every node comes after its parents; node 0 is the root.

    Attributes:
        names: Of the nodes; the root's is empty where it joins several.
        parents: Of each node, the nodes that it belongs to; the root has none.
        classes: The node of each class, in label order.
    """

    names: list[str]
    parents: list[list[int]]
    classes: list[int]

    @property
    def edges(self) -> list[tuple[int, int]]:
        """(child, parent): in this order every way down from the root is walked, in the reverse every way up."""
        return [(node, parent) for node, parents in enumerate(self.parents) for parent in parents]

    @property
    def signature(self) -> str:
        """What all of it follows from: equal for equal graphs over the same classes in the same order."""
        edges = sorted((self.names[child], self.names[parent]) for child, parent in self.edges)
        return repr((edges, [self.names[node] for node in self.classes]))

    def depths(self) -> list[int]:
        """The fewest edges between each node and the root."""
        depths: list[int] = []
        for parents in self.parents:
            depths.append(1 + min((depths[parent] for parent in parents), default=-1))
        return depths

    def classes_above_others(self) -> int:
        """How many classes are ancestors of other classes: every node that is a parent has a class below it."""
        above = {parent for _, parent in self.edges}
        return sum(node in above for node in self.classes)


def build(edges: Sequence[Edge], keys: Sequence[str]) -> Graph:
    """Keep the classes and their ancestors; several roots are joined under a new one.

    Args:
        edges: Of the whole graph; one that is given twice counts once.
        keys: The classes' names in it, in label order.

    Raises:
        DataError: Parents lead round in a circle; the message names an edge of it.

    >>> tree = build([Edge("cat", "pet", ""), Edge("dog", "pet", ""), Edge("oak", "tree", "")], ["cat", "dog"])
    >>> tree.names, tree.parents, tree.classes
    (['pet', 'cat', 'dog'], [[], [0], [0]], [1, 2])
    """
    parents = _parents(edges)
    order = _from_the_roots(parents, edges)
    kept = set(keys)
    for name in reversed(order):
        if name in kept:
            kept.update(parents[name])
    names = [name for name in order if name in kept]
    roots = [name for name in names if not parents[name]]
    if len(roots) > 1:
        names.insert(0, _JOINED)
        parents |= {_JOINED: []} | {root: [_JOINED] for root in roots}
    number = {name: node for node, name in enumerate(names)}
    return Graph(names, [[number[p] for p in parents[name]] for name in names], [number[key] for key in keys])


def keys(
    edges: Iterable[Edge],
    n_classes: int,
    class_ids: Sequence[str] | None,
    class_names: Sequence[str] | None,
    origin: str,
) -> Sequence[str]:
    """What the graph calls the classes, in label order: their ids, their names or their label numbers.

    Of the three it is the one that the graph has most of; ids or names that are not all different are none of them.

    Args:
        edges: Of the graph.
        n_classes: Labels are 0 … n_classes − 1.
        class_ids: In label order, if they are known.
        class_names: Likewise.
        origin: What the graph is called in messages.

    Raises:
        DataError: A class is nowhere in the graph.

    >>> keys([Edge("0", "pet", ""), Edge("1", "pet", "")], 2, None, ["cat", "dog"], "tree.csv")
    ['0', '1']
    """
    known = {name for edge in edges for name in (edge.child, edge.parent)} - {_JOINED}
    numbers = [str(label) for label in range(n_classes)]
    given = [spelling for spelling in (class_ids, class_names, numbers) if spelling is not None]
    spellings = [spelling for spelling in given if len(set(spelling)) == len(spelling)]
    nearest = max(spellings, key=lambda spelling: sum(key in known for key in spelling))
    missing = [label for label, key in enumerate(nearest) if key not in known]
    if missing:
        twice = next((name for spelling in given for name, times in Counter(spelling).items() if times > 1), None)
        unlike = "" if twice is None else f"; several classes are called {twice!r}, which does not tell them apart"
        raise DataError(
            f"{origin}: {len(missing)} of {n_classes} classes are in no line, the first is {nearest[missing[0]]!r} "
            f"(label {missing[0]}); give each a line with its parent, under its id, its name or its label number"
            f"{unlike}"
        )
    return nearest


def _parents(edges: Iterable[Edge]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {}
    for child, parent, _ in edges:
        own = parents.setdefault(child, [])
        if parent and parent not in own:
            own.append(parent)
            parents.setdefault(parent, [])
    return parents


def _from_the_roots(parents: Mapping[str, Sequence[str]], edges: Iterable[Edge]) -> list[str]:
    """All names, each after its parents."""
    try:
        return list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        parent, child, *_ = circle = error.args[1]
        place = next(edge.place for edge in edges if (edge.child, edge.parent) == (child, parent))
        way = " → ".join(circle[::-1])
        raise DataError(
            f"{place}: {child!r} with parent {parent!r} is part of a circle ({way}); take out one of its lines"
        ) from error
