"""Draw docs/perturbed-optimizers.svg: how the shortest path through a grid learns to take another edge.

    pip install -e '.[plot]'
    python docs/perturbed_optimizers.py

Nine nodes, 3 × 3; paths lead from the upper left to the lower right, to the right or down at every node. An edge's
probability is the share of noisy costs for which the shortest path takes it: `perturbed` makes it differentiable, and
30 steps of gradient ascent on the costs lift that of one edge from 0.09 to 0.99.

Legend: N samples, E edges, P paths.
"""

from itertools import pairwise, permutations
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from topkbench.ops.perturbed import perturbed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 3
SIGMA = 0.05
STEPS = 30
STEP_SIZE = 0.002
LIFTED = (2, 5)
"""The edge whose probability is lifted: from the upper right corner down."""


def steps(path: tuple[str, ...]) -> list[tuple[int, int]]:
    """The edges, as pairs of nodes, of a path of steps `right` and `down`."""
    nodes = [0]
    for step in path:
        nodes.append(nodes[-1] + (1 if step == "right" else SIDE))
    return list(pairwise(nodes))


PATHS = [steps(path) for path in sorted(set(permutations(["right", "down"] * (SIDE - 1))))]
EDGES = sorted({edge for path in PATHS for edge in path})
TAKEN_PE = torch.tensor([[float(edge in path) for edge in EDGES] for path in PATHS])


def shortest_path(costs_NE: Tensor) -> Tensor:
    """1 for the edges of the shortest path, 0 for the others, by trying all six paths."""
    return TAKEN_PE[(costs_NE @ TAKEN_PE.T).argmin(-1)]


def first_costs() -> Tensor:
    """Costs that lead round the upper right corner, where the lifted edge is, in 9 % of the samples."""
    return torch.tensor([0.35 if edge == LIFTED else 0.3 for edge in EDGES])


def ascend(num_samples: int = 1000) -> list[Tensor]:
    """The costs before each step of the ascent, and after the last."""
    edge = EDGES.index(LIFTED)
    probabilities = perturbed(
        shortest_path, num_samples, SIGMA, "normal", batched=False, generator=torch.Generator().manual_seed(0)
    )
    costs_E = first_costs().requires_grad_()
    trail = [costs_E.detach().clone()]
    for _ in range(STEPS):
        (gradient_E,) = torch.autograd.grad(probabilities(costs_E)[edge], costs_E)
        with torch.no_grad():
            costs_E += STEP_SIZE * gradient_E
        trail.append(costs_E.detach().clone())
    return trail


def taken(costs_E: Tensor) -> Tensor:
    """The probability of each edge under these costs, from noise of its own."""
    noise_NE = torch.randn(100_000, len(EDGES), generator=torch.Generator().manual_seed(1))
    return shortest_path(costs_E + SIGMA * noise_NE).mean(0)


def draw(axes: "Axes", costs_E: Tensor, title: str) -> None:
    """The grid, its edges as wide as they are probable, each with its probability."""
    for (start, end), probability in zip(EDGES, taken(costs_E).tolist(), strict=True):
        x, y = (start % SIDE, end % SIDE), (-(start // SIDE), -(end // SIDE))
        colour = "tab:red" if (start, end) == LIFTED else "tab:blue"
        axes.plot(x, y, color="lightgrey", linewidth=1, zorder=0)
        axes.plot(x, y, color=colour, linewidth=10 * probability, solid_capstyle="butt", zorder=1)
        axes.text(
            sum(x) / 2, sum(y) / 2, f"{probability:.2f}", ha="center", va="center", fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )  # fmt: skip
    for node in range(SIDE**2):
        axes.plot(node % SIDE, -(node // SIDE), "o", color="black", markersize=9)
    axes.set(title=title, xlim=(-0.2, SIDE - 0.8), ylim=(0.8 - SIDE, 0.3))
    axes.set_aspect("equal")
    axes.axis("off")


def main() -> None:
    """Climb, and draw the grid before and after."""
    import matplotlib  # noqa: PLC0415 - the climb itself, which the tests repeat, does without
    import matplotlib.pyplot as plt  # noqa: PLC0415

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "topkbench"})
    trail = ascend()
    figure, (before, after) = plt.subplots(1, 2, figsize=(8, 4.4), layout="constrained")
    draw(before, trail[0], "before")
    draw(after, trail[-1], f"after {STEPS} steps")
    figure.savefig(Path(__file__).parent / "perturbed-optimizers.svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
