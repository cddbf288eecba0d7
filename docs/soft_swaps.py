"""Draw docs/soft-swaps.svg: how far a soft sort lies from the true one.

    pip install -e '.[plot]'
    python docs/soft_swaps.py

As in the error analysis of johnhw/differentiable_sorting: vectors of 2 to 512 numbers, uniform between 0 and r, for r
from 2^-5 to 2^10; the root of the mean squared error over 64 vectors, as a share of r.
"""

from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from topkbench.ops import softswap

SIZES = [2**power for power in range(1, 10)]
POWERS = list(range(-5, 11))
TRIALS = 64
RELAXATIONS = {
    "softmax: log(exp a + exp b)": softswap.softmax,
    "smoothmax, α = 1: a σ(a − b) + b σ(b − a)": softswap.smoothmax(),
}


def relative_error(values: Tensor, relaxation: softswap.SoftMaximum, width: float) -> float:
    """The root of the mean squared distance of the soft sort from the true one, over the width of the range."""
    away = softswap.soft_sort(values, relaxation) - values.sort(-1).values
    return float(away.square().mean().sqrt()) / width


def errors(n: int, relaxation: softswap.SoftMaximum) -> list[float]:
    """The relative error for each r, on the same uniform numbers, stretched."""
    uniform = torch.rand(TRIALS, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    return [relative_error(2.0**power * uniform, relaxation, 2.0**power) for power in POWERS]


def main() -> None:
    """Draw it."""
    mpl.rcParams.update({"svg.hashsalt": "soft swaps", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for axis, (title, relaxation) in zip(axes, RELAXATIONS.items(), strict=True):
        for at, n in enumerate(SIZES):
            colour = plt.get_cmap("viridis")(0.95 * at / (len(SIZES) - 1))
            axis.plot(POWERS, errors(n, relaxation), color=colour, label=f"n = {n}", linewidth=1.3)
        axis.axhline(0.1, color="black", linestyle=":", linewidth=1)
        axis.set(title=title, xlabel="inputs uniform in [0, r]", yscale="log", xlim=(POWERS[0], POWERS[-1]))
        axis.set_xticks(POWERS[::3], [f"$2^{{{power}}}$" for power in POWERS[::3]])
        axis.grid(color="0.9", linewidth=0.6)
    axes[0].set_ylabel("RMS error / r")
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True)
    figure.savefig(Path(__file__).with_name("soft-swaps.svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
