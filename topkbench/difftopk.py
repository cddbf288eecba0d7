"""difftopk's public classes, with its signatures and return shapes (Petersen et al. 2022; difftopk 0.2.0).

Change `from difftopk import …` to `from topkbench.difftopk import …`. Nothing here needs torch-sparse; scores may be
anywhere that `device` names, in any floating point type; what difftopk refused with an assertion is a ValueError.
"""

import warnings
from collections.abc import Sequence
from operator import index

import torch
from torch import Tensor, nn

from topkbench import losses
from topkbench.ops import diffsort, networks, neuralsort, softsort
from topkbench.ops.options import require_one_of, require_positive
from topkbench.ops.relaxation import Relaxation

_METHODS = (*networks.NAMES, "bitonic__non_sparse", "neuralsort", "softsort", "sinkhorn_sort")


class TopKCrossEntropyLoss(nn.Module):
    """The mean top-k cross-entropy of a batch.

    Args:
        diffsort_method: bitonic, bitonic__non_sparse, odd_even, splitter_selection, neuralsort, softsort, or
            sinkhorn_sort, which difftopk has left out.
        inverse_temperature: β of a network, 1 / τ of the others.
        p_k: the weight of the top-k objective for k = 1, 2, …; their sum may be off by 1e-4, as there.
        n: number of classes.
        m: classes on the short-list, k..n, or None for all.
        distribution: what relaxes a network's comparators; a network needs one.
        art_lambda: λ of logistic_phi.
        device: where the outputs will be.
        top1_mode: sm, smce or sort; see `losses._topk_cross_entropy.TopKCrossEntropy`.

    Raises:
        ValueError: an option out of range, in which case it is a `topkbench.errors.UsageError` too.

    >>> loss = TopKCrossEntropyLoss("bitonic", 1.0, [1.0, 0.0], n=2, distribution="logistic", top1_mode="sort")
    >>> loss(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))  # −log σ(1)
    tensor(0.3133)
    """

    def __init__(  # noqa: PLR0913, PLR0917 - difftopk's signature
        self,
        diffsort_method: str,
        inverse_temperature: float,
        p_k: Sequence[float],
        n: int,
        m: int | None = None,
        distribution: str | None = None,
        art_lambda: float = 0.25,
        device: str | torch.device = "cpu",
        top1_mode: str = "sm",
    ) -> None:
        super().__init__()
        require_one_of(diffsort_method, tuple(_METHODS), "method")
        if m is not None and m > n:
            raise ValueError(f"m = {m} exceeds the n = {n} classes; give m = {n} or less, or None")
        self.diffsort_method, self.inverse_temperature = diffsort_method, float(inverse_temperature)
        self.p_k, self.k, self.n, self.m = _weights(p_k), len(p_k), n, None if m is None else int(m)
        self.device, self.top1_mode = device, top1_mode
        options = {
            "p_k": self.p_k,
            "m": self.m,
            "top1_mode": top1_mode,
            "inverse_temperature": self.inverse_temperature,
        }
        if losses.canonical(diffsort_method) in networks.NAMES:
            if distribution is None:
                raise ValueError(f"{diffsort_method} needs a distribution, as in distribution='logistic_phi'")
            options |= {"distribution": distribution, "art_lambda": float(art_lambda)}
        self._loss = losses.load(diffsort_method, **options)

    def forward(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """[B, n] scores and [B] labels -> []."""
        _require(outputs, self.n, self.device)
        return self._loss(outputs, labels).mean()


class DiffTopkNet(nn.Module):
    """The top-k columns of the relaxed permutation matrix of a sorting network.

    Args:
        sorting_network_type: bitonic, odd_even or splitter_selection.
        size: number of scores.
        k: number of ranks.
        sparse: difftopk's choice of matrices; here there are none, and both give the same.
        device: where the scores will be.
        steepness: β.
        art_lambda: λ of logistic_phi.
        interpolation_type: difftopk's old name of `distribution`.
        distribution: what relaxes the comparators.

    Raises:
        ValueError: an unknown network or an option out of range.

    >>> DiffTopkNet("bitonic", 2, 1, steepness=1.0)(torch.tensor([[0.0, 1.0]]))[1]  # arctan(1) / π + ½
    tensor([[[0.2500],
             [0.7500]]])
    """

    def __init__(  # noqa: PLR0913, PLR0917 - difftopk's signature
        self,
        sorting_network_type: str,
        size: int,
        k: int,
        sparse: bool = False,
        device: str | torch.device = "cpu",
        steepness: float = 10.0,
        art_lambda: float = 0.25,
        interpolation_type: str | None = None,
        distribution: str | None = "cauchy",
    ) -> None:
        super().__init__()
        if interpolation_type is not None:
            warnings.warn("interpolation_type is deprecated; call it distribution", DeprecationWarning, stacklevel=2)
            if distribution not in (None, "cauchy", interpolation_type):
                raise ValueError(f"distribution = {distribution!r}, but interpolation_type = {interpolation_type!r}")
            distribution = interpolation_type
        if distribution is None:
            raise ValueError(f"{sorting_network_type} needs a distribution, as in distribution='logistic_phi'")
        self.sorting_network_type = sorting_network_type
        self.size, self.k, self.sparse, self.device = size, k, sparse, device
        self.steepness, self.art_lambda, self.distribution = steepness, art_lambda, distribution
        Relaxation(distribution, steepness, art_lambda)  # which refuses what has no meaning
        self.sorting_network = networks.named(sorting_network_type, size, k)

    def forward(self, vectors: Tensor) -> tuple[None, Tensor]:
        """[B, size] -> (None, [B, size, k]), the last column rank 1."""
        _require(vectors, self.size, self.device)
        options = (self.distribution, self.steepness, self.art_lambda)
        return None, diffsort.topk_matrix(vectors, self.sorting_network, self.k, *options)


class NeuralSort(nn.Module):
    """The relaxed permutation matrix of NeuralSort (Grover et al. 2019).

    Args:
        tau: temperature.
        hard: give each element its likeliest rank alone; the gradient stays that of the relaxed matrix.

    Raises:
        ValueError: tau is not positive.

    >>> NeuralSort()(torch.tensor([[0.0, 1.0]]))  # σ(1), σ(−1)
    tensor([[[0.7311, 0.2689],
             [0.2689, 0.7311]]])
    """

    def __init__(self, tau: float = 1.0, hard: bool = False) -> None:
        super().__init__()
        require_positive(tau, "tau")
        self.tau, self.hard = tau, hard

    def forward(self, scores: Tensor) -> Tensor:
        """[B, n] -> [B, n, n], P[element, rank], the last column rank 1."""
        relaxed = neuralsort.permutation(scores, self.tau)
        return _hardened(relaxed) if self.hard else relaxed


class SoftSort(nn.Module):
    """The relaxed permutation matrix of SoftSort (Prillo & Eisenschlos 2020).

    Args:
        tau: temperature.
        hard: give each rank its likeliest element alone; the gradient stays that of the relaxed matrix.
        pow: the power of the distances, ≥ 1.

    Raises:
        ValueError: tau is not positive, or (when it is used) pow below 1.

    >>> SoftSort()(torch.tensor([[0.0, 1.0]]))  # σ(−1), σ(1)
    tensor([[[0.2689, 0.7311],
             [0.7311, 0.2689]]])
    """

    def __init__(self, tau: float = 1.0, hard: bool = False, pow: float = 1.0) -> None:  # noqa: A002 - difftopk's name
        super().__init__()
        require_positive(tau, "tau")
        self.tau, self.hard, self.pow = tau, hard, pow

    def forward(self, scores: Tensor) -> Tensor:
        """[B, n] -> [B, n, n], P[rank, element], the first row rank 1."""
        relaxed = softsort.permutation(scores, self.tau, self.pow).mT.flip(-2)
        return _hardened(relaxed) if self.hard else relaxed


class _TopKLoss(nn.Module):
    """The mean of one of Berrada et al. 2018's losses, with margin 1."""

    def __init__(self, method: str, num_classes: int, k: int, tau: float, device: str | torch.device) -> None:
        super().__init__()
        self.num_classes, self.device = num_classes, device
        self._options = {"k": index(k), "tau": float(tau)}
        self._loss = losses.load(method, **self._options)

    @property
    def k(self) -> int:
        """How many classes may be named."""
        return int(self._options["k"])

    @property
    def tau(self) -> float:
        """Temperature."""
        return float(self._options["tau"])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """[B, num_classes] scores and [B] labels -> []."""
        _require(x, self.num_classes, self.device)
        return self._loss(x, y).mean()


class SmoothTopKLoss(_TopKLoss):
    """The mean of `losses.smooth_topk`, with margin 1.

    Args:
        num_classes: C.
        k: 1..C − 1.
        tau: temperature τ > 0.
        device: where the scores will be.

    Raises:
        ValueError: an option out of range; it is a `topkbench.errors.UsageError` too.

    >>> SmoothTopKLoss(2, 1)(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))  # log(1 + exp(1 − 1))
    tensor(0.6931)
    """

    def __init__(self, num_classes: int, k: int, tau: float = 1, device: str | torch.device = "cpu") -> None:
        super().__init__("smooth_topk", num_classes, k, tau, device)


class SmoothHardTopKLoss(_TopKLoss):
    """The mean of `losses.smooth_hard_topk`, with margin 1.

    Args:
        num_classes: C.
        k: 1..C − 1.
        tau: temperature τ > 0.
        device: where the scores will be.

    Raises:
        ValueError: an option out of range; it is a `topkbench.errors.UsageError` too.

    >>> SmoothHardTopKLoss(2, 1)(torch.tensor([[0.0, 9.0]]), torch.tensor([0]))  # hard: 1 + 9
    tensor(10.)
    """

    def __init__(self, num_classes: int, k: int, tau: float = 1, device: str | torch.device = "cpu") -> None:
        super().__init__("smooth_hard_topk", num_classes, k, tau, device)


def _weights(p_k: Sequence[float]) -> tuple[float, ...]:
    """The weights, scaled to a sum of 1 where they miss it by no more than difftopk bears."""
    weights = tuple(float(p) for p in p_k)
    total = sum(weights)
    return tuple(p / total for p in weights) if 0.9999 < total < 1.0001 else weights


def _require(scores: Tensor, size: int, device: str | torch.device) -> None:
    if scores.ndim != 2 or scores.shape[1] != size:
        raise ValueError(f"the scores are {list(scores.shape)}; give [batch, {size}]")
    if scores.device.type != torch.device(device).type:
        raise ValueError(
            f"the scores are on {scores.device}, but device = '{device}'; make it with device='{scores.device}'"
        )


def _hardened(relaxed: Tensor) -> Tensor:
    """One in each row's largest place, with the gradient of the relaxed matrix."""
    hard = torch.zeros_like(relaxed).scatter_(-1, relaxed.argmax(-1, keepdim=True), 1)
    return (hard - relaxed).detach() + relaxed
