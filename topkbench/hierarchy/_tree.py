"""A hierarchy as a tree, for methods that want one: every node has one parent, and every class is a leaf.

Legend: C classes, N nodes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from topkbench.hierarchy._graph import Graph

Parents = npt.NDArray[np.int64]


def tree(graph: Graph) -> tuple[Parents, list[str]]:
    """Keep one parent a node: on the shortest way to the root, and of those the one whose name sorts first.

    A class that others belong to in the tree gets a leaf of its own under its node; one that is above others only
    through a parent that is not kept is a leaf already, as are 9 of the demo's 283 classes above others. A node with a
    single child stays: it adds an edge, but no choice.

    Args:
        graph: Of C classes; nodes that are an ancestor only by a parent not kept are left out.

    Returns:
        [N], the parent of each node, which comes after it. Nodes 0 … C − 1 are the leaves, in label order; then come
        the others, the deepest first; the last one is the root, its own parent. And [N], what the graph calls them.

    >>> from topkbench.hierarchy._graph import Edge, build
    >>> tree(build([Edge("cat", "pet", ""), Edge("dog", "pet", "")], ["cat", "dog", "pet"]))
    (array([3, 3, 3, 3]), ['cat', 'dog', 'pet', 'pet'])
    """
    depths = graph.depths()
    # the root, which has no parent, is its own
    above = [
        min(parents, key=lambda p: (depths[p], graph.names[p]), default=node)
        for node, parents in enumerate(graph.parents)
    ]
    inner = {above[node] for node in _kept(graph.classes, above)}
    ordered = sorted(inner, key=lambda node: (-depths[node], graph.names[node]))
    number = {node: len(graph.classes) + i for i, node in enumerate(ordered)}
    leaves = [number[node if node in inner else above[node]] for node in graph.classes]
    parents = np.array(leaves + [number[above[node]] for node in ordered], np.int64)
    return parents, [graph.names[node] for node in (*graph.classes, *ordered)]


def _kept(classes: list[int], above: list[int]) -> set[int]:
    """The classes' nodes and their ancestors in the tree."""
    kept = set(classes)
    for node in reversed(range(len(above))):  # children come after their parents
        if node in kept:
            kept.add(above[node])
    return kept


def heights(parents: Parents, n_classes: int) -> npt.NDArray[Any]:
    """The height of the lowest common ancestor of two classes (Bertinetto et al., CVPR 2020).

    A node's height is the most edges down from it to a leaf.

    Args:
        parents: [N], as `tree` gives them.
        n_classes: C.

    Returns:
        [C, C], symmetric, 0 on the diagonal; unsigned integers, uint8 where they fit.

    >>> heights(np.array([3, 3, 4, 4, 4]), 3)
    array([[0, 1, 2],
           [1, 0, 2],
           [2, 2, 0]], dtype=uint8)
    """
    height, leaves = _heights(parents), count_leaves(parents, n_classes)
    first = _first_leaves(parents, leaves)
    # In the order of a walk through the tree the leaves below a node are neighbours: a square of the matrix.
    walked = np.zeros((n_classes, n_classes), np.min_scalar_type(height[-1]))
    for node in reversed(range(len(parents))):
        below = slice(first[node], first[node] + leaves[node])
        walked[below, below] = height[node]
    place = first[:n_classes]
    return walked[place][:, place]


def count_leaves(parents: Parents, n_classes: int) -> Parents:
    """The number of leaves below each node, [N]."""
    leaves = (np.arange(len(parents)) < n_classes).astype(parents.dtype)
    for node, parent in enumerate(parents[:-1]):
        leaves[parent] += leaves[node]
    return leaves


def _heights(parents: Parents) -> Parents:
    """Every node's height, [N]."""
    height = np.zeros_like(parents)
    for node, parent in enumerate(parents[:-1]):
        height[parent] = max(height[parent], height[node] + 1)
    return height


def _first_leaves(parents: Parents, leaves: Parents) -> Parents:
    """The place of each node's first leaf in a walk through the tree."""
    first = np.zeros_like(parents)
    taken = np.zeros_like(parents)
    for node in reversed(range(len(parents) - 1)):
        parent = parents[node]
        first[node] = first[parent] + taken[parent]
        taken[parent] += leaves[node]
    return first
