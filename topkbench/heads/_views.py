"""Each head's own parameters, out of a stack."""

from collections.abc import Iterator

from torch import Tensor, nn


class HeadViews:
    """Each head's own parameters: views into a stack, so that each can have an optimizer group of its own.

    An optimizer that updates the views in place updates the stack.
    """

    def __init__(self, head: nn.Module) -> None:
        self._stacks = list(head.parameters())
        self._views = [[stack.data[h] for stack in self._stacks] for h in range(len(self._stacks[0]))]

    def __iter__(self) -> Iterator[list[Tensor]]:
        """Yield the parameters of one head after the other."""
        return iter(self._views)

    def hand_over_gradients(self) -> None:
        """Give every view its part of the stack's gradient; the stack keeps none."""
        for at, stack in enumerate(self._stacks):
            if stack.grad is not None:
                for views, gradient in zip(self._views, stack.grad.unbind(), strict=True):
                    views[at].grad = gradient
            stack.grad = None
