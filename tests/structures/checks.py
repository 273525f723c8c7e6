"""What every structure must pass: both modes, complex steps of the value alone, compiled kernels on two backends."""

import numpy as np

import symdl as sd
from symdl.expr.ingest import ingest
from symdl.interpret import evaluate, sample_inputs

STEP = 1e-30  # a complex step has no cancellation


def inputs(*values, sizes=None, seed=0):
    """Return random arrays for everything that the expressions read."""
    return sample_inputs(set().union(*(ingest(value).free_symbols for value in values)), sizes or {}, seed)


def compiled(value, arrays, sizes=None, target="cpu", **options):
    """Return the value of a compiled expression."""
    function = sd.compile(value, target=target, **options)
    known = {str(getattr(name, "name", name)): given for name, given in {**(sizes or {}), **arrays}.items()}
    return function({name: known[name] for name in function.inputs})


def complex_step(f, name, arrays, direction, sizes=None):
    """Return the directional derivative of a scalar by a complex step."""
    moved = np.asarray(arrays[name], dtype=float) + 1j * STEP * direction
    return float(np.imag(evaluate(f, {**arrays, name: moved}, sizes, dtype=np.complex128))) / STEP


def check_value(value, expected, arrays, sizes=None, rtol=1e-12):
    """Assert that the interpreter and both backends give what independent code gives."""
    found = {"interpreted": evaluate(value, arrays, sizes)}
    found |= {target: compiled(value, arrays, sizes, target) for target in ("numpy", "cpu")}
    for name, result in found.items():
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=1e-13, err_msg=name)


def check_gradient(f, *variables, arrays=None, sizes=None, seed=0, rtol=1e-10):
    """Assert that the gradient of ``f`` is right in every way there is to get it; return the expressions.

    Reverse mode interpreted, compiled for NumPy and for the processor agree entry by entry; along random directions
    they agree with forward mode and with complex steps of ``f``.
    """
    arrays = inputs(f, sizes=sizes, seed=seed) if arrays is None else arrays
    gradients = sd.grad(f, list(variables))
    numbers = compiled(list(gradients), arrays, sizes, "numpy")
    others = compiled(list(gradients), arrays, sizes, "cpu")
    rng = np.random.default_rng(seed)
    for variable, gradient, number, other in zip(variables, gradients, numbers, others, strict=True):
        scale = max(1.0, float(np.max(np.abs(number), initial=0.0)))
        plain = evaluate(gradient, arrays, sizes)
        np.testing.assert_allclose(number, plain, rtol=rtol, atol=1e-13 * scale, err_msg=f"numpy, {variable}")
        np.testing.assert_allclose(other, plain, rtol=rtol, atol=1e-13 * scale, err_msg=f"cpu, {variable}")
        for _ in range(3):
            direction = rng.normal(size=np.shape(number))
            slope = float(np.sum(number * direction))
            truth = complex_step(f, variable.name, arrays, direction, sizes)
            bound = rtol * max(1.0, abs(truth), float(np.sum(np.abs(number * direction))))
            assert abs(slope - truth) <= bound, f"{variable}: {slope}, complex step {truth}; {gradient}"
            tangent = sd.tensor("direction", variable.shape) if np.ndim(number) else sd.scalar("direction")
            pushed = evaluate(sd.jvp(f, {variable: tangent}), {**arrays, "direction": direction}, sizes)
            assert abs(float(pushed) - truth) <= bound, f"{variable}: forward mode {pushed}, complex step {truth}"
    return gradients
