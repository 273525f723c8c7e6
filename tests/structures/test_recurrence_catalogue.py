"""Gradients of book §7.2 to §7.4: derived by ``sd.grad``, against loops in NumPy that follow the book's formulas."""

import numpy as np

import symdl as sd
from symdl.interpret import evaluate
from symdl.models.recurrent import gru, lstm, rnn
from symdl.ops.cells import Affine, rnn_cell

T, p, m, q = 5, 3, 4, 2
x, y = sd.matrix("x", T, p), sd.matrix("y", T, q)
W_yh, b_y = sd.matrix("W_yh", q, m), sd.vector("b_y", q)
RTOL = 1e-10


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cost_of(h):
    """C = 1/T Σ_t of the cross entropies of ŷ⟨t⟩ = softmax(W_yh h⟨t⟩ + b_y), (7.4) and (7.5)."""
    y_hat = sd.softmax(h @ W_yh.T + sd.broadcast(b_y, (T, q)), axis=1)
    return -sd.sum(sd.hadamard(y, sd.log(y_hat))) / T


def arrays_of(*tensors, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {tensor.name: rng.normal(size=[int(size) for size in tensor.shape]) / 2 for tensor in tensors}
    arrays["y"] = rng.dirichlet(np.ones(q), size=T)  # softmax and its error need targets that sum to 1
    return arrays


def output_errors(arrays, h):
    """Return e⟨t⟩ = (ŷ⟨t⟩ - y⟨t⟩) / T and the gradients of the output layer."""
    e = (softmax(h @ arrays["W_yh"].T + arrays["b_y"]) - arrays["y"]) / T
    return e, {"W_yh": sum(np.outer(e[t], h[t]) for t in range(T)), "b_y": e.sum(axis=0)}


def check(cost, parameters, arrays, expected, target="numpy"):
    """The derived gradient equals the formula's, in the interpreter and compiled."""
    derived = sd.grad(cost, parameters)
    function = sd.compile(list(derived), target=target, dtype="float64")
    compiled = function({name: arrays[name] for name in function.inputs})
    for parameter, gradient, value in zip(parameters, derived, compiled, strict=True):
        wanted = expected[parameter.name]
        np.testing.assert_allclose(evaluate(gradient, arrays), wanted, rtol=RTOL, atol=1e-13, err_msg=parameter.name)
        np.testing.assert_allclose(value, wanted, rtol=RTOL, atol=1e-13, err_msg=f"compiled, {parameter.name}")


def rnn_states(arrays, W, U, b, inputs, order=range(T)):
    """Return h⟨t⟩ and h⟨t-1⟩ (the state before, in the order of computation) of a simple recurrent layer."""
    h, before, state = np.zeros((T, m)), np.zeros((T, m)), np.zeros(m)
    for t in order:
        before[t] = state
        state = h[t] = np.tanh(arrays[W] @ state + arrays[U] @ inputs[t] + arrays[b])
    return h, before


def bptt_formulas(arrays, W, U, b, inputs, h, before, received, order=range(T)):
    """Return the gradients and ∂C/∂inputs, given what each h⟨t⟩ receives from above: 7.2-bptt."""
    following, delta = np.zeros(m), np.zeros((T, m))
    for t in reversed(order):
        zeta = received[t] + arrays[W].T @ following
        following = delta[t] = (1 - h[t] ** 2) * zeta
    gradients = {
        W: sum(np.outer(delta[t], before[t]) for t in order),
        U: sum(np.outer(delta[t], inputs[t]) for t in order),
        b: delta.sum(axis=0),
    }
    return gradients, delta @ arrays[U]


def test_backpropagation_through_time():
    """7.2-bptt."""
    layer = rnn(x, m)
    parameters = [*layer.parameters, W_yh, b_y]
    arrays = arrays_of(x, *parameters)
    names = [parameter.name for parameter in layer.parameters]
    h, before = rnn_states(arrays, *names, arrays["x"])
    e, expected = output_errors(arrays, h)
    gradients, inputs = bptt_formulas(arrays, *names, arrays["x"], h, before, e @ arrays["W_yh"])
    check(cost_of(layer.h), [*parameters, x], arrays, {**expected, **gradients, "x": inputs}, "cpu")


def test_local_derivatives():
    """7.2-local, (7.9) and (7.11)."""
    W, U, b, h, u = sd.matrix("W", m, m), sd.matrix("U", m, p), sd.vector("b", m), sd.vector("h", m), sd.vector("u", p)
    arrays = arrays_of(W, U, b, h, u)
    step = rnn_cell(Affine(W, U, b), u, h)
    slope = 1 - np.tanh(arrays["W"] @ arrays["h"] + arrays["U"] @ arrays["u"] + arrays["b"]) ** 2
    local = evaluate(sd.jacobian(step, W), arrays)
    for j in range(m):
        np.testing.assert_allclose(local[j], slope[j] * np.outer(np.eye(m)[j], arrays["h"]), rtol=RTOL)
    transposed = evaluate(sd.jacobian(step, h), arrays).T
    np.testing.assert_allclose(transposed, arrays["W"].T @ np.diag(slope), rtol=RTOL)


def test_linearised_adjoint():
    """7.2-vanish, (7.12): ζ⟨0⟩ = (W_hhᵀ)^T ζ⟨T⟩ of linear units."""
    W, h0, v = sd.matrix("W", m, m), sd.vector("h0", m), sd.vector("v", m)
    h = sd.recurrence(lambda t, h: W @ h, h0, T, names="h")
    arrays = arrays_of(W, h0, v)
    expected = np.linalg.matrix_power(arrays["W"].T, T) @ arrays["v"]
    check(v.T @ h[T - 1], [h0], arrays, {"h0": expected})


def test_bidirectional():
    """7.3-birnn, (7.14): two sweeps in opposite directions."""
    forward, backward = rnn(x, m, "f"), rnn(x, m, "r", reverse=True)
    V = sd.matrix("W_yr", q, m)
    y_hat = sd.softmax(forward.h @ W_yh.T + backward.h @ V.T + sd.broadcast(b_y, (T, q)), axis=1)
    cost = -sd.sum(sd.hadamard(y, sd.log(y_hat))) / T
    parameters = [*forward.parameters, *backward.parameters, W_yh, V, b_y]
    arrays = arrays_of(x, *parameters)
    orders = {"f": range(T), "r": range(T)[::-1]}
    names = {key: [p.name for p in layer.parameters] for key, layer in (("f", forward), ("r", backward))}
    runs = {key: rnn_states(arrays, *names[key], arrays["x"], order) for key, order in orders.items()}
    above = {"f": "W_yh", "r": "W_yr"}
    z = sum(runs[key][0] @ arrays[above[key]].T for key in orders) + arrays["b_y"]
    e = (softmax(z) - arrays["y"]) / T
    expected = {"b_y": e.sum(axis=0)}
    for key, order in orders.items():
        h, before = runs[key]
        expected[above[key]] = e.T @ h
        received = e @ arrays[above[key]]
        expected |= bptt_formulas(arrays, *names[key], arrays["x"], h, before, received, order)[0]
    check(cost, parameters, arrays, expected)


def test_stacked():
    """7.3-stacked, (7.15): an adjoint receives from the next time and from the layer above."""
    first = rnn(x, m, "1")
    second = rnn(first.h, m, "2")
    parameters = [*first.parameters, *second.parameters, W_yh, b_y]
    arrays = arrays_of(x, *parameters)
    low, high = ([parameter.name for parameter in layer.parameters] for layer in (first, second))
    h1, before1 = rnn_states(arrays, *low, arrays["x"])
    h2, before2 = rnn_states(arrays, *high, h1)
    e, expected = output_errors(arrays, h2)
    upper, received = bptt_formulas(arrays, *high, h1, h2, before2, e @ arrays["W_yh"])
    lower, _ = bptt_formulas(arrays, *low, arrays["x"], h1, before1, received)
    check(cost_of(second.h), parameters, arrays, {**expected, **upper, **lower})


def test_long_short_term_memory():
    """7.3-lstm-back."""
    layer = lstm(x, m)
    parameters = [*layer.parameters, W_yh, b_y]
    arrays = arrays_of(x, *parameters)
    gates = {key: [part.name for part in layer.parameters[3 * k : 3 * k + 3]] for k, key in enumerate("fioc")}

    def affine(key, h, u):
        W, U, b = (arrays[name] for name in gates[key])
        return W @ h + U @ u + b

    h, c, g = np.zeros((T + 1, m)), np.zeros((T + 1, m)), {key: np.zeros((T + 1, m)) for key in "fioc"}
    for t in range(1, T + 1):  # as in the book: times from 1 on, h⟨0⟩ = c⟨0⟩ = 0
        for key in "fio":
            g[key][t] = sigmoid(affine(key, h[t - 1], arrays["x"][t - 1]))
        g["c"][t] = np.tanh(affine("c", h[t - 1], arrays["x"][t - 1]))
        c[t] = g["f"][t] * c[t - 1] + g["i"][t] * g["c"][t]
        h[t] = g["o"][t] * np.tanh(c[t])
    e, expected = output_errors(arrays, h[1:])
    delta, zeta_c, forget = {key: np.zeros((T + 2, m)) for key in "fioc"}, np.zeros(m), np.zeros(m)
    for t in range(T, 0, -1):
        zeta_h = arrays["W_yh"].T @ e[t - 1] + sum(arrays[gates[key][0]].T @ delta[key][t + 1] for key in "fioc")
        zeta_c = zeta_c * forget + zeta_h * g["o"][t] * (1 - np.tanh(c[t]) ** 2)
        forget = g["f"][t]
        delta["f"][t] = zeta_c * c[t - 1] * g["f"][t] * (1 - g["f"][t])
        delta["i"][t] = zeta_c * g["c"][t] * g["i"][t] * (1 - g["i"][t])
        delta["o"][t] = zeta_h * np.tanh(c[t]) * g["o"][t] * (1 - g["o"][t])
        delta["c"][t] = zeta_c * g["i"][t] * (1 - g["c"][t] ** 2)
    for key, (W, U, b) in gates.items():
        expected[W] = sum(np.outer(delta[key][t], h[t - 1]) for t in range(1, T + 1))
        expected[U] = sum(np.outer(delta[key][t], arrays["x"][t - 1]) for t in range(1, T + 1))
        expected[b] = delta[key].sum(axis=0)
    check(cost_of(layer.h), parameters, arrays, expected)


def test_gated_recurrent_unit():
    """7.3-gru-back."""
    layer = gru(x, m)
    parameters = [*layer.parameters, W_yh, b_y]
    arrays = arrays_of(x, *parameters)
    gates = {key: [part.name for part in layer.parameters[3 * k : 3 * k + 3]] for k, key in enumerate("ruh")}

    def affine(key, h, u):
        W, U, b = (arrays[name] for name in gates[key])
        return W @ h + U @ u + b

    h, g = np.zeros((T + 1, m)), {key: np.zeros((T + 1, m)) for key in "ruh"}
    for t in range(1, T + 1):
        before, u = h[t - 1], arrays["x"][t - 1]
        g["r"][t], g["u"][t] = sigmoid(affine("r", before, u)), sigmoid(affine("u", before, u))
        g["h"][t] = np.tanh(affine("h", g["r"][t] * before, u))
        h[t] = (1 - g["u"][t]) * before + g["u"][t] * g["h"][t]
    e, expected = output_errors(arrays, h[1:])
    delta, carried = {key: np.zeros((T + 1, m)) for key in "ruh"}, np.zeros(m)
    for t in range(T, 0, -1):
        zeta, before = arrays["W_yh"].T @ e[t - 1] + carried, h[t - 1]
        delta["h"][t] = zeta * g["u"][t] * (1 - g["h"][t] ** 2)
        delta["u"][t] = zeta * (g["h"][t] - before) * g["u"][t] * (1 - g["u"][t])
        nu = arrays[gates["h"][0]].T @ delta["h"][t]
        delta["r"][t] = nu * before * g["r"][t] * (1 - g["r"][t])
        carried = (1 - g["u"][t]) * zeta + g["r"][t] * nu
        carried = carried + sum(arrays[gates[key][0]].T @ delta[key][t] for key in "ur")
    for key, (W, U, b) in gates.items():
        inner = {t: (g["r"][t] if key == "h" else 1) * h[t - 1] for t in range(1, T + 1)}
        expected[W] = sum(np.outer(delta[key][t], inner[t]) for t in range(1, T + 1))
        expected[U] = sum(np.outer(delta[key][t], arrays["x"][t - 1]) for t in range(1, T + 1))
        expected[b] = delta[key].sum(axis=0)
    check(cost_of(layer.h), parameters, arrays, expected)


def test_scores():
    """7.4-scores: the general score, the additive one, and concatenation as the additive one with [Wᵃ Wᵇ]."""
    z_q, z_k, w = sd.vector("z_q", m), sd.vector("z_k", p), sd.vector("w", q)
    W, A, B, both = sd.matrix("W", m, p), sd.matrix("A", q, m), sd.matrix("B", q, p), sd.matrix("AB", q, m + p)
    arrays = arrays_of(z_q, z_k, w, W, A, B)
    general = {"z_q": arrays["W"] @ arrays["z_k"], "z_k": arrays["W"].T @ arrays["z_q"]}
    general["W"] = np.outer(arrays["z_q"], arrays["z_k"])
    check(z_q.T @ W @ z_k, [z_q, z_k, W], arrays, general)
    a = np.tanh(arrays["A"] @ arrays["z_q"] + arrays["B"] @ arrays["z_k"])
    inner = (1 - a**2) * arrays["w"]
    additive = {"w": a, "z_q": arrays["A"].T @ inner, "z_k": arrays["B"].T @ inner}
    additive |= {"A": np.outer(inner, arrays["z_q"]), "B": np.outer(inner, arrays["z_k"])}
    check(w.T @ sd.tanh(A @ z_q + B @ z_k), [w, z_q, z_k, A, B], arrays, additive)
    arrays["AB"] = np.concatenate([arrays["A"], arrays["B"]], axis=1)
    joined = w.T @ sd.tanh(both @ sd.concat([z_q, z_k]))
    expected = {**additive, "AB": np.concatenate([additive["A"], additive["B"]], axis=1)}
    check(joined, [w, z_q, z_k, both], arrays, expected)


def test_attention_decoder():
    """7.4-decoder, (7.20) to (7.22): scores s⟨t-1⟩ᵀ W_s v⟨τ⟩, and a decoder that reads their mean and y⟨t-1⟩."""
    n, times = 3, 4
    v, y_before = sd.matrix("v", n, p), sd.matrix("y_before", times, q)
    W_s, W_ss, W_sy, W_su = (
        sd.matrix("W_s", m, p),
        sd.matrix("W_ss", m, m),
        sd.matrix("W_sy", m, q),
        sd.matrix("W_su", m, p),
    )

    def step(t, s):
        alpha = sd.softmax(v @ (W_s.T @ s))
        return sd.tanh(W_ss @ s + W_sy @ y_before[t] + W_su @ (v.T @ alpha))

    s0, target = sd.vector("s0", m), sd.matrix("target", times, m)
    s = sd.recurrence(step, s0, times, names="s")
    parameters = [v, W_s, W_ss, W_sy, W_su, s0]
    arrays = arrays_of(y_before, target, *parameters)
    states, alphas, means, before = [], [], [], []
    state = arrays["s0"]
    for t in range(times):
        before.append(state)
        alphas.append(softmax(arrays["v"] @ (arrays["W_s"].T @ state)))
        means.append(arrays["v"].T @ alphas[t])
        z = arrays["W_ss"] @ state + arrays["W_sy"] @ arrays["y_before"][t] + arrays["W_su"] @ means[t]
        state = np.tanh(z)
        states.append(state)
    expected = {parameter.name: np.zeros_like(arrays[parameter.name]) for parameter in parameters}
    carried = np.zeros(m)
    for t in reversed(range(times)):
        delta = (1 - states[t] ** 2) * (2 * (states[t] - arrays["target"][t]) + carried)
        expected["W_ss"] += np.outer(delta, before[t])
        expected["W_sy"] += np.outer(delta, arrays["y_before"][t])
        expected["W_su"] += np.outer(delta, means[t])
        u_bar = arrays["W_su"].T @ delta
        alpha_bar = arrays["v"] @ u_bar
        score_bar = alphas[t] * (alpha_bar - alphas[t] @ alpha_bar)
        query = arrays["W_s"].T @ before[t]
        expected["v"] += np.outer(alphas[t], u_bar) + np.outer(score_bar, query)
        query_bar = arrays["v"].T @ score_bar
        expected["W_s"] += np.outer(before[t], query_bar)
        carried = arrays["W_ss"].T @ delta + arrays["W_s"] @ query_bar
    expected["s0"] = carried
    check(sd.sum(sd.square(s - target)), parameters, arrays, expected)
