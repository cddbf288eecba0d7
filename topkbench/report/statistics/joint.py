"""How many images two configurations get right together: all that paired claims about methods follow from.

Legend: M configurations, S seeds, N images; "..." is any shape of pairs (a, b) of configurations. hit_a,si is 1 where
a's head of seed s is right on image i, else 0, and d_si = hit_b,si − hit_a,si.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

from topkbench.report.statistics.claim import Floats

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Hits = Mapping[int, Bools]
"""Which images [N] a configuration's head of each seed gets right."""

_BLOCK = 2**14  # images at a time: keeps memory small, and float32 counts exact, which they are below 2^24


@dataclass(frozen=True)
class Joint:
    """Counts over images of pairs (a, b), and of the seeds that both have; zero for the seeds that either lacks.

    Attributes:
        n_images: N.
        common: [S, ...], whether both have seed s.
        only_a: [S, ...], how many images a alone gets right with seed s.
        only_b: [S, ...], how many b alone.
        image_squares: [...], Σ_i (Σ_s d_si)².
    """

    n_images: int
    common: Bools
    only_a: Ints
    only_b: Ints
    image_squares: Ints

    @property
    def n_seeds(self) -> Ints:
        """How many seeds both have: [...]."""
        return np.asarray(self.common.sum(0))

    @property
    def seed_sums(self) -> Ints:
        """Σ_i d_si: [S, ...]."""
        return self.only_b - self.only_a

    @property
    def squares(self) -> Ints:
        """Σ_si d_si²: [...]."""
        return np.asarray((self.only_a + self.only_b).sum(0))

    @property
    def differences(self) -> Floats:
        """By how much b's accuracy is above a's with each seed, NaN where either lacks it: [S, ...]."""
        return np.where(self.common, self.seed_sums / self.n_images, np.nan)

    def of(self, a: Any, b: Any) -> "Joint":
        """The same of some pairs: a and b index the two axes of all M × M."""
        only_a, only_b = self.only_a[:, a, b], self.only_b[:, a, b]
        return Joint(self.n_images, self.common[:, a, b], only_a, only_b, self.image_squares[a, b])


def joint(hits_MSN: Sequence[Hits]) -> Joint:
    """Count every pair of configurations, [M, M], through matrix products: [M, N] × [N, M] for every two seeds.

    Of seeds s and t, G[a, b] = Σ_i hit_a,si hit_b,ti gives Σ_i d_si d_ti = G[a, a] + G[b, b] − G[a, b] − G[b, a], whose
    sum over s and t is Σ_i (Σ_s d_si)²; of s = t, G[b, b] − G[a, b] is what b alone gets right.

    Raises:
        ValueError: a configuration without heads, or heads of different numbers of images, or of none.

    >>> counts = joint([{0: np.array([True, True, False])}, {0: np.array([False, True, True]), 1: np.ones(3, bool)}])
    >>> counts.only_b[0].tolist(), counts.image_squares.tolist()
    ([[0, 1], [1, 0]], [[0, 2], [2, 0]])
    """
    n_images = _images(hits_MSN)
    seeds = sorted({seed for hits in hits_MSN for seed in hits})
    has_SM = np.array([[seed in hits for hits in hits_MSN] for seed in seeds])
    common = has_SM[:, :, None] & has_SM[:, None, :]
    only_b, image_squares = np.zeros(common.shape, np.int64), np.zeros(common.shape[1:], np.int64)
    for start in range(0, n_images, _BLOCK):
        block_SMN = _block(hits_MSN, seeds, slice(start, min(start + _BLOCK, n_images)))
        for s, t in combinations_with_replacement(range(len(seeds)), 2):
            right = (block_SMN[s] @ block_SMN[t].T).astype(np.int64)
            alone = common[s] * common[t] * (right.diagonal() - right)
            image_squares += (1 if s == t else 2) * (alone + alone.T)
            if s == t:
                only_b[s] += alone
    return Joint(n_images, common, only_b.transpose(0, 2, 1), only_b, image_squares)


def _images(hits_MSN: Sequence[Hits]) -> int:
    """The number of images, of which all heads must have the same."""
    if not all(hits_MSN):
        raise ValueError("a configuration has no heads; leave it out")
    numbers = sorted({len(hits_N) for hits in hits_MSN for hits_N in hits.values()})
    if len(numbers) != 1 or not numbers[0]:
        raise ValueError(f"heads are of {numbers} images; all must be of the same, and of at least one")
    return numbers[0]


def _block(hits_MSN: Sequence[Hits], seeds: Sequence[int], images: slice) -> npt.NDArray[np.float32]:
    """Some images' hits as numbers, [S, M, images]; zeros for a head that there is not."""
    block = np.zeros((len(seeds), len(hits_MSN), images.stop - images.start), np.float32)
    for s, seed in enumerate(seeds):
        for m, hits in enumerate(hits_MSN):
            if seed in hits:
                block[s, m] = hits[seed][images]
    return block
