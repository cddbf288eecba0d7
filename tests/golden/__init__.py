"""Values of other implementations, computed once and kept in files."""

import json
from pathlib import Path
from typing import Any

import numpy as np

Case = tuple[int, dict[str, Any], np.ndarray, np.ndarray, np.ndarray]


def difftopk_cases() -> list[Case]:
    """Number, options and loss, logits, labels, gradient of the mean loss; difftopk 0.2.0 in float32."""
    with np.load(Path(__file__).parent / "difftopk_public.npz") as cases:
        metas = json.loads(str(cases["meta"]))
        return [(i, meta, cases[f"x{i}"], cases[f"y{i}"], cases[f"g{i}"]) for i, meta in enumerate(metas)]


# difftopk 0.2.0 computes these in float32 as 1 − F where F is almost 1, which loses the digits that −log(q + 1e-7)
# shows, and NeuralSort (121) as a difference of large numbers. Loss of the same code in float64, to which ours must be
# nearer than the published float32 value.
LOST_DIGITS = {
    5: 5.697281323345041,
    18: 6.247268093398883,
    23: 5.221773289316724,
    25: 3.661590862452498,
    28: 3.750609747148549,
    43: 6.82527366000232,
    47: 5.0286451302708,
    61: 3.9552390415951,
    110: 7.32529201794705,
    121: 8.37315989814334,
}


def smooth_topk_cases() -> list[Case]:
    """Number, options, scores, labels, losses and gradient of the mean loss; brute recursion in float64, margin 1."""
    with np.load(Path(__file__).parent / "smooth_topk_public.npz") as cases:
        metas = [{**meta, "loss": cases[f"l{i}"]} for i, meta in enumerate(json.loads(str(cases["meta"])))]
        return [(i, meta, cases[f"x{i}"], cases[f"y{i}"], cases[f"g{i}"]) for i, meta in enumerate(metas)]


# Of case 6 (7 of 8 classes, scores of a thousand) every loss is below 1e-44, and the gradients that are given are all
# above 0, which those of a loss that a shift of all scores leaves as it is cannot be. With k = n − 1 there is a closed
# form, e_k / e_{k−1} = 1 / Σ exp(−x), whose gradient ours must be.
NO_GRADIENT = 6
