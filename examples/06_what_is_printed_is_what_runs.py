"""From one equation to its kernels: the text that is compiled for the CPU, and the plain NumPy that checks it."""

import numpy as np

import symdl as sd

n, m = sd.dims("n m")
W, x, v = sd.matrix("W", n, m), sd.vector("x", n), sd.vector("v", m)
value = v @ sd.tanh(W.T @ x)
gradient = sd.grad(value, W)
print("gradient:", sd.latex(gradient))

kernels = sd.compile([value, gradient])
reference = sd.compile([value, gradient], target="numpy")
print("\nThe kernels for the CPU:\n")
print(kernels.source)
print("The same equations in NumPy:\n")
print(reference.source)

rng = np.random.default_rng(0)
arrays = {"W": rng.normal(size=(6, 4)), "x": rng.normal(size=6), "v": rng.normal(size=4)}
for ours, theirs in zip(kernels(arrays), reference(arrays), strict=True):
    print("largest difference:", abs(ours - theirs).max())
    assert np.allclose(ours, theirs, rtol=1e-13, atol=1e-13)
