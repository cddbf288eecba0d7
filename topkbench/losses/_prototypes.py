"""Options that methods with prototypes share."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from topkbench.losses._judged import Judged
from topkbench.losses._needs import needed
from topkbench.ops import prototypes
from topkbench.ops.prototypes import DISTANCES, require_distance
from topkbench.problem import Problem

GUIDES = ("distortion", "rank")


@dataclass(frozen=True)
class Prototypes(Judged):
    """A point for each class, in a space that a linear map leads to; a loss judges minus the distances to them.

    Attributes:
        embedding_dim: E ≥ 1, the dimensions of that space.
        distance: one of `ops.prototypes.DISTANCES`.
        huber_delta: δ > 0 of the pseudo-Huber distance in place of the euclidean one; None for none.
    """

    paper: ClassVar[str] = "Sainte Fare Garnot & Landrieu 2021"
    head: ClassVar[str] = "prototypes"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"distance": DISTANCES}

    embedding_dim: int = 64
    distance: str = "euclidean"
    huber_delta: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_dimensions(self.embedding_dim)
        require_distance(self.distance, self.huber_delta)

    def head_options(self) -> dict[str, Any]:
        """The space, and how it measures."""
        return {option: getattr(self, option) for option in ("embedding_dim", "distance", "huber_delta")}


@dataclass(frozen=True)
class GuidedPrototypes(Prototypes):
    """Prototypes whose distances are to be like the classes'.

    Attributes:
        guide: distortion or rank.
    """

    needs: ClassVar[tuple[str, ...]] = ("distances",)
    choices: ClassVar[dict[str, tuple[str, ...]]] = {**Prototypes.choices, "guide": GUIDES}

    guide: str = "distortion"

    def check_classes(self, classes: int) -> None:
        """An order takes three classes."""
        if self.guide == "rank" and "guide" not in self.idle():
            require_an_order(classes, "give --set guide=distortion")

    def guidance(
        self, points_CE: Tensor, distances_CC: Tensor, generator: torch.Generator | None, *, scale_free: bool = True
    ) -> Tensor:
        """What the points lack in likeness: their distortion, or their rank loss, which knows no scale, [...]."""
        if self.guide == "distortion":
            return prototypes.distortion(points_CE, distances_CC, self.distance, scale_free)
        return prototypes.rank_loss(points_CE, distances_CC, distance=self.distance, generator=generator)


def placing(problem: Problem) -> tuple[Tensor, torch.Generator]:
    """What prototypes are placed by beforehand: the classes' distances, and the source of the descent's draws."""
    distances_CC = needed(problem, "distances")
    return distances_CC, problem.generator or torch.Generator(distances_CC.device)


def require_an_order(classes: int, cure: str) -> None:
    """Refuse classes whose distances are in no order.

    Raises:
        ValueError: there are fewer than three, and so but one distance.
    """
    if classes < 3:
        raise ValueError(f"it goes by the order of distances, which takes 3 classes, and there are {classes}; {cure}")


def require_dimensions(embedding_dim: int) -> None:
    """Refuse a space without dimensions.

    Raises:
        ValueError: it has none.
    """
    if embedding_dim < 1:
        raise ValueError(f"embedding_dim = {embedding_dim}: it must be at least 1")
