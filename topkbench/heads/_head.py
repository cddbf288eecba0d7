"""What every head has, whether or not it says so.

Legend: H stacked heads, B batch, D embedding, C classes.
"""

from torch import Tensor, nn

from topkbench.problem import Problem


class Head(nn.Module):
    """The ground of every head: embeddings in, class scores of H stacked heads out. Parameters are [H, …]."""

    def forward(self, x_BD: Tensor) -> Tensor:
        """[B, D] -> class scores [H, B, C]."""
        raise NotImplementedError

    def state(self, problem: Problem) -> Problem:
        """What is known of the classes in this step: by default nothing beyond the problem."""
        return problem

    def update(self, y_B: Tensor) -> None:
        """Take in the labels of the last batch seen, after its step; by default nothing is kept of them."""
