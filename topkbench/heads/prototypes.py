"""Prototypes: a class is a point, and a row's score for it falls with the distance of its embedding.

Legend: H stacked heads, B batch, D embedding as stored, E embedding after the linear map, C classes.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from topkbench.heads._head import Head
from topkbench.heads.linear import FeedForward, Maps
from topkbench.ops import prototypes
from topkbench.problem import Problem


class PrototypeHead(Head):
    """Linear maps to E dimensions, and the distances to C prototypes there (`ops.prototypes.logits`).

    Args:
        embedding: the maps, [B, D] -> [H, B, E].
        prototypes_CE: the initial prototypes of every head.
        learnt: whether they are trained; otherwise they stay where they are.
        distance: euclidean, squared, cosine, or hyperspherical, (1 − cos)².
        huber_delta: δ of the pseudo-Huber distance, or None for the distance itself.
    """

    def __init__(
        self,
        embedding: FeedForward,
        prototypes_CE: Tensor,
        *,
        learnt: bool,
        distance: str = "euclidean",
        huber_delta: float | None = None,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        heads = len(next(embedding.parameters()))
        stacked_HCE = prototypes_CE.repeat(heads, 1, 1)
        if learnt:
            self.prototypes: Tensor = nn.Parameter(stacked_HCE)
        else:
            self.register_buffer("prototypes", stacked_HCE)
        self._distance, self._huber_delta = distance, huber_delta

    @classmethod
    def build(
        cls,
        maps: Maps,
        classes: int,
        problem: Problem,
        generator: torch.Generator,
        *,
        embedding_dim: int,
        distance: str = "euclidean",
        huber_delta: float | None = None,
        place: Callable[[Problem, int], Tensor] | None = None,
    ) -> "PrototypeHead":
        """Prototypes that are learnt from standard normal values, or that `place` puts into E dimensions for good."""
        embedding = maps(embedding_dim)
        if place is None:
            start_CE = torch.randn(classes, embedding_dim, generator=generator)
        else:
            start_CE = place(problem, embedding_dim)
        return cls(embedding, start_CE, learnt=place is None, distance=distance, huber_delta=huber_delta)

    def forward(self, x_BD: Tensor) -> Tensor:
        """[B, D] -> class scores [H, B, C], minus the distances."""
        embedded_HBE = self.embedding(x_BD)
        if self._distance == "hyperspherical":
            return -prototypes.hyperspherical_losses(embedded_HBE, self.prototypes)
        return prototypes.logits(embedded_HBE, self.prototypes, self._distance, self._huber_delta)

    def state(self, problem: Problem) -> Problem:
        """The problem, with this step's prototypes, [H, C, E]."""
        return replace(problem, prototypes=self.prototypes)
