"""What the smooth top-k SVM is made of: elementary symmetric polynomials by summation and by a tree.

Berrada et al. 2018, §4 and their experiments/scripts/perf.py: the summation takes one variable after the other, in the
scores' own type and not in logarithms; the tree is `ops.polynomials`.

Legend: B batch, N variables, D degrees 0..k.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from topkbench.allocator import keep_freed_memory
from topkbench.bench.accuracy import is_near
from topkbench.bench.cost import TOO_MANY, forward_and_backward, memory_for, peak_bytes
from topkbench.errors import UsageError
from topkbench.ops.polynomials import log_esf
from topkbench.progress import Progress, silent

DEGREES = (1, 2, 5, 10, 20, 50)
TEMPERATURES = (1e-3, 1e-2, 0.1, 1.0, 10.0)
DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class PolynomialRow:
    """What was measured of one algorithm.

    Attributes:
        algorithm: summation or tree.
        dtype: of the variables.
        k: the highest degree.
        forward: milliseconds of log e_{k−1} and log e_k, at temperature 1.
        backward: milliseconds of their gradient.
        peak_mib: memory that the two passes take at most beside their inputs.
        accurate: temperatures at which both, and all gradients, are finite and near the tree's in float64 (which the
            tests compare with a recursion in logarithms).
    """

    algorithm: str
    dtype: str
    k: int
    forward: float
    backward: float
    peak_mib: float
    accurate: tuple[float, ...]


def measure(
    batch: int, classes: int, device: torch.device, rounds: int = 5, progress: Progress = silent
) -> Iterator[PolynomialRow]:
    """Measure both algorithms in both types, for every degree that there are classes for.

    Args:
        batch: B.
        classes: C; one of them, the label's, is left out.
        device: where to compute.
        rounds: turns, of which the median is taken.
        progress: shows the rows.

    Raises:
        UsageError: there are too few samples or classes.
    """
    if not (1 <= batch < TOO_MANY and 3 <= classes < TOO_MANY):
        raise UsageError(f"--batch {batch} --classes {classes}: there must be a sample, and 3 classes; below 2^31 each")
    if device.type == "cpu":
        keep_freed_memory()  # as training does
    with memory_for("scores"):
        scores_BN = torch.randn(batch, classes - 1, generator=torch.Generator().manual_seed(0)).to(device)
    cases = [(name, k, dtype) for k in DEGREES if k < classes - 1 for name in _ALGORITHMS for dtype in DTYPES]
    with progress(len(cases), "case", "measuring") as bar:
        for name, k, dtype in cases:
            with memory_for(f"{name}, k {k}"):
                row = _row(name, k, scores_BN.to(dtype), rounds)
            yield row
            bar.advance(1, f"{name}, k {k}")


def summation(x_BN: Tensor, k: int) -> Tensor:
    """The logarithms of e_d(exp(x)) for d = 0..k, [..., K + 1], by e_d ← e_d + exp(x_j) e_{d−1} for one j at a time.

    What overflows is ∞, and what underflows −∞.
    """
    e_BD = torch.nn.functional.pad(torch.ones_like(x_BN[..., :1]), (0, k))
    for variable_B1 in torch.split(x_BN.exp(), 1, dim=-1):
        e_BD = e_BD + variable_B1 * torch.nn.functional.pad(e_BD[..., :-1], (1, 0))
    return e_BD.log()


_ALGORITHMS: dict[str, Callable[[Tensor, int], Tensor]] = {"summation": summation, "tree": log_esf}


def _row(name: str, k: int, scores_BN: Tensor, rounds: int) -> PolynomialRow:
    function = _of_degree(_ALGORITHMS[name], k)
    x_BN = scores_BN / k
    forward, backward = forward_and_backward(function, x_BN, rounds)
    return PolynomialRow(
        algorithm=name,
        dtype=str(x_BN.dtype).removeprefix("torch."),
        k=k,
        forward=1e3 * forward,
        backward=1e3 * backward,
        peak_mib=peak_bytes(lambda x, _: function(x).sum(), x_BN, x_BN) / 2**20,
        accurate=tuple(tau for tau in TEMPERATURES if _is_accurate(function, k, scores_BN / (k * tau))),
    )


def _of_degree(algorithm: Callable[[Tensor, int], Tensor], k: int) -> Callable[[Tensor], Tensor]:
    """The two that the loss is made of: log e_{k−1} and log e_k."""
    return lambda x_BN: algorithm(x_BN, k)[..., -2:]


def _is_accurate(function: Callable[[Tensor], Tensor], k: int, x_BN: Tensor) -> bool:
    found, expected = _with_gradient(function, x_BN), _with_gradient(_of_degree(log_esf, k), x_BN.double())
    return all(is_near(ours, exact) for ours, exact in zip(found, expected, strict=True))


def _with_gradient(function: Callable[[Tensor], Tensor], x_BN: Tensor) -> tuple[Tensor, Tensor]:
    own_BN = x_BN.detach().clone().requires_grad_()
    values = function(own_BN)
    (gradient_BN,) = torch.autograd.grad(values.sum(), own_BN)
    return values.detach().double(), gradient_BN.double()
