"""Relaxed comparators: the truth of a < b as a distribution function of b − a (Petersen et al. 2021, 2022, 2022b)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import pi, sqrt

import torch
from torch import Tensor

from topkbench.ops.options import require_one_of, require_positive

DISTRIBUTIONS = ("logistic", "logistic_phi", "gaussian", "reciprocal", "cauchy", "optimal")
_TIE = 1e-6  # the gap at which the slope of logistic_phi is cut off
_GUARD = 1e-10  # difftopk's, which keeps 0 / 0 away


@dataclass(frozen=True)
class Relaxation:
    """A distribution function F(d) of a gap d, symmetric: 1 − F(d) = F(−d).

    With v = β d it is

    - logistic: 1 / (1 + exp(−v)).
    - logistic_phi: logistic of v / |d|^λ, the activation replacement trick (Petersen et al. 2021, eq. 7).
    - gaussian: ½ erfc(−v / √2), the normal distribution function.
    - cauchy: arctan(v) / π + ½.
    - reciprocal: ½ (v / (2 + |v|) + 1).
    - optimal: ½ + v for |v| ≤ ¼, else 1 − 1 / (16 v) above and −1 / (16 v) below (Petersen et al. 2022b).

    Attributes:
        distribution: one of `DISTRIBUTIONS`.
        inverse_temperature: β > 0; the larger, the harder.
        art_lambda: λ in [0, 1) of logistic_phi; others do not use it.

    Raises:
        ValueError: an unknown distribution, β ≤ 0, or λ outside [0, 1).

    >>> Relaxation("reciprocal").share(torch.tensor([0.0, 2.0]))
    tensor([0.5000, 0.7500])
    """

    distribution: str = "logistic_phi"
    inverse_temperature: float = 1.0
    art_lambda: float = 0.5

    def __post_init__(self) -> None:
        require_one_of(self.distribution, DISTRIBUTIONS, "distribution")
        require_positive(self.inverse_temperature, "inverse_temperature")
        if not 0 <= self.art_lambda < 1:
            raise ValueError(f"art_lambda = {self.art_lambda} is not in [0, 1)")

    def share(self, gap: Tensor) -> Tensor:
        """F(gap), of any shape; where it is small it keeps its digits."""
        return _CDF[self.distribution](self._steepness(gap) * gap)

    def slope(self, gap: Tensor) -> Tensor:
        """F′(gap). That of logistic_phi has no bound at a tie; it is cut off at its value at |gap| = 1e-6."""
        slope = self._exact_slope(gap)
        return slope.clamp_(max=_slope_at_a_tie(self)) if self.distribution == "logistic_phi" else slope

    def _exact_slope(self, gap: Tensor) -> Tensor:
        steepness = self._steepness(gap)
        slope = _DENSITY[self.distribution](gap * steepness).mul_(steepness)
        if self.distribution == "logistic_phi":  # 1 − λ |d| / (|d| + guard)
            guarded = gap.abs().add_(_GUARD)
            slope.mul_(guarded.reciprocal_().mul_(self.art_lambda * _GUARD).add_(1 - self.art_lambda))
        return slope

    def _steepness(self, gap: Tensor) -> Tensor | float:
        """The argument of the distribution function, over the gap."""
        if self.distribution != "logistic_phi":
            return self.inverse_temperature
        steepness = gap.abs().add_(_GUARD).pow_(-self.art_lambda)
        return steepness if self.inverse_temperature == 1 else steepness.mul_(self.inverse_temperature)


@lru_cache
def _slope_at_a_tie(relaxation: Relaxation) -> float:
    return float(relaxation._exact_slope(torch.tensor(_TIE, dtype=torch.float64)))


def _from_tail(v: Tensor, tail: Tensor) -> Tensor:
    """F out of F(−|v|), which as 1 − F(|v|) would lose its digits."""
    return torch.where(v < 0, tail, 1 - tail)


def _optimal(v: Tensor) -> Tensor:
    size = v.abs()
    return _from_tail(v, torch.where(size <= 0.25, 0.5 - size, 1 / (16 * size.clamp_min(0.25))))


def _logistic_density(v: Tensor) -> Tensor:
    tail = v.abs().neg_().sigmoid_()
    return torch.addcmul(tail, tail, tail, value=-1)  # tail (1 − tail)


_CDF: dict[str, Callable[[Tensor], Tensor]] = {
    "logistic": torch.sigmoid,
    "logistic_phi": torch.sigmoid,
    "gaussian": lambda v: 0.5 * torch.erfc(-v / sqrt(2)),
    "cauchy": lambda v: torch.atan2(torch.ones_like(v), -v) / pi,
    "reciprocal": lambda v: _from_tail(v, 1 / (2 + v.abs())),
    "optimal": _optimal,
}

_DENSITY: dict[str, Callable[[Tensor], Tensor]] = {
    "logistic": _logistic_density,
    "logistic_phi": _logistic_density,
    "gaussian": lambda v: torch.exp(-v.square() / 2) / sqrt(2 * pi),
    "cauchy": lambda v: 1 / (pi * (1 + v.square())),
    "reciprocal": lambda v: 1 / (2 + v.abs()).square(),
    "optimal": lambda v: 1 / (4 * v.abs().clamp_min(0.25)).square(),
}
