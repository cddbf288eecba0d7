"""The papers' definitions and difftopk's training script, written down plainly: what the product is compared with.

Nothing here comes from the product but comparator networks, which have tests of their own.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from topkbench.ops import networks

DISTRIBUTIONS = {
    "logistic": torch.sigmoid,
    "gaussian": lambda v: 0.5 + 0.5 * torch.erf(v / math.sqrt(2)),
    "cauchy": lambda v: torch.atan(v) / math.pi + 0.5,
    "reciprocal": lambda v: 0.5 * (v / (2 + v.abs()) + 1),
    "optimal": lambda v: torch.where(v.abs() <= 0.25, 0.5 + v, 0.5 + v.sign() * (0.5 - 1 / (16 * v.abs()))),
}


def logistic_phi(d: Tensor, beta: float, lam: float) -> Tensor:
    """The activation replacement trick, with the slope that the product promises at ties (DESIGN §6): that at 1e-6."""
    alpha = torch.sigmoid(beta * d / (d.abs() + 1e-10) ** lam)
    guarded = 1e-6 + 1e-10
    at_cap = 1 / (1 + math.exp(-beta * 1e-6 / guarded**lam))
    slope = at_cap * (1 - at_cap) * beta * guarded**-lam * (1 - lam * 1e-6 / guarded)
    return torch.where(d.abs() < 1e-6, alpha.detach() + slope * (d - d.detach()), alpha)


def network_matrix(
    scores: Tensor, network: networks.Network, distribution: str = "logistic_phi", beta: float = 1.0, lam: float = 0.5
) -> Tensor:
    """The product of the layers' matrices, comparator by comparator: P[element, wire]."""
    wires = list(scores.unbind(-1))
    rows = list(torch.eye(len(wires), dtype=scores.dtype).expand(*scores.shape, -1).unbind(-2))
    for layer in network:
        for i, j in layer:
            d = wires[j] - wires[i]
            alpha = (
                logistic_phi(d, beta, lam) if distribution == "logistic_phi" else DISTRIBUTIONS[distribution](beta * d)
            )
            wires[i], wires[j] = alpha * wires[i] + (1 - alpha) * wires[j], (1 - alpha) * wires[i] + alpha * wires[j]
            a = alpha.unsqueeze(-1)
            rows[i], rows[j] = a * rows[i] + (1 - a) * rows[j], (1 - a) * rows[i] + a * rows[j]
    return torch.stack(rows, -1)


def neuralsort_matrix(scores: Tensor, tau: float) -> Tensor:
    """Grover et al. 2019, eq. 5, as P[element, rank], the last column rank 1."""
    n = scores.shape[-1]
    sums = (scores.unsqueeze(-1) - scores.unsqueeze(-2)).abs().sum(-1)
    factors = (n + 1 - 2 * torch.arange(1, n + 1)).unsqueeze(-1)
    return ((factors * scores.unsqueeze(-2) - sums.unsqueeze(-2)) / tau).softmax(-1).flip(-2).mT


def softsort_matrix(scores: Tensor, tau: float) -> Tensor:
    """Prillo & Eisenschlos 2020, eq. 6, as P[element, rank], the last column rank 1."""
    rising = scores.sort(dim=-1).values
    return (-(rising.unsqueeze(-1) - scores.unsqueeze(-2)).abs() / tau).softmax(-1).mT


def transport_matrix(scores: Tensor, epsilon: float) -> Tensor:
    """Cuturi et al. 2019, algorithm 1, in the log domain for a very long time: P[element, target], rising targets."""
    targets = torch.linspace(0, 1, scores.shape[-1], dtype=torch.float64)
    log_plan = -((scores.unsqueeze(-1) - targets) ** 2) / epsilon
    for _ in range(20_000):
        log_plan = log_plan - log_plan.logsumexp(-2, keepdim=True)
        log_plan = log_plan - log_plan.logsumexp(-1, keepdim=True)
    return log_plan.exp()


NETWORKS: dict[str, Callable[[int, int], networks.Network]] = {
    "bitonic": lambda m, k: networks.bitonic(m),
    "odd_even": lambda m, k: networks.odd_even(m),
    "splitter_selection": networks.splitter_selection,
}
METHODS = (*NETWORKS, "neuralsort", "softsort")
SVMS = ("max_topk_svm", "smooth_hard_topk", "smooth_topk")


