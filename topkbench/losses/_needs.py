"""What a method takes from the `Problem`, checked."""

import torch
from torch import Tensor

from topkbench.ops.cached import cached
from topkbench.problem import Problem


def needed(problem: Problem, field: str) -> Tensor:
    """A field of the problem.

    Raises:
        ValueError: it is missing.
    """
    value: Tensor | None = getattr(problem, field)
    if value is None:
        raise ValueError(f"the problem has no {field}, which this loss needs; give Problem({field}=…)")
    return value


def distances_from(target_B: Tensor, problem: Problem, scores_BC: Tensor) -> Tensor:
    """How far the classes are from each label, in the type of the scores: [..., B] -> [..., B, C].

    Raises:
        ValueError: no distances, or not those of as many classes.
    """
    distances_CC, classes = needed(problem, "distances"), scores_BC.shape[-1]
    if distances_CC.shape != (classes, classes):
        raise ValueError(f"distances {list(distances_CC.shape)} do not fit scores of {classes} classes")
    return distances_CC[target_B.long()].to(scores_BC.dtype)


@cached(maxsize=8)  # a pass over all pairs of classes, which a step of many classes would notice
def largest_distance(distances_CC: Tensor) -> Tensor:
    """The largest of all distances, or 1 where there is none above 0; the tensor must not be changed afterwards."""
    largest = distances_CC.max()
    return torch.where(largest > 0, largest, 1)
