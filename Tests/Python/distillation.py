#!/usr/bin/env python3
"""Numbers of `DistillationTests`, in float64: python Tests/Python/distillation.py.

A model y = x w learns a teacher t = x v of two samples and three classes.
"""
import numpy as np

x = np.array([[1.0, -0.5], [0.25, 2.0]])
w = np.array([[0.5, -1.0, 0.25], [1.5, 0.0, -0.75]])
v = np.array([[1.0, 0.5, -0.5], [-1.0, 0.25, 2.0]])
labels = np.array([2, 0])


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def kl(w, temperature):
    p, q = softmax(x @ v / temperature), softmax(x @ w / temperature)
    return temperature**2 * (p * (np.log(p) - np.log(q))).sum() / len(x)


def mse(w):
    return ((x @ w - x @ v) ** 2).mean()


def cross_entropy(w):
    return -np.log(softmax(x @ w)[np.arange(2), labels]).mean()


def slope(f):
    """Central differences."""
    gradient = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[index] = 1e-5
        gradient[index] = (f(w + step) - f(w - step)) / 2e-5
    return gradient


for name, loss in {
    "kl, T = 1": lambda w: kl(w, 1),
    "kl, T = 4": lambda w: kl(w, 4),
    "mse": mse,
    "0.5 kl (T = 4) + 0.25 cross entropy": lambda w: 0.5 * kl(w, 4) + 0.25 * cross_entropy(w),
}.items():
    print(name, loss(w))
    print(np.array2string(slope(loss).ravel(), separator=", ", precision=8))
