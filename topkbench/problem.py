"""What a loss or a head may know of the classes and of this step, beyond scores and labels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Problem:
    """Facts that the data and the head supply; each may be missing, and a method names the ones it `needs`.

    Attributes:
        distances: [C, C], how far apart two classes are, in edges of the hierarchy, or as a file says.
        parents: [nodes], the parent of each node of the class tree; the root is its own.
        prototypes: [C, E], this step's class prototypes.
        generator: the source of a method's own noise, apart from the run's stream.
    """

    distances: "torch.Tensor | None" = None
    parents: "torch.Tensor | None" = None
    prototypes: "torch.Tensor | None" = None
    generator: "torch.Generator | None" = None
