"""Every optimizer written out by hand in NumPy, independently of its equations."""

from collections.abc import Callable

import numpy as np

Gradient = Callable[[np.ndarray], np.ndarray]


def gradient_descent(theta, gradient, steps, alpha):
    for t in range(steps):
        theta = theta - alpha(t) * gradient(theta)
    return theta


def momentum(theta, gradient, steps, alpha, beta):
    v = np.zeros_like(theta)
    for t in range(steps):
        v = beta * v + (1 - beta) * gradient(theta)
        theta = theta - alpha(t) * v
    return theta


def nesterov(theta, gradient, steps, alpha, beta):
    v = np.zeros_like(theta)
    for t in range(steps):
        v = beta * v + (1 - beta) * gradient(theta - alpha(t) * beta * v)
        theta = theta - alpha(t) * v
    return theta


def lookahead(theta, gradient, steps, alpha, beta):
    """PyTorch's SGD with nesterov=True, whose buffer is v / (1 - β) and whose rate is (1 - β) α."""
    buffer = None
    for t in range(steps):
        g = gradient(theta)
        buffer = g.copy() if buffer is None else beta * buffer + g
        theta = theta - (1 - beta) * alpha(t) * (g + beta * buffer)
    return theta


def adagrad(theta, gradient, steps, alpha, epsilon):
    s = np.zeros_like(theta)
    for t in range(steps):
        g = gradient(theta)
        s = s + g * g
        theta = theta - alpha(t) * g / (np.sqrt(s) + epsilon)
    return theta


def rmsprop(theta, gradient, steps, alpha, gamma, epsilon):
    s = np.zeros_like(theta)
    for t in range(steps):
        g = gradient(theta)
        s = gamma * s + (1 - gamma) * g * g
        theta = theta - alpha(t) * g / (np.sqrt(s) + epsilon)
    return theta


def adam(theta, gradient, steps, alpha, beta, gamma, epsilon, weight_decay=0.0):
    """In PyTorch's form: α / (1 - β^t) · m / (√v / √(1 - γ^t) + ε), t from 1; the decay as in AdamW."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, steps + 1):
        g = gradient(theta)
        theta = theta * (1 - alpha(t - 1) * weight_decay)
        m, v = beta * m + (1 - beta) * g, gamma * v + (1 - gamma) * g * g
        step = alpha(t - 1) / (1 - beta**t)
        theta = theta - step * m / (np.sqrt(v) / np.sqrt(1 - gamma**t) + epsilon)
    return theta


def adamax(theta, gradient, steps, alpha, beta, gamma, epsilon):
    v, s = np.zeros_like(theta), np.zeros_like(theta)
    for t in range(steps):
        g = gradient(theta)
        v, s = beta * v + (1 - beta) * g, np.maximum(gamma * s, np.abs(g) + epsilon)
        theta = theta - alpha(t) / (1 - beta ** (t + 1)) * v / s
    return theta


def nadam(theta, gradient, steps, alpha, beta, gamma, epsilon):
    v, s = np.zeros_like(theta), np.zeros_like(theta)
    for t in range(steps):
        g = gradient(theta)
        v, s = beta * v + (1 - beta) * g, gamma * s + (1 - gamma) * g * g
        ahead = beta * v / (1 - beta ** (t + 2)) + (1 - beta) * g / (1 - beta ** (t + 1))
        theta = theta - alpha(t) / (np.sqrt(s / (1 - gamma ** (t + 1))) + epsilon) * ahead
    return theta


def adadelta(theta, gradient, steps, alpha, gamma, rho, epsilon):
    s, delta = np.zeros_like(theta), np.zeros_like(theta)
    for t in range(steps):
        g = gradient(theta)
        s = gamma * s + (1 - gamma) * g * g
        d = -(np.sqrt(delta) + epsilon) / (np.sqrt(s) + epsilon) * g
        theta, delta = theta + alpha(t) * d, rho * delta + (1 - rho) * d * d
    return theta


RECURSIONS = {
    "GradientDescent": gradient_descent,
    "SGD": gradient_descent,
    "Momentum": momentum,
    "Nesterov": nesterov,
    "Lookahead": lookahead,
    "Adagrad": adagrad,
    "RMSprop": rmsprop,
    "Adam": adam,
    "AdamW": adam,
    "Adamax": adamax,
    "Nadam": nadam,
    "Adadelta": adadelta,
}


def rosenbrock(theta: np.ndarray) -> np.ndarray:
    """The gradient of (1 - θ1)² + 100 (θ2 - θ1²)², written by hand."""
    a, b = theta
    return np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])
