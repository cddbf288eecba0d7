"""Class hierarchies: how bad a mistake is, and which classes belong together.

A hierarchy is a directed acyclic graph over the classes (`_graph`): WordNet's or CIFAR-100's, which ship and are found
by the class ids or names (`_known`), or one from a file (`_files`). Distances are taken over the whole graph
(`_distances`); methods that want a tree get one (`_tree`). A file may also give distances alone.

Legend: C classes, N nodes of the tree.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from topkbench.errors import UsageError, did_you_mean
from topkbench.hierarchy import _branches, _cache, _distances, _files, _graph, _known, _tree
from topkbench.hierarchy._cache import ENDING
from topkbench.hierarchy._graph import Edge, Graph
from topkbench.hierarchy._known import known, words

__all__ = ["ENDING", "Hierarchy", "Source", "known", "load", "of", "words"]

AnyArray = npt.NDArray[Any]


class Source(NamedTuple):
    """What a hierarchy is made of, as a store keeps it: one of the two is None.

    Attributes:
        parents: (child, parent) names; an empty parent is that of a root.
        distances: [C, C] float32.
    """

    parents: list[tuple[str, str]] | None
    distances: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Hierarchy:
    """What is known of how classes belong together.

    Attributes:
        distances: [C, C], symmetric, 0 on the diagonal: the fewest edges through a common ancestor, in uint8 or
            uint16; or a file's own, in float32.
        parents: [N], the parent of each node of the tree, or None where a file gave distances alone. Nodes 0 … C − 1
            are the leaves of the classes, and every node comes before its parent; the root, the last, is its own.
        names: [N], what the graph calls the nodes of the tree, empty for a root put above several; None without a tree.
        checksum: sha256 of what the distances and the tree follow from, the order of the classes included.
        figures: Of the graph: nodes and edges (the classes, their ancestors and the root), depth (the most edges that
            a class needs to the root), classes_above_others; empty where a file gave distances alone.
    """

    distances: AnyArray
    parents: npt.NDArray[np.int64] | None
    names: Sequence[str] | None
    checksum: str
    figures: Mapping[str, int]

    def heights(self) -> AnyArray:
        """The height of the lowest common ancestor of two classes in the tree, [C, C] unsigned integers.

        A node's height is the most edges down from it to a leaf (Bertinetto et al., CVPR 2020).

        Raises:
            UsageError: There is no tree.

        >>> of(3, class_names=["cat", "dog", "oak"], parents=_EXAMPLE).heights()
        array([[0, 1, 2],
               [1, 0, 2],
               [2, 2, 0]], dtype=uint8)
        """
        return _tree.heights(self._tree(), len(self.distances))

    def siblings(self, label: int) -> npt.NDArray[np.int64]:
        """The other classes whose leaves have the same parent in the tree; there may be none.

        Raises:
            UsageError: There is no tree.

        >>> of(3, class_names=["cat", "dog", "oak"], parents=_EXAMPLE).siblings(0)
        array([1])
        """
        above = self._tree()[: len(self.distances)]
        is_sibling = above == above[label]
        is_sibling[label] = False
        return np.flatnonzero(is_sibling)

    def branches(self, most: int) -> tuple[npt.NDArray[np.int64], list[int]]:
        """The tree's main branches: few nodes near the root that most classes lie below.

        Args:
            most: Of so many at most.

        Returns:
            Of each class, [C], the place of its branch among them, −1 for none; and the nodes, the largest first.

        Raises:
            UsageError: There is no tree.

        >>> of(3, class_names=["cat", "dog", "oak"], parents=_EXAMPLE).branches(2)
        (array([0, 0, 1]), [3, 2])
        """
        nodes = _branches.branches(self._tree(), len(self.distances), most)
        return _branches.below(self._tree(), nodes)[: len(self.distances)], nodes

    def summary(self) -> dict[str, Any]:
        """The figures of the graph, and the least, mean and greatest distance of two classes."""
        return {**self.figures, "distance": _distances.spread(self.distances)}

    def _tree(self) -> npt.NDArray[np.int64]:
        if self.parents is None:
            raise UsageError(
                "the hierarchy is a file of distances, not a tree; give prepare --hierarchy a parents file"
            )
        return self.parents


_EXAMPLE = [("cat", "pet"), ("dog", "pet"), ("pet", "being"), ("oak", "being")]


def of(
    n_classes: int,
    class_ids: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    parents: Sequence[tuple[str, str]] | None = None,
    distances: AnyArray | None = None,
    *,
    cache_beside: Path | None = None,
) -> Hierarchy | None:
    """The hierarchy of a store's classes: the one that it holds, or else one that ships and knows them all.

    Args:
        n_classes: C.
        class_ids: In label order, if they are known.
        class_names: Likewise.
        parents: (child, parent) names, as `Source` has them, if the store holds them.
        distances: [C, C] float32, likewise.
        cache_beside: The store's path; the distances of a graph are kept in a file beside it, where that can be
            written. None: they are computed each time.

    Returns:
        None where the store holds none and the classes are not known.

    Raises:
        DataError: A class is nowhere in the graph, or its parents lead round in a circle.

    >>> of(3, class_names=["cat", "dog", "oak"], parents=_EXAMPLE).distances
    array([[0, 2, 3],
           [2, 0, 3],
           [3, 3, 0]], dtype=uint8)
    """
    if distances is not None:
        return Hierarchy(distances, None, None, _digest(str(distances.shape), np.ascontiguousarray(distances).data), {})
    if parents is None:
        edges = _known.find(class_ids, class_names)
    else:
        edges = [Edge(*pair, f"edge {i} of /classes/parents") for i, pair in enumerate(parents)]
    if edges is None:
        return None
    graph = _graph.build(edges, _graph.keys(edges, n_classes, class_ids, class_names, "/classes/parents"))
    return _of_graph(graph, cache_beside)


def load(
    name: str, n_classes: int, class_ids: Sequence[str] | None = None, class_names: Sequence[str] | None = None
) -> Source:
    """Read a hierarchy that ships, or a file of parents or distances, and make sure that it fits the classes.

    Args:
        name: One of `known()`, or a file's path; a name that ships comes first. A file holds parents (CSV, TSV, JSON)
            or distances (.npy, CSV): see `_files.read`.
        n_classes: C.
        class_ids: In label order, if they are known.
        class_names: Likewise.

    Raises:
        UsageError: It is neither.
        DataError: A class is missing, parents lead round in a circle, or distances are none; the message names the
            line, or row and column.
        UnsafeInputError: It holds Python objects, or is far too long.

    >>> load("wordnet826", 2, ["n02084071", "n02121808"]).parents[1]
    ('n00001930', 'n00001740')
    """
    ships = name in known()
    if not ships and not Path(name).is_file():
        near = did_you_mean(name, known())
        raise UsageError(f"--hierarchy {name}: neither a file nor one of {', '.join(known())}{near}")
    found = _known.load(name, n_classes, class_ids, class_names) if ships else _files.read(Path(name), n_classes)
    if not isinstance(found, list):
        _distances.check(found.values, n_classes, name, found.place)
        return Source(None, found.values)
    _graph.build(found, _graph.keys(found, n_classes, class_ids, class_names, name))
    return Source([(edge.child, edge.parent) for edge in found], None)


def _of_graph(graph: Graph, cache_beside: Path | None) -> Hierarchy:
    checksum = _digest(graph.signature)
    parents, names = _tree.tree(graph)
    build = partial(_distances.fewest_edges, graph)
    return Hierarchy(
        distances=_cache.kept(cache_beside, checksum, build) if cache_beside else build(),
        parents=parents,
        names=names,
        checksum=checksum,
        figures={
            "nodes": len(graph.names),
            "edges": len(graph.edges),
            "depth": max(np.take(graph.depths(), graph.classes)).item(),
            "classes_above_others": graph.classes_above_others(),
        },
    )


def _digest(text: str, data: bytes | memoryview = b"") -> str:
    digest = hashlib.sha256(text.encode())
    digest.update(data)
    return digest.hexdigest()
