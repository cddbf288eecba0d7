"""Scores from prototypes, and their distortion, against the forms that hold every difference of coordinates.

    python benchmarks/prototypes.py --threads 1

The peers are written from the formulas, as torch_prototypes computes them: ‖x − p‖ out of B × C × E differences, and
the distortion out of C × C × E. Both passes, turn by turn in one process: medians of the times and of their ratio; the
memory is the peak of both passes beside their inputs. Values and gradients are compared first.

Legend: B batch, C classes, E dimensions.
"""

import argparse
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from topkbench.bench.contenders import MeanLoss
from topkbench.bench.cost import peak_bytes, timed_passes
from topkbench.ops import prototypes


def naive_distances(x_BE: Tensor, p_CE: Tensor) -> Tensor:
    """‖x − p‖, [B, C], by the formula."""
    return torch.linalg.vector_norm(x_BE[:, None] - p_CE, dim=-1)


def naive_distortion(p_CE: Tensor, distances_CC: Tensor) -> Tensor:
    """The mean of ((s d − D) / D)² over pairs, s = Σ (d / D) / Σ (d / D)²."""
    classes = len(p_CE)
    divisor_CC = distances_CC + torch.eye(classes)
    d_CC = naive_distances(p_CE, p_CE)
    ratio_CC = d_CC / divisor_CC
    scale = ratio_CC.sum() / ratio_CC.square().sum()
    return (((scale * d_CC - distances_CC) / divisor_CC).square()).sum() / (classes * (classes - 1))


def with_prototypes(distances: Callable[[Tensor, Tensor], Tensor], p_CE: Tensor) -> MeanLoss:
    """The cross-entropy of minus the distances; the gradient goes to the prototypes as well."""

    def loss(x_BE: Tensor, label_B: Tensor) -> Tensor:
        own_CE = p_CE.clone().requires_grad_()
        return cross_entropy(-distances(x_BE, own_CE), label_B)

    return loss


def compare(name: str, own: MeanLoss, naive: MeanLoss, x: Tensor, other: Tensor, turns: int) -> None:
    """Print a row: times, memory and their ratios; the first turn only warms up."""
    check_agreement(own, naive, x, other)
    passes = [timed_passes(each, x, other) for each in (own, naive)]
    times = [[both() for both in passes] for _ in range(turns + 1)][1:]
    own_ms, naive_ms = (1e3 * median(column) for column in zip(*times, strict=True))
    ratio = median(theirs / ours for ours, theirs in times)
    own_mb, naive_mb = (peak_bytes(each, x, other) / 1e6 for each in (own, naive))
    memory = f"{own_mb:.1f} | {naive_mb:.0f} | {naive_mb / own_mb:.0f}"
    print(
        f"| {name} | {torch.get_num_threads()} | {own_ms:.1f} | {naive_ms:.0f} | {ratio:.0f} | {memory} |", flush=True
    )


def check_agreement(own: MeanLoss, naive: MeanLoss, x: Tensor, other: Tensor) -> None:
    """Refuse to time what is not the same: the value, and the gradient of the first argument."""
    results = []
    for function in (own, naive):
        argument = x.clone().requires_grad_()
        value = function(argument, other)
        value.backward()
        results.append((value.detach(), argument.grad))
    (value, gradient), (expected, expected_gradient) = results
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-4 * expected_gradient.abs().max().item())


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--dim", type=int, default=512)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = torch.Generator().manual_seed(0)
    batch, classes, dim = arguments.batch, arguments.classes, arguments.dim
    x_BE, p_CE = (torch.randn(rows, dim, generator=generator) for rows in (batch, classes))
    label_B = torch.randint(classes, (batch,), generator=generator)
    distances_CC = torch.randint(1, 13, (classes, classes), generator=generator).float()
    distances_CC = (distances_CC + distances_CC.T).fill_diagonal_(0)
    print(
        "| both passes | threads | ms | naive ms | ratio | MB | naive MB | ratio |\n|---|---|---|---|---|---|---|---|"
    )
    own = with_prototypes(lambda x, p: -prototypes.logits(x, p), p_CE)
    naive = with_prototypes(naive_distances, p_CE)
    compare(f"logits + cross-entropy, {batch} × {classes} × {dim}", own, naive, x_BE, label_B, arguments.turns)
    # The square root has no slope at 0, where the naive form stands on its diagonal: torch's norm takes 0 there too.
    size = f"{classes} × {classes} × {dim}"
    compare(f"distortion, {size}", prototypes.distortion, naive_distortion, p_CE, distances_CC, arguments.turns)


if __name__ == "__main__":
    main()
