"""Options that the methods with perturbed scores share, checked."""

from topkbench.ops.perturbed import NOISES, perturbed


def require_sampling(num_samples: int, sigma: float, perturbation: str) -> None:
    """Refuse noise that cannot be drawn.

    Raises:
        ValueError: an unknown perturbation, no samples, or a σ that is not positive.
    """
    if perturbation not in NOISES:
        raise ValueError(f"unknown perturbation {perturbation!r}; one of {', '.join(NOISES)}")
    perturbed(None, num_samples, sigma, perturbation)
