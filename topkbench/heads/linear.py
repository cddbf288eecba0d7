"""The linear head, and the perceptron that it is the last layer of.

Legend: H stacked heads, B batch, D embedding, C classes.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn

from topkbench.heads._head import Head
from topkbench.ops.linear import linear


class StackedLinear(nn.Module):
    """H linear maps side by side, each with the initial values that `torch.nn.Linear` draws.

    The H maps start equal: heads stacked on one seed each draw from their own copy of the stream.

    Attributes:
        weight: [H, out, in].
        bias: [H, out].
    """

    def __init__(self, heads: int, in_dim: int, out_dim: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = 1 / sqrt(in_dim)
        weight = nn.init.kaiming_uniform_(torch.empty(out_dim, in_dim), a=sqrt(5), generator=generator)
        bias = nn.init.uniform_(torch.empty(out_dim), -bound, bound, generator=generator)
        self.weight = nn.Parameter(weight.repeat(heads, 1, 1))
        self.bias = nn.Parameter(bias.repeat(heads, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, in], shared by all heads, or [H, B, in] -> [H, B, out]."""
        heads, out_dim = self.bias.shape
        if x.ndim == 3 and heads > 1:
            return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight.mT)
        flat = linear(x.flatten(end_dim=-2), self.weight.flatten(0, 1), self.bias.flatten())
        return flat.view(-1, heads, out_dim).transpose(0, 1)


class FeedForward(Head):
    """A linear head, or with hidden layers a perceptron with ReLU between them (difftopk's `--hidden-dims`).

    Args:
        heads: H.
        dims: D, the hidden dimensions, C.
        generator: the run's stream, on the CPU; one layer after the other draws from it.
        apply_relu: apply ReLU to the embeddings first.
        dropout: where given, the generator of a dropout of ½ on the embeddings while training. It is one of its
            own, on the head's device, so that noise never shifts the run's stream.
    """

    def __init__(
        self,
        heads: int,
        dims: Sequence[int],
        generator: torch.Generator,
        *,
        apply_relu: bool = False,
        dropout: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(StackedLinear(heads, d, out, generator) for d, out in pairwise(dims))
        self.apply_relu = apply_relu
        self.dropout = dropout

    def forward(self, x_BD: Tensor) -> Tensor:
        """[B, D] -> class scores [H, B, C]."""
        x = x_BD.relu() if self.apply_relu else x_BD
        if self.dropout is not None and self.training:
            x = x * torch.empty_like(x).bernoulli_(0.5, generator=self.dropout) * 2
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        scores: Tensor = self.layers[-1](x)
        return scores


Maps = Callable[[int], FeedForward]
"""Makes linear maps to so many dimensions, drawn from the run's stream: what every head begins with."""
