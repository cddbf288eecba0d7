"""Hits as trained heads have them, and what tests count by plain loops."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pytest

Hits = Mapping[int, np.ndarray]


@pytest.fixture
def draw() -> Callable[..., list[dict[int, np.ndarray]]]:
    """Heads of configurations that have these seeds, right on most of the same images."""

    def make(rng: np.random.Generator, seeds: Iterable[Iterable[int]], images: int = 60) -> list[dict[int, np.ndarray]]:
        ease = rng.normal(0.3, 1, images)
        return [{seed: ease + 0.4 * rng.normal(size=images) > 0 for seed in of_one} for of_one in seeds]

    return make


def differences(a: Hits, b: Hits) -> np.ndarray:
    """d_si of the seeds in common: [S, N]."""
    return np.array([b[s].astype(int) - a[s].astype(int) for s in sorted(set(a) & set(b))])
