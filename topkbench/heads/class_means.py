"""Class means: a row's score for a class falls with its distance from the mean of the rows seen of that class.

Legend: H stacked heads, B batch, D embedding as stored, E embedding after the linear map, C classes.
"""

from dataclasses import replace

import torch
from torch import Tensor

from topkbench.heads._head import Head
from topkbench.heads.linear import FeedForward, Maps
from topkbench.ops import prototypes
from topkbench.problem import Problem


class ClassMeansHead(Head):
    """Linear maps to E dimensions, and the squared distances to running class means there (Guerriero et al. 2018).

    The means are those of all rows seen, each as it was embedded for its scores, before their step and with their
    dropout; no gradient flows to them.

    Args:
        embedding: the maps, [B, D] -> [H, B, E].
        classes: C.
        embedding_dim: E.
    """

    def __init__(self, embedding: FeedForward, classes: int, embedding_dim: int) -> None:
        super().__init__()
        self.embedding = embedding
        heads = len(next(embedding.parameters()))
        self.register_buffer("mean_HCE", torch.zeros(heads, classes, embedding_dim))
        self.register_buffer("count_C", torch.zeros(classes))
        self.mean_HCE: Tensor
        self.count_C: Tensor
        self._embedded_HBE = torch.empty(heads, 0, embedding_dim)

    @classmethod
    def build(
        cls,
        maps: Maps,
        classes: int,
        problem: Problem,
        generator: torch.Generator,
        *,
        embedding_dim: int,
    ) -> "ClassMeansHead":
        """Means that begin at the origin."""
        return cls(maps(embedding_dim), classes, embedding_dim)

    def forward(self, x_BD: Tensor) -> Tensor:
        """[B, D] -> class scores [H, B, C], minus the squared distances."""
        embedded_HBE = self.embedding(x_BD)
        if self.training:
            self._embedded_HBE = embedded_HBE.detach()
        return prototypes.logits(embedded_HBE, self.mean_HCE, distance="squared")

    def state(self, problem: Problem) -> Problem:
        """The problem, with this step's means as prototypes, [H, C, E]."""
        return replace(problem, prototypes=self.mean_HCE)

    @torch.no_grad()
    def update(self, y_B: Tensor) -> None:
        """Take the rows of the last batch, as they were embedded for its scores, into the means of their classes."""
        embedded_HBE = self._embedded_HBE.to(self.mean_HCE.dtype)  # bfloat16 where the scores are
        sums_HCE = torch.zeros_like(self.mean_HCE).index_add_(1, y_B, embedded_HBE)
        added_C = torch.zeros_like(self.count_C).index_add_(0, y_B, torch.ones_like(y_B, dtype=self.count_C.dtype))
        self.count_C += added_C
        # mean + (sum − added · mean) / count, which leaves the classes without new rows as they are
        shift_HCE = sums_HCE - added_C.unsqueeze(-1) * self.mean_HCE
        self.mean_HCE += shift_HCE / self.count_C.clamp(min=1).unsqueeze(-1)
