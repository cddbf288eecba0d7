"""The branches of a tree: few nodes near the root that most classes lie below.

Legend: C classes, N nodes.
"""

from collections.abc import Sequence

import numpy as np

from topkbench.hierarchy._tree import Parents, count_leaves

_LEFT_OUT = 1 / 5  # of the classes may lie below none of the branches


def branches(parents: Parents, n_classes: int, most: int) -> list[int]:
    """Split the largest branch into its children, from the root on, while the largest ones hold nearly all classes.

    A node whose children are all classes is not split: its classes belong together.

    Args:
        parents: [N], as `_tree.tree` gives them.
        n_classes: C.
        most: Of so many nodes at most.

    Returns:
        The nodes, that with most classes first; at most a fifth of the classes lie below none of them, unless the
        root's own children are too many.

    >>> branches(np.array([4, 4, 5, 6, 5, 6, 6]), 4, most=2)  # two of four classes below 4, a third below 5
    [5, 3]
    """
    leaves = count_leaves(parents, n_classes)
    inner = {int(parent) for parent in parents}
    found = [len(parents) - 1]
    while True:
        wide = [node for node in found if inner.intersection(_children(parents, node))]
        if not wide:
            return found[:most]
        split = max(wide, key=lambda node: leaves[node])
        finer = sorted({*found, *_children(parents, split)} - {split}, key=lambda node: (-leaves[node], node))
        if len(found) > 1 and leaves[finer[most:]].sum() > _LEFT_OUT * n_classes:
            return found[:most]
        found = finer


def below(parents: Parents, nodes: Sequence[int]) -> Parents:
    """The place in `nodes` of the one that each node of the tree lies below, or is; −1 where it is none.

    >>> below(np.array([4, 4, 5, 6, 5, 6, 6]), [5, 3])
    array([ 0,  0,  0,  1,  0,  0, -1])
    """
    place = {node: at for at, node in enumerate(nodes)}
    found = np.full_like(parents, -1)
    for node in reversed(range(len(parents))):  # parents come after their children
        found[node] = place.get(node, found[parents[node]])
    return found


def _children(parents: Parents, node: int) -> list[int]:
    return [int(child) for child in np.flatnonzero(parents[:-1] == node)]