def matrix(method: str, scores: Tensor, k: int, beta: float, distribution: str, lam: float) -> Tensor:
    """P[element, rank], the last column rank 1."""
    if method in NETWORKS:
        return network_matrix(scores, NETWORKS[method](scores.shape[-1], k), distribution, beta, lam)
    return {"neuralsort": neuralsort_matrix, "softsort": softsort_matrix}[method](scores, 1 / beta)


def top_k_cross_entropy(
    method: str,
    p_k: Sequence[float],
    m: int | None,
    beta: float,
    distribution: str = "logistic_phi",
    lam: float = 0.5,
    top1_mode: str = "sm",
) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean of Petersen et al. 2022's loss, out of the whole matrix."""

    def epsilon(q: Tensor) -> Tensor:
        return -torch.log(q * (1 - 2e-7) + 1e-7)

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        scores, label = logits, target
        if m is not None:
            own = logits.gather(-1, target.unsqueeze(-1))
            others = logits.masked_fill(torch.nn.functional.one_hot(target, logits.shape[-1]).bool(), -torch.inf)
            scores, label = torch.cat([own, others.topk(m - 1).values], -1), torch.zeros_like(target)
        row = matrix(method, scores, len(p_k), beta, distribution, lam)[torch.arange(len(label)), label]
        q = [row[:, -k:].sum(-1) for k in range(1, len(p_k) + 1)]
        first = scores.softmax(-1)[torch.arange(len(label)), label]
        rest = sum(p * each for p, each in zip(p_k[1:], q[1:], strict=True))
        if top1_mode == "smce":
            return (-p_k[0] * first.log() + sum(p_k[1:]) * epsilon(rest + torch.zeros_like(first))).mean()
        return epsilon(p_k[0] * (first if top1_mode == "sm" else q[0]) + rest).mean()

    return loss


def log_esf(x: Tensor, k: int) -> Tensor:
    """Berrada et al. 2018, eq. 7: e_d of one more variable is e_d + variable · e_{d−1}; in logarithms."""
    logs = [torch.zeros_like(x[..., 0])] + [torch.full_like(x[..., 0], -1e300)] * k
    for value in x.unbind(-1):
        logs = [logs[0], *(torch.logaddexp(e, value + below) for below, e in pairwise(logs))]
    return torch.stack(logs, -1)


def top_k_svm(method: str, k: int, tau: float = 1.0, alpha: float = 1.0) -> Callable[[Tensor, Tensor], Tensor]:
    """Berrada et al. 2018, eqs. 4 and 5, as sums over all sets of k classes; one loss a sample."""

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        own = logits.gather(-1, target.unsqueeze(-1)).squeeze(-1)
        is_label = torch.nn.functional.one_hot(target, logits.shape[-1]).bool()
        others = logits[~is_label].view(*target.shape, -1)
        best = others.sort(descending=True).values
        hard = (alpha + best[..., :k].mean(-1) - (best[..., : k - 1].sum(-1) + own) / k).clamp(min=0)
        if method == "max_topk_svm":
            return hard
        logs = log_esf(others / (k * tau), k)
        with_label = logs[..., k - 1] + own / (k * tau)
        smooth = tau * (torch.logaddexp(logs[..., k] + alpha / tau, with_label) - with_label)
        if method == "smooth_topk":
            return smooth
        ranked = logits.sort(descending=True).values
        return torch.where(ranked[..., k - 1] - ranked[..., k] >= k * tau * math.log(1000), hard, smooth)

    return loss


def train(
    x: Tensor,
    y: Tensor,
    valid_size: int,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    lr: float,
    batch_size: int,
    steps: int,
    dims: tuple[int, ...],
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    every_epoch: Callable[[torch.nn.Module], None] | None = None,
) -> torch.nn.Module:
    """difftopk's script: its draws from the global stream, plain Adam, `loss` a mean."""
    torch.manual_seed(seed)
    kept = torch.randperm(len(x))[valid_size:]
    x, y = x[kept], y[kept]
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(dims)]
    model = torch.nn.Sequential(*[part for layer in layers for part in (layer, torch.nn.ReLU())][:-1]).to(dtype)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    done = 0
    while done < steps:
        order = torch.randperm(len(x))
        for at in range(min(len(x) // batch_size, steps - done)):
            rows = order[at * batch_size : (at + 1) * batch_size]
            optimizer.zero_grad()
            loss(model(x[rows].float().to(dtype)), y[rows]).backward()
            optimizer.step()
            done += 1
        if every_epoch:
            every_epoch(model)
    return model
