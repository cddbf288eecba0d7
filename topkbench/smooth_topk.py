"""The public classes of smooth-topk, with their signatures (Berrada et al. 2018; oval-group/smooth-topk).

Change `from topk.svm import …` to `from topkbench.smooth_topk import …`. Each gives the mean loss of a batch. Scores
may be anywhere and of any floating point type; what was refused with an assertion there is a ValueError here.
"""

from operator import index
from typing import Any

from torch import Tensor, nn

from topkbench import losses
from topkbench.losses import Method


class _SVM(nn.Module):
    """The mean of a loss.

    Args:
        method: its name.
        n_classes: C; scores have as many columns.
        alpha: margin, 1 for None.
        options: further ones of the method.
    """

    def __init__(self, method: str, n_classes: int, alpha: float | None, **options: Any) -> None:
        super().__init__()
        if n_classes < 1:
            raise ValueError(f"n_classes = {n_classes}: it must be at least 1")
        self.n_classes = n_classes
        self._method, self._options = method, {"alpha": 1.0 if alpha is None else float(alpha), **options}
        self._loss: Method = losses.load(method, **self._options)

    @property
    def alpha(self) -> float:
        """Margin."""
        return float(self._options["alpha"])

    @property
    def k(self) -> int:
        """How many classes may be named."""
        return int(self._options["k"])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """[B, C] scores and [B] labels -> []."""
        if x.ndim != 2 or x.shape[1] != self.n_classes:
            raise ValueError(f"the scores are {list(x.shape)}; give [batch, {self.n_classes}]")
        return self._loss(x, y).mean()


class _SmoothSVM(_SVM):
    """With a temperature, which may be changed from epoch to epoch."""

    @property
    def tau(self) -> float:
        """Temperature τ > 0."""
        return float(self._options["tau"])

    @tau.setter
    def tau(self, tau: float) -> None:
        options = {**self._options, "tau": float(tau)}
        self._loss, self._options = losses.load(self._method, **options), options


class MaxTop1SVM(_SVM):
    """The mean multi-class SVM: [α + max_{j≠y} s_j − s_y]₊.

    Args:
        n_classes: C.
        alpha: margin α ≥ 0; None for 1.

    Raises:
        ValueError: an option out of range; it is a `topkbench.errors.UsageError` too.

    >>> import torch
    >>> MaxTop1SVM(2)(torch.tensor([[0.0, 0.5]]), torch.tensor([1]))  # 1 + 0 − 0.5
    tensor(0.5000)
    """

    def __init__(self, n_classes: int, alpha: float | None = None) -> None:
        super().__init__("max_topk_svm", n_classes, alpha, k=1)


class MaxTopkSVM(_SVM):
    """The mean of `losses.max_topk_svm`.

    Args:
        n_classes: C.
        alpha: margin α ≥ 0; None for 1.
        k: 1..C − 1.

    Raises:
        ValueError: an option out of range; it is a `topkbench.errors.UsageError` too.

    >>> import torch
    >>> MaxTopkSVM(4, k=2)(torch.tensor([[0.0, 1.0, 3.0, 2.0]]), torch.tensor([1]))  # 1 + (2 − 1) / 2
    tensor(1.5000)
    """

    def __init__(self, n_classes: int, alpha: float | None = None, k: int = 5) -> None:
        super().__init__("max_topk_svm", n_classes, alpha, k=index(k))


class SmoothTop1SVM(_SmoothSVM):
    """The mean of `losses.smooth_hard_topk` with k = 1.

    Args:
        n_classes: C.
        alpha: margin α ≥ 0; None for 1.
        tau: temperature τ > 0; it may be set anew.

    Raises:
        ValueError: an option out of range; it is a `topkbench.errors.UsageError` too.

    >>> import torch
    >>> SmoothTop1SVM(2, alpha=0)(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))  # log(1 + exp(−1))
    tensor(0.3133)
    """

    def __init__(self, n_classes: int, alpha: float | None = None, tau: float = 1.0) -> None:
        super().__init__("smooth_hard_topk", n_classes, alpha, k=1, tau=float(tau))


class SmoothTopkSVM(_SmoothSVM):
    """The mean of `losses.smooth_hard_topk`.

    Args:
        n_classes: C.
        alpha: margin α ≥ 0; None for 1.
        tau: temperature τ > 0; it may be set anew.
        k: 1..C − 1.

    Raises:
        ValueError: an option out of range; it is a `topkbench.errors.UsageError` too.

    >>> import torch
    >>> SmoothTopkSVM(3, alpha=0, k=2)(torch.zeros(1, 3), torch.tensor([1]))  # log(1 + e_2 / e_1), e_2 = 1, e_1 = 2
    tensor(0.4055)
    """

    def __init__(self, n_classes: int, alpha: float | None = None, tau: float = 1.0, k: int = 5) -> None:
        super().__init__("smooth_hard_topk", n_classes, alpha, k=index(k), tau=float(tau))
