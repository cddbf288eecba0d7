"""Trees of classes: probabilities of nodes from scores of nodes or of leaves, in log space.

A tree is a tensor `parents`: the parent of each node, the root being its own. What it takes to go through a tree, by
sibling groups and by levels, is worked out once a tensor and kept, so that no step waits for the device; nobody may
change the tensor in place afterwards.

Legend: B batch, N nodes, C leaves, L levels, G groups of siblings.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from topkbench.ops.cached import cached
from topkbench.ops.scores import finite


def node_log_probabilities(node_logits_BN: Tensor, parents_N: Tensor) -> Tensor:
    """The log-probability of each node: log-softmax among siblings, summed from the root down (Redmon & Farhadi 2017).

    It is the joint probability, that the sample is below this node, not the one given its parent; so those of the
    leaves sum to 1. The root's is 1, whatever its logit. Few operations: a softmax over all groups of siblings at once,
    and log₂ of the depth sums along the paths.

    Args:
        node_logits_BN: [..., N], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        parents_N: [N], integers.

    Returns:
        [..., N], ≤ 0.

    Raises:
        TypeError: logits that are not floating point, or parents that are not integers.
        ValueError: parents that are no tree, or of another number of nodes.

    >>> parents = torch.tensor([0, 0, 0, 1, 1])  # the root, two below it, two more below the first of these
    >>> node_log_probabilities(torch.zeros(5), parents).exp()
    tensor([1.0000, 0.5000, 0.5000, 0.2500, 0.2500])
    """
    tree = _tree(parents_N, node_logits_BN.device)
    nodes = len(tree.group)
    if node_logits_BN.shape[-1] != nodes:
        raise ValueError(f"logits {list(node_logits_BN.shape)} need {nodes} columns, one for each node of the tree")
    below_BN, _, log_sums_BG = _log_sums(finite(node_logits_BN), tree.group, tree.groups)
    joint_BN = below_BN - log_sums_BG.gather(-1, tree.group.expand_as(below_BN))
    for ancestor_N in tree.jumps:  # sums of 1, 2, 4, … nodes up the path
        joint_BN = joint_BN + joint_BN.gather(-1, ancestor_N.expand_as(joint_BN))
    return joint_BN


def logsumexp_below(leaf_scores_BC: Tensor, parents_N: Tensor) -> Tensor:
    """The log-sum-exp of the scores of the leaves below each node; a leaf is below itself.

    Less the root's, this is each node's log-probability under the softmax over the leaves.

    Args:
        leaf_scores_BC: [..., C], floating point; ±∞ counts as ±1e18, half precision becomes float32.
        parents_N: [N], integers; nodes 0..C−1 are the leaves.

    Returns:
        [..., N].

    Raises:
        TypeError: scores that are not floating point, or parents that are not integers.
        ValueError: parents that are no tree, or whose leaves are not the nodes 0..C−1.

    >>> parents = torch.tensor([3, 3, 4, 4, 4])  # leaves 0 and 1 below node 3, which is with leaf 2 below the root, 4
    >>> logsumexp_below(torch.tensor([1.0, 2.0, 3.0]).log(), parents).exp()
    tensor([1., 2., 3., 3., 6.])
    """
    tree = _tree(parents_N, leaf_scores_BC.device)
    classes = leaf_scores_BC.shape[-1]
    if tree.leaves != classes:
        found = "are not its first nodes" if tree.leaves is None else f"are the nodes 0..{tree.leaves - 1}"
        raise ValueError(
            f"there are {classes} scores, but the leaves of the tree {found}; they must be 0..{classes - 1}"
        )
    scores_BC = finite(leaf_scores_BC).index_select(-1, tree.leaf_order)
    inner_BN, levels_BN = scores_BC[..., :0], []
    by_level = torch.split(scores_BC, [level.leaves for level in tree.levels], dim=-1)
    for level, leaves_BC in zip(tree.levels, by_level, strict=True):
        level_BN = torch.cat([inner_BN, leaves_BC], -1)
        _, peak_BG, log_sums_BG = _log_sums(level_BN, level.group, level.groups)
        inner_BN = peak_BG + log_sums_BG
        levels_BN.append(level_BN)
    return torch.cat(levels_BN, -1).index_select(-1, tree.place)


def paths(parents_N: Tensor) -> Tensor:
    """Each node, its parent, the parent's parent, …, the root, which is repeated to the end: [N] -> [N, L].

    >>> paths(torch.tensor([0, 0, 1]))
    tensor([[0, 0, 0],
            [1, 0, 0],
            [2, 1, 0]])
    """
    return _tree(parents_N, parents_N.device).paths


def depths(parents_N: Tensor) -> Tensor:
    """The edges from the root down to each node: [N] -> [N].

    >>> depths(torch.tensor([0, 0, 1]))
    tensor([0, 1, 2])
    """
    return _tree(parents_N, parents_N.device).depths


@dataclass(frozen=True)
class _Level:
    """The nodes of one depth: first the inner ones, then the leaves.

    Attributes:
        leaves: how many of them are leaves.
        group: the place of each one's parent among the inner nodes of the next higher level; the root's is 0.
        groups: how many these are, at least 1.
    """

    leaves: int
    group: Tensor
    groups: int


@dataclass(frozen=True)
class _Tree:
    """What operators need of a tree.

    Attributes:
        group: [N], the group of siblings that a node belongs to; the root is one alone.
        groups: how many there are.
        jumps: [N] each, the 1st, 2nd, 4th, … ancestor of each node, as long as there is one below the root.
        paths: [N, L], see `paths`.
        depths: [N], see `depths`.
        leaves: C where nodes 0..C−1 are the leaves, else None.
        levels: from the deepest to the root's.
        place: [N], where each node is when the levels are lined up.
        leaf_order: [C], the leaves in that order.
    """

    group: Tensor
    groups: int
    jumps: tuple[Tensor, ...]
    paths: Tensor
    depths: Tensor
    leaves: int | None
    levels: tuple[_Level, ...]
    place: Tensor
    leaf_order: Tensor


@cached(maxsize=8)  # a tensor is equal to itself alone
def _tree(parents_N: Tensor, device: torch.device) -> _Tree:
    """The tree, worked out on the CPU and sent to the device."""
    parents = _checked(parents_N)
    nodes = torch.arange(len(parents))
    jumps, depth = _jumps(parents)
    is_inner = torch.zeros_like(parents, dtype=torch.bool).index_fill_(0, parents[depth > 0], value=True)
    leaves = (~is_inner).nonzero().squeeze(-1)
    levels, order = _levels(parents, depth, is_inner)
    groups = int(is_inner.sum())
    group = torch.where(depth > 0, (is_inner.cumsum(0) - 1)[parents], groups)
    path = [nodes]
    for _ in range(int(depth.max())):
        path.append(parents[path[-1]])
    return _Tree(
        group=group.to(device),
        groups=groups + 1,
        jumps=tuple(jump.to(device) for jump in jumps),
        paths=torch.stack(path, -1).to(device),
        depths=depth.to(device),
        leaves=len(leaves) if torch.equal(leaves, nodes[: len(leaves)]) else None,
        levels=tuple(_Level(level.leaves, level.group.to(device), level.groups) for level in levels),
        place=order.argsort().to(device),
        leaf_order=order[~is_inner[order]].to(device),
    )


def _checked(parents_N: Tensor) -> Tensor:
    """The parents on the CPU, where they are one for each node and there is one root."""
    if parents_N.is_floating_point() or parents_N.dtype == torch.bool:
        raise TypeError(f"parents are {parents_N.dtype}; give node indices as integers")
    parents = parents_N.detach().cpu().long()
    if parents.ndim != 1 or not len(parents) or not 0 <= int(parents.min()) <= int(parents.max()) < len(parents):
        raise ValueError(f"parents {list(parents.shape)} must be one node index each, 0..{max(0, len(parents) - 1)}")
    roots = int((parents == torch.arange(len(parents))).sum())
    if roots != 1:
        raise ValueError(f"parents have {roots} roots, nodes that are their own parents; give exactly one")
    return parents


def _jumps(parents_N: Tensor) -> tuple[list[Tensor], Tensor]:
    """The 1st, 2nd, 4th, … ancestors, without those that are the root for all; and the depth of each node."""
    is_below_N = parents_N != torch.arange(len(parents_N))
    jumps: list[Tensor] = []
    jump_N, depth_N = parents_N, is_below_N.long()
    while is_below_N[jump_N].any():
        if len(jumps) > len(parents_N).bit_length():
            node = int(is_below_N[jump_N].nonzero()[0])
            raise ValueError(f"parents go round in a circle above node {node}; give each node a path to the root")
        jumps.append(jump_N)
        depth_N = depth_N + depth_N[jump_N]
        jump_N = jump_N[jump_N]
    return jumps, depth_N


def _levels(parents_N: Tensor, depth_N: Tensor, is_inner_N: Tensor) -> tuple[list[_Level], Tensor]:
    """The levels from the deepest up, and the nodes as they line up in them."""
    levels, order, slot_N = [], [], torch.zeros_like(parents_N)
    inner_above = 1
    for d in range(int(depth_N.max()) + 1):
        inner, leaves = (((depth_N == d) & kind).nonzero().squeeze(-1) for kind in (is_inner_N, ~is_inner_N))
        members = torch.cat([inner, leaves])
        levels.append(_Level(len(leaves), slot_N[parents_N[members]], inner_above))
        order.append(members)
        slot_N[inner] = torch.arange(len(inner))
        inner_above = len(inner)
    return levels[::-1], torch.cat(order[::-1])


def _log_sums(x_BN: Tensor, group_N: Tensor, groups: int) -> tuple[Tensor, Tensor, Tensor]:
    """How far each x is below its group's largest, [..., N]; the largest, and log Σ exp of the distances, [..., G]."""
    index_BN = group_N.expand_as(x_BN)
    lowest_BG = x_BN.new_full((*x_BN.shape[:-1], groups), -torch.inf)
    peak_BG = lowest_BG.scatter_reduce(-1, index_BN, x_BN.detach(), "amax")  # any constant would do, but for rounding
    below_BN = x_BN - peak_BG.gather(-1, index_BN)
    sums_BG = torch.zeros_like(peak_BG).scatter_add(-1, index_BN, below_BN.exp())
    return below_BN, peak_BG, sums_BG.log()
