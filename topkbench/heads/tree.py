"""A score for every node of the class tree, and the log marginals of its leaves.

Legend: H stacked heads, B batch, D embedding, C classes, N nodes.
"""

import torch
from torch import Tensor

from topkbench.heads._head import Head
from topkbench.heads.linear import FeedForward, Maps
from topkbench.ops import trees
from topkbench.problem import Problem


class TreeHead(Head):
    """Softmax among siblings; a class's score is the logarithm of its leaf's probability (Redmon & Farhadi 2017).

    Args:
        scores: linear maps to the nodes, [B, D] -> [H, B, N].
        parent_N: of each node; the root is its own. The first C nodes are the classes'.
        classes: C.
    """

    def __init__(self, scores: FeedForward, parent_N: Tensor, classes: int) -> None:
        super().__init__()
        self.scores, self.classes = scores, classes
        self.register_buffer("parent_N", parent_N)
        self.parent_N: Tensor

    @classmethod
    def build(cls, maps: Maps, classes: int, problem: Problem, generator: torch.Generator) -> "TreeHead":
        """A score for every node of the problem's tree."""
        if problem.parents is None:
            raise ValueError("a tree head needs the parents of the classes")
        return cls(maps(len(problem.parents)), problem.parents, classes)

    def forward(self, x_BD: Tensor) -> Tensor:
        """[B, D] -> log marginals [H, B, C], of which the exponentials sum to 1."""
        return trees.node_log_probabilities(self.scores(x_BD), self.parent_N)[..., : self.classes]
