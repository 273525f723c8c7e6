"""How near generated samples are to real ones, by the samples alone. Book §8.3."""

import numpy as np


def nearest_neighbours(generated: np.ndarray, real: np.ndarray) -> float:
    """Return how often a sample's nearest neighbour is of its own kind, in [0, 1]; equally many of both are taken.

    0.5 for samples of one distribution; 1 where the two are apart, and also where one of them has copies of few
    samples. Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests.
    """
    count = min(len(generated), len(real))
    both = np.concatenate([generated[:count], real[:count]])
    squares = np.sum(both**2, axis=1)
    distances = squares[:, None] + squares - 2 * both @ both.T
    np.fill_diagonal(distances, np.inf)
    of_one = np.arange(2 * count) < count
    return float(np.mean(of_one[distances.argmin(axis=1)] == of_one))


def sliced_wasserstein(first: np.ndarray, second: np.ndarray, directions: int = 200, seed: int = 0) -> float:
    """Return the mean over random directions of the Wasserstein distance of the projections; catalogue 8.3-wasserstein.

    In one dimension the distance is that of the sorted samples, of which equally many are taken.
    """
    count = min(len(first), len(second))
    lines = np.random.default_rng(seed).normal(size=(first.shape[1], directions))
    lines /= np.linalg.norm(lines, axis=0)
    one, other = (np.sort(samples[:count] @ lines, axis=0) for samples in (first, second))
    return float(np.mean(np.abs(one - other)))


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½), the Fréchet distance of normal distributions; catalogue 8.3-mode."""
    means = first.mean(axis=0) - second.mean(axis=0)
    one, other = (np.atleast_2d(np.cov(samples.T)) for samples in (first, second))
    roots = np.sqrt(np.maximum(np.linalg.eigvals(one @ other).real, 0.0))
    return float(means @ means + np.trace(one) + np.trace(other) - 2 * roots.sum())


def normal_like(samples: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Return samples of the normal distribution that has the mean and covariance of some: what a model must surpass."""
    covariance = np.atleast_2d(np.cov(samples.T))
    return np.random.default_rng(seed).multivariate_normal(samples.mean(axis=0), covariance, count)


def table(kinds: dict[str, np.ndarray], real: np.ndarray) -> str:
    """Return the three measures of several sets of samples against real ones, as text."""
    lines = [f"{'':24}nearest neighbours  sliced Wasserstein  Fréchet"]
    for name, samples in kinds.items():
        numbers = nearest_neighbours(samples, real), sliced_wasserstein(samples, real), frechet(samples, real)
        lines.append(f"{name:24}{numbers[0]:18.3f}{numbers[1]:20.4f}{numbers[2]:9.3f}")
    return "\n".join(lines)
