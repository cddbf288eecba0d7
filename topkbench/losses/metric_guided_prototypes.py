"""Metric-guided prototypes."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from topkbench.losses._needs import needed
from topkbench.losses._prototypes import GuidedPrototypes
from topkbench.ops.options import require_not_negative
from topkbench.problem import Problem


@dataclass(frozen=True)
class Loss(GuidedPrototypes):
    """Learnt prototypes that the distances of the classes draw into place (Sainte Fare Garnot & Landrieu 2021).

    As `learnt_prototypes`, with a regulariser of the prototypes: guide_weight times their scale-free distortion, or
    their rank loss (`ops.prototypes.distortion`, `rank_loss`).

    It reaches at least 58 % top-1 and 82 % top-5 on the demo set.

    Attributes:
        guide: distortion or rank.
        guide_weight: λ ≥ 0.
        guide_classes: ≥ 2, how many random classes a step's distortion looks at; None for all, as in the paper, which
            takes C² work a step.

    >>> line = torch.tensor([[0.0], [1.0], [3.0]])
    >>> problem = Problem(distances=torch.tensor([[0, 1, 3], [1, 0, 2], [3, 2, 0]]), prototypes=line)
    >>> Loss().regulariser(problem)  # the prototypes have the classes' distances
    tensor(0.)
    """

    draws_noise: ClassVar[bool] = True

    guide_weight: float = 1.0
    guide_classes: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self.guide_weight, "guide_weight")
        if self.guide_classes is not None and self.guide_classes < 2:
            raise ValueError(f"guide_classes = {self.guide_classes}: a distance takes 2 classes; give more, or none")

    def idle(self) -> tuple[str, ...]:
        """The guide, where it has no weight, and its classes, where all count or triplets are drawn; the judge's."""
        looks_at_all = self.guide_classes is None or self.guide == "rank" or not self.guide_weight
        without = () if self.guide_weight else ("guide",)
        return (*super().idle(), *without, *(("guide_classes",) if looks_at_all else ()))

    def regulariser(self, problem: Problem) -> Tensor:
        """λ times the distortion or the rank loss of this step's prototypes, [...]."""
        if not self.guide_weight:
            return super().regulariser(problem)
        points_CE, distances_CC = needed(problem, "prototypes"), needed(problem, "distances")
        if self.guide_classes is not None and self.guide == "distortion":
            drawn_C = torch.randperm(len(distances_CC), generator=problem.generator, device=distances_CC.device)
            index_n = drawn_C[: self.guide_classes]
            points_CE, distances_CC = points_CE[..., index_n, :], distances_CC[index_n.unsqueeze(-1), index_n]
        return self.guide_weight * self.guidance(points_CE, distances_CC, problem.generator)
