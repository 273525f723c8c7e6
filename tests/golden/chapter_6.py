r"""Book chapter 6, convolutional networks: what its formulas are, as (result, expected print, value in NumPy)."""

import sympy
from sympy import Sum

import symdl as sd

n, p, m, K, c, h, w, o, k, l = sd.dims("n p m K c h w o k l")
i, j, r, s, t = sympy.symbols("i j r s t", integer=True)
line, taps = sd.vector("x", n), sd.vector("w", k)
picture, kernel = sd.matrix("x", h, w), sd.matrix("W", k, l)
image, kernels, b = sd.tensor("x", (c, h, w)), sd.tensor("W", (o, c, k, l)), sd.vector("b", o)
squares, overlapping = sd.tensor("x", (3, 8, 8)), sd.tensor("x", (3, 7, 7))
delta = sd.vector("delta", c)


def slope(value, variable):
    """Return the gradient of Σ δ ⊙ value: what a layer makes of the adjoint δ that it receives."""
    return sd.grad(sd.sum(sd.hadamard(sd.tensor("delta", value.shape), value)), variable)


def along(index):
    """Return Σ_k w_k x_{...} at each place of a result as long as places for the kernel are."""
    return sd.array(Sum(taps[index(r)] * line[t + r], (r, 0, k - 1)), (t, n - k + 1))


def across(row, column):
    """The same in the plane."""
    window = kernel[row(r), column(s)] * picture[i + r, j + s]
    return sd.array(Sum(window, (r, 0, k - 1), (s, 0, l - 1)), (i, h - k + 1), (j, w - l + 1))


def layer():
    """One convolutional layer before its activation: W_(c) ⋆ x + b_(c)."""
    z = sd.conv2d(image, kernels)
    return z + sd.array(b[i], (i, o), (r, z.shape[1]), (s, z.shape[2]))


# 6.4: four channels of p places in two groups, and each by itself
channels, scale, shift = sd.matrix("x", 4, p), sd.vector("gamma", 4), sd.vector("beta", 4)
epsilon, received = sd.scalar("epsilon", positive=True), sd.matrix("delta", 4, p)
single = sd.named("x_bar", sd.group_norm(channels, 4, epsilon=epsilon), latex=r"\bar{x}")
PAIRS = (
    "(lambda z: ((z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + epsilon)).reshape(4, -1))("
    "x.reshape(2, -1))"
)
SINGLE = "(x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + epsilon)"
pointwise = sd.conv2d(image, sd.tensor("W", (o, c, 1, 1)))
spread = sd.conv_transpose2d(sd.tensor("x", (3, 4, 5)), sd.tensor("K", (3, 2, 3, 3)), stride=2)
volume, cubes = sd.tensor("x", (2, 5, 6, 7)), sd.tensor("K", (3, 2, 2, 3, 3))

# 6.5: a residual block with r(u) = W^[2] tanh(W^[1] u), squeeze and excite, what a prediction looks at.
u, zeta = sd.vector("u", n), sd.vector("zeta", n)
V1, V2 = sd.matrix("V1", m, n, latex="W^{[1]}"), sd.matrix("V2", n, m, latex="W^{[2]}")
branch = V2 @ sd.tanh(V1 @ u)
outer = sd.named("s", u + branch)
S1, S2 = sd.matrix("S1", m, c, latex="W_1"), sd.matrix("S2", c, m, latex="W_2")
excited = sd.named("g", sd.sigmoid(S2 @ sd.relu(S1 @ sd.named("mean", sd.mean(image, axis=(1, 2)), latex=r"\bar{x}"))))
scaled = sd.array(excited[i] * image[i, r, s], (i, c), (r, h), (s, w))
point = sd.vector("x", p)
U1, U2 = sd.matrix("U1", m, p, latex="W^{[1]}"), sd.matrix("U2", K, m, latex="W^{[2]}")
scores = U2 @ sd.tanh(U1 @ point)
maps, head = sd.tensor("A", (c, h, w)), sd.matrix("V", K, c)
averaged = head @ sd.mean(maps, axis=(1, 2))
importance = sd.named("importance", sd.mean(sd.grad(averaged[2], maps), axis=(1, 2)), latex=r"\bar{\alpha}")

# 6.6: a box and its prediction, cells of a grid, pictures with a class in every place, embeddings.
box, box_hat = sd.vector("b", 4), sd.vector("b_hat", 4, latex=r"\hat{b}")
there, score, lam = sd.scalar("p"), sd.scalar("s"), sd.scalar("lam", positive=True, latex=r"\lambda")
kind, kinds = sd.vector("c", K, one_hot=True), sd.vector("z", K)
inside = lam * sd.norm(box - box_hat) ** 2 + sd.losses.cross_entropy_logits(kind, kinds)
localised = sd.softplus(score) - there * score + sd.where(sympy.Eq(there, 1), inside, 0)
left, top, right, bottom = (sd.scalar(name) for name in ("l0", "t0", "r0", "b0"))
own = [sd.scalar(name, latex=rf"\hat{{{name[0]}}}") for name in ("l1", "t1", "r1", "b1")]
across_both = sd.named("I_h", sd.maximum(0, sd.minimum(own[2], right) - sd.maximum(own[0], left)))
down_both = sd.named("I_v", sd.maximum(0, sd.minimum(own[3], bottom) - sd.maximum(own[1], top)))
shared = sd.named("I", across_both * down_both)
union = sd.named("U", (own[2] - own[0]) * (own[3] - own[1]) + (right - left) * (bottom - top) - shared)
hull = sd.named(
    "C", (sd.maximum(own[2], right) - sd.minimum(own[0], left)) * (sd.maximum(own[3], bottom) - sd.minimum(own[1], top))
)
OVERLAP = (  # intersection, union, the height of the intersection, whether it grows with the right edge
    "(lambda u, v: (u * v, (r1 - l1) * (b1 - t1) + (r0 - l0) * (b0 - t0) - u * v, v, u > 0 and r1 < r0))"
    "(max(0, min(r1, r0) - max(l1, l0)), max(0, min(b1, b0) - max(t1, t0)))"
)
B, g = sd.dims("B g")
objects, found = sd.matrix("o", g, B), sd.named("p_hat", sd.sigmoid(sd.matrix("s", g, B)), latex=r"\hat{p}")
boxes, boxes_hat = sd.tensor("b", (g, B, 4)), sd.tensor("b_hat", (g, B, 4), latex=r"\hat{b}")
classes, classes_hat = sd.matrix("c", g, K), sd.matrix("c_hat", g, K, latex=r"\hat{c}")
held = sd.vector("held", g, latex=r"\mathbf{1}_{\text{obj}}")
coordinates, empty = (sd.scalar(name, latex=rf"\lambda_{{\text{{{name}}}}}") for name in ("coord", "noobj"))
cells = (
    coordinates * sd.sum(sd.hadamard(objects, sd.sum(sd.square(boxes - boxes_hat), axis=2)))
    + sd.sum(sd.hadamard(objects, sd.square(1 - found)))
    + empty * sd.sum(sd.hadamard(1 - objects, sd.square(found)))
    + sd.sum(sd.hadamard(held, sd.sum(sd.square(classes - classes_hat), axis=1)))
)
field, truth = sd.tensor("z", (h, w, K)), sd.tensor("y", (h, w, K), one_hot=True)
labelled = sd.named("y_hat", sd.softmax(field, axis=2), latex=r"\hat{y}")
area, area_hat = sd.matrix("y", h, w), sd.matrix("y_hat", h, w, latex=r"\hat{y}")
dice = 1 - 2 * sd.sum(sd.hadamard(area, area_hat)) / (sd.sum(area) + sd.sum(area_hat))
f, other, margin, same = (
    sd.vector("f", n),
    sd.vector("f2", n, latex="f'"),
    sd.scalar("m", positive=True),
    sd.scalar("y"),
)
distance = sd.named("d", sd.norm(f - other))
pair = same * distance**2 + (1 - same) * sd.maximum(0, margin - distance) ** 2
theta, first, second = sd.matrix("theta", n, p), sd.vector("x", p), sd.vector("x2", p, latex="x'")
f_a, f_p, f_n = (sd.vector(f"f_{name}", n) for name in "apn")
active = r"2\mathbf{1}\{\lVert f_{a}-f_{p}\rVert^{2}+m-\lVert f_{a}-f_{n}\rVert^{2}>0\}"
ACTIVE = "2 * (norm(f_a - f_p) ** 2 - norm(f_a - f_n) ** 2 + m > 0)"
unit = sd.named("u_hat", u / sd.norm(u), latex=r"\hat{u}")

FULL, ROT = r"\operatorname{corr}_{\mathrm{full}}", r"\operatorname{rot}_{180}"
HALF = r"\lceil\frac{%s}{2}\rceil"
ROWS = {
    "6.2-conv1d": (lambda: along(lambda r: r), r"\operatorname{corr}(w,x)", "np.correlate(x, w, 'valid')"),
    "6.2-conv1d, by x": (lambda: slope(along(lambda r: r), line), rf"{FULL}(\operatorname{{flip}}w,\delta)",
                         "np.convolve(delta, w)"),
    "6.2-conv1d, by w": (lambda: slope(along(lambda r: r), taps), r"\operatorname{corr}(\delta,x)",
                         "np.correlate(x, delta, 'valid')"),
    "6.2-conv1d, true": (lambda: along(lambda r: k - 1 - r), r"w\star x", "np.convolve(x, w, 'valid')"),
    "6.2-conv1d, true, by x": (lambda: slope(along(lambda r: k - 1 - r), line), rf"{FULL}(w,\delta)",
                               "np.convolve(delta, w[::-1])"),
    "6.2-conv1d, true, by w": (lambda: slope(along(lambda r: k - 1 - r), taps), r"[x_{j+k-i}]_{ij}\delta",
                               "np.correlate(x, delta, 'valid')[::-1]"),
    "6.2-conv1d, Toeplitz": (lambda: sd.jacobian(along(lambda r: r), line),
                             r"[\begin{cases}w_{j+1-i}&\text{if }0\leq j-i<k\\0&\text{otherwise}\end{cases}]_{ij}",
                             "np.array([[w[b - a] if 0 <= b - a < k else 0 for b in range(n)] for a in range(n - k + "
                             "1)])"),
    "6.2-conv": (lambda: across(lambda r: r, lambda s: s), r"\operatorname{corr}(W,x)",
                 "corr(W, x, (h - k + 1, w - l + 1))"),
    "6.2-conv, flipped": (lambda: across(lambda r: k - 1 - r, lambda s: l - 1 - s), r"W\star x",
                          "corr(W[::-1, ::-1], x, (h - k + 1, w - l + 1))"),
    "6.3-conv-back, by x": (lambda: slope(layer(), image), rf"[\sum_{{j=1}}^{{o}}{FULL}({ROT}W_{{ji}},\delta_{{j}})]"
                                                           rf"_{{i}}",
                            "np.array([sum(corr(W[a, e, ::-1, ::-1], delta[a], (h, w), p=np.array((k, l)) - 1)"
                            " for a in range(o)) for e in range(c)])"),
    "6.3-conv-back, by W": (lambda: slope(layer(), kernels), r"[\operatorname{corr}(\delta_{i},x_{j})]_{ij}",
                            "np.array([[corr(delta[a], x[e], (k, l)) for e in range(c)] for a in range(o)])"),
    "6.3-conv-back, by b": (lambda: slope(layer(), b),
                            r"[\sum_{j=1}^{h+1-k}\sum_{m=1}^{w+1-l}\delta_{ijm}]_{i}", "delta.sum((1, 2))"),
    "6.3-1x1": (lambda: pointwise, r"[\sum_{l=1}^{c}W_{il}x_{ljk}]_{ijk}", "np.einsum('oc,chw->ohw', W[:, :, 0, 0], "
                                                                           "x)"),
    "6.3-1x1, by x": (lambda: slope(pointwise, image), r"[\sum_{l=1}^{o}W_{li}\delta_{ljk}]_{ijk}",
                      "np.einsum('oc,ohw->chw', W[:, :, 0, 0], delta)"),
    "6.3-transposed": (lambda: spread, rf"[\sum_{{j=1}}^{{3}}{FULL}({ROT}K_{{ji}},\mathord{{\uparrow}}_{{2}}x_{{j}})]"
                                       rf"_{{i}}",
                       "np.array([sum(corr(K[e, a, ::-1, ::-1], up(x[e], 2), (9, 11), p=2) for e in range(3))"
                       " for a in range(2)])"),
    "6.3-transposed, by x": (lambda: slope(spread, sd.tensor("x", (3, 4, 5))),
                             r"[\sum_{j=1}^{2}\operatorname{corr}_{s=2}(K_{ij},\delta_{j})]_{i}",
                             "np.array([sum(corr(K[e, a], delta[a], (4, 5), s=2) for a in range(2)) for e in range(3)]"
                             ")"),
    "6.3-transposed, by K: x and δ in each other's roles": (
        lambda: slope(spread, sd.tensor("K", (3, 2, 3, 3))), r"[\operatorname{corr}_{d=2}(x_{i},\delta_{j})]_{ij}",
        "np.array([[corr(x[e], delta[a], (3, 3), d=2) for a in range(2)] for e in range(3)])"),
    "6.3-conv3d": (lambda: sd.conv3d(volume, cubes), r"[\sum_{j=1}^{2}\operatorname{corr}(K_{ij},x_{j})]_{i}",
                   "np.array([sum(corr(K[a, e], x[e], (4, 4, 5)) for e in range(2)) for a in range(3)])"),
    "6.3-conv3d, by x": (lambda: slope(sd.conv3d(volume, cubes), volume),
                         rf"[\sum_{{j=1}}^{{3}}{FULL}(\operatorname{{flip}}K_{{ji}},\delta_{{j}})]_{{i}}",
                         "np.array([sum(corr(K[a, e, ::-1, ::-1, ::-1], delta[a], (5, 6, 7), p=np.array((1, 2, 2)))"
                         " for a in range(3)) for e in range(2)])"),
    "6.3-conv3d, by K": (lambda: slope(sd.conv3d(volume, cubes), cubes), r"[\operatorname{corr}(\delta_{i},x_{j})]"
                                                                         r"_{ij}",
                         "np.array([[corr(delta[a], x[e], (2, 3, 3)) for e in range(2)] for a in range(3)])"),
    "6.4-maxpool": (lambda: sd.max_pool(squares, 2), r"[\max_{1\leq l,m\leq 2}x_{i,l+2j-2,m+2k-2}]_{ijk}",
                    "x.reshape(3, 4, 2, 4, 2).max((2, 4))"),
    "6.4-maxpool, by x": (lambda: slope(sd.max_pool(squares, 2), squares),
                          rf"[\delta_{{i,{HALF % 'j'},{HALF % 'k'}}}\mathbf{{1}}\{{(1+((j-1)\bmod 2),1+((k-1)\bmod 2))="
                          rf"\arg\max_{{1\leq l,m\leq 2}}x_{{i,2{HALF % 'j'}+l-2,2{HALF % 'k'}+m-2}}\}}]_{{ijk}}",
                          "np.kron(delta, np.ones((1, 2, 2))) * (x == np.kron(x.reshape(3, 4, 2, 4, 2).max((2, 4)),"
                          " np.ones((1, 2, 2))))"),
    "6.4-avgpool": (lambda: sd.avg_pool(squares, 2),
                    r"[\frac{1}{4}\sum_{l=1}^{2}\sum_{m=1}^{2}x_{i,l+2j-2,m+2k-2}]_{ijk}",
                    "x.reshape(3, 4, 2, 4, 2).mean((2, 4))"),
    "6.4-avgpool, by x": (lambda: slope(sd.avg_pool(squares, 2), squares),
                          rf"[\frac{{1}}{{4}}\delta_{{i,{HALF % 'j'},{HALF % 'k'}}}]_{{ijk}}",
                          "np.kron(delta, np.ones((1, 2, 2))) / 4"),
    "6.4-avgpool, windows that overlap, by x": (
        lambda: slope(sd.avg_pool(overlapping, 3, 2), overlapping),
        rf"\frac{{1}}{{9}}[{FULL}(\mathbf{{1}}_{{3\times 3}},\mathord{{\uparrow}}_{{2}}\delta_{{i}})]_{{i}}",
        "np.array([corr(np.ones((3, 3)), up(e, 2), (7, 7), p=2) for e in delta]) / 9"),
    "6.4-avgpool, global": (lambda: sd.mean(image, axis=(1, 2)),
                            r"[\frac{1}{hw}\sum_{j=1}^{h}\sum_{k=1}^{w}x_{ijk}]_{i}", "x.mean((1, 2))"),
    "6.4-avgpool, global, by x": (lambda: sd.grad(delta @ sd.mean(image, axis=(1, 2)), image),
                                  r"[\frac{\delta_{i}}{hw}]_{ijk}",
                                  "np.broadcast_to(delta[:, None, None] / (h * w), (c, h, w))"),
    "6.4-gn, two groups": (
        lambda: sd.group_norm(channels, 2, scale, shift, epsilon=epsilon),
        r"\beta\mathbf{1}^{\top}+\operatorname{diag}(\gamma)[\operatorname{norm}([x_{j+2i-2,k}]_{ijk})"
        rf"_{{{HALF % 'i'},1+((i-1)\bmod 2),j}}]_{{ij}}",
        f"gamma[:, None] * {PAIRS} + beta[:, None]"),
    "6.4-gn, instance norm, by x": (
        lambda: sd.grad(sd.sum(sd.hadamard(received, single)), channels),
        r"\operatorname{diag}(\sqrt{\frac{1}{p}(x-\frac{1}{p}x\mathbf{1}\mathbf{1}^{\top})^{\odot 2}\mathbf{1}+"
        r"\epsilon})^{-1}(\delta-\frac{1}{p}\delta\mathbf{1}\mathbf{1}^{\top}-\frac{1}{p}\operatorname{diag}("
        r"(\bar{x}\odot\delta)\mathbf{1})\bar{x})",
        f"(lambda b: (delta - delta.mean(1, keepdims=True) - b * (delta * b).mean(1, keepdims=True)) "
        f"/ np.sqrt(x.var(1, keepdims=True) + epsilon))({SINGLE})"),
    "6.5-inception, the part of δ for a branch": (
        lambda: slope(sd.concat([sd.tensor("x1", (2, h, w)), sd.tensor("x2", (3, h, w))]), sd.tensor("x2", (3, h, w))),
        r"[\delta_{i+2,j,k}]_{ijk}", "delta[2:]"),
    "6.5-resnet": (lambda: sd.jacobian(u + branch, u),
                   r"W^{[2]}\operatorname{diag}(1-\tanh^{2}(W^{[1]}u))W^{[1]}+I",
                   "eye(n) + V2 @ diag(1 - np.tanh(V1 @ u) ** 2) @ V1"),
    "6.5-resnet, behind σ": (
        lambda: sd.jacobian(sd.relu(outer), u),
        r"\operatorname{diag}(\mathbf{1}\{s\geq 0\})(W^{[2]}\operatorname{diag}(1-\tanh^{2}(W^{[1]}u))W^{[1]}+I)",
        "diag(1.0 * (u + V2 @ np.tanh(V1 @ u) >= 0)) @ (eye(n) + V2 @ diag(1 - np.tanh(V1 @ u) ** 2) @ V1)"),
    "6.5-resnet, adjoint": (lambda: sd.grad(zeta @ (u + branch), u),
                            r"W^{[1]\top}((1-\tanh^{2}(W^{[1]}u))\odot W^{[2]\top}\zeta)+\zeta",
                            "(eye(n) + V2 @ diag(1 - np.tanh(V1 @ u) ** 2) @ V1).T @ zeta"),
    "6.5-SE, by x": (
        lambda: slope(scaled, image), r"[\delta_{ijk}g_{i}+\frac{\bar{\bar{x}}_{i}}{hw}]_{ijk}",
        "(lambda a: (lambda g: delta * g[:, None, None] + (S1.T @ ((a >= 0) * (S2.T @ (g * (1 - g)"
        " * (delta * x).sum((1, 2))))))[:, None, None] / (h * w))(sig(S2 @ np.maximum(a, 0))))(S1 @ x.mean((1, 2)))"),
    "6.5-saliency": (lambda: sd.grad(scores[2], point),
                     r"W^{[1]\top}((W^{[2]}_{3,:})^{\top}\odot(1-\tanh^{2}(W^{[1]}x)))",
                     "U1.T @ ((1 - np.tanh(U1 @ x) ** 2) * U2[2])"),
    "6.5-saliency, of a probability": (
        lambda: sd.grad(sd.named("y_hat", sd.softmax(scores), latex=r"\hat{y}")[2], point),
        r"\hat{y}_{3}W^{[1]\top}((1-\tanh^{2}(W^{[1]}x))\odot((W^{[2]}_{3,:})^{\top}-W^{[2]\top}\hat{y}))",
        "(lambda q: U1.T @ ((1 - np.tanh(U1 @ x) ** 2) * (q[2] * U2.T @ (eye(K)[2] - q))))(soft(U2 @ np.tanh(U1 @ x))"
        ")"),
    "6.5-saliency, Grad-CAM's weights": (lambda: sd.mean(sd.grad(averaged[2], maps), axis=(1, 2)),
                                         r"\frac{1}{hw}V_{3,:}^{\top}", "V[2] / (h * w)"),
    "6.5-saliency, Grad-CAM": (
        lambda: sd.relu(sd.array(Sum(importance[i] * maps[i, r, s], (i, 0, c - 1)), (r, h), (s, w))),
        r"\sigma_{\text{ReLU}}([\sum_{k=1}^{c}A_{kij}\bar{\alpha}_{k}]_{ij})",
        "np.maximum(np.einsum('c,chw->hw', V[2] / (h * w), A), 0)"),
    "6.6-localisation": (
        lambda: localised,
        r"\operatorname{softplus}(s)+\mathbf{1}\{p=1\}(\log(\mathbf{1}^{\top}e^{z})+\lambda\lVert b-\hat{b}\rVert^{2}"
        r"-c^{\top}z)-ps",
        "softplus(s) - p * s + (p == 1) * (lam * norm(b - b_hat) ** 2 + np.log(np.exp(z).sum()) - c @ z)"),
    "6.6-localisation, by s": (lambda: sd.grad(localised, score), r"\sigma_{\text{Sig}}(s)-p", "sig(s) - p"),
    "6.6-localisation, by the box": (lambda: sd.grad(localised, box_hat),
                                     r"2\lambda\mathbf{1}\{p=1\}(\hat{b}-b)", "2 * lam * (p == 1) * (b_hat - b)"),
    "6.6-localisation, by the scores": (lambda: sd.grad(localised, kinds),
                                        r"\mathbf{1}\{p=1\}(S_{\text{Softmax}}(z)-c)", "(p == 1) * (soft(z) - c)"),
    "6.6-localisation, smooth ℓ₁": (lambda: sd.grad(sd.losses.huber(box, box_hat), box_hat),
                                    r"\mathbf{1}\{|\hat{b}-b|\leq 1\}\odot(\hat{b}-b)"
                                    r"+\mathbf{1}\{|\hat{b}-b|>1\}\odot\operatorname{sign}(\hat{b}-b)",
                                    "np.clip(b_hat - b, -1, 1)"),
    "6.6-iou": (lambda: shared / union, r"\frac{I}{U}", f"{OVERLAP}[0] / {OVERLAP}[1]"),
    "6.6-iou, by an edge": (
        lambda: sd.grad(shared / union, own[2]),
        r"\bar{I}_{h}\mathbf{1}\{\min(\hat{r},r_{0})-\max(\hat{l},l_{0})>0\}\mathbf{1}\{\hat{r}\leq r_{0}\}"
        r"-\frac{I(\hat{b}-\hat{t})}{U^{2}}",
        f"(lambda I, U, v, moves: moves * v / U - I / U ** 2 * ((b1 - t1) - moves * v))(*{OVERLAP})"),
    "6.6-iou, generalised": (
        lambda: shared / union - (hull - union) / hull, r"\frac{I}{U}-\frac{1}{C}(C-U)",
        f"(lambda I, U, C: I / U - (C - U) / C)(*{OVERLAP}[:2], (max(r1, r0) - min(l1, l0)) * (max(b1, b0) - min(t1, "
        f"t0)))"),
    "6.6-detect, by the boxes": (lambda: sd.grad(cells, boxes_hat),
                                 r"[2\lambda_{\text{coord}}o_{ij}(\hat{b}_{ijk}-b_{ijk})]_{ijk}",
                                 "2 * coord * o[:, :, None] * (b_hat - b)"),
    "6.6-detect, by the scores": (
        lambda: sd.grad(cells, sd.matrix("s", g, B)),
        r"2\hat{p}\odot(1-\hat{p})\odot(\lambda_{\text{noobj}}\hat{p}\odot(1-o)-o\odot(1-\hat{p}))",
        "(lambda q: 2 * q * (1 - q) * (o * (q - 1) + noobj * (1 - o) * q))(sig(s))"),
    "6.6-detect, by the classes": (lambda: sd.grad(cells, classes_hat),
                                   r"2\operatorname{diag}(\mathbf{1}_{\text{obj}})(\hat{c}-c)",
                                   "2 * held[:, None] * (c_hat - c)"),
    "6.6-segment": (lambda: -sd.sum(sd.hadamard(truth, sd.log(labelled))) / (h * w),
                    r"-\frac{1}{hw}\sum_{i=1}^{h}\sum_{j=1}^{w}\sum_{k=1}^{K}y_{ijk}\log(\hat{y}_{ijk})",
                    "-(y * np.log(soft(z))).sum() / (h * w)"),
    "6.6-segment, by z": (lambda: sd.grad(-sd.sum(sd.hadamard(truth, sd.log(labelled))) / (h * w), field),
                          r"[\frac{1}{hw}(\hat{y}_{ijk}-y_{ijk})]_{ijk}", "(soft(z) - y) / (h * w)"),
    "6.6-segment, Dice": (
        lambda: dice,
        r"1-\frac{2\operatorname{tr}(\hat{y}^{\top}y)"
        r"}{\mathbf{1}^{\top}\hat{y}\mathbf{1}+\mathbf{1}^{\top}y\mathbf{1}}",
        "1 - 2 * (y * y_hat).sum() / (y.sum() + y_hat.sum())"),
    "6.6-segment, Dice, by the prediction": (
        lambda: sd.grad(dice, area_hat),
        r"\frac{2}{\mathbf{1}^{\top}\hat{y}\mathbf{1}+\mathbf{1}^{\top}y\mathbf{1}}(\frac{\operatorname{tr}(\hat{y}^{\top}y)}"
        r"{\mathbf{1}^{\top}\hat{y}\mathbf{1}+\mathbf{1}^{\top}y\mathbf{1}}\mathbf{1}\mathbf{1}^{\top}-y)",
        "2 * (y * y_hat).sum() / (y.sum() + y_hat.sum()) ** 2 - 2 * y / (y.sum() + y_hat.sum())"),
    "6.6-siamese, distance": (lambda: sd.grad(distance, f), r"\frac{1}{\lVert f-f'\rVert}(f-f')",
                              "(f - f2) / norm(f - f2)"),
    "6.6-siamese": (lambda: sd.contrastive_loss(f, other, same, margin),
                    r"\max(0,m-\lVert f-f'\rVert)^{2}(1-y)+y\lVert f-f'\rVert^{2}",
                    "y * norm(f - f2) ** 2 + (1 - y) * max(0, m - norm(f - f2)) ** 2"),
    "6.6-siamese, by f": (lambda: sd.grad(sd.contrastive_loss(f, other, same, margin), f),
                          r"2((\begin{cases}\frac{\max(0,m-\lVert f-f'\rVert)(y-1)}{\lVert f-f'\rVert}&\text{if }"
                          r"\lVert f-f'\rVert^{2}>0\\0&\text{otherwise}\end{cases})+y)(f-f')",
                          "2 * (y - (1 - y) * max(0, m - norm(f - f2)) / norm(f - f2)) * (f - f2)"),
    "6.6-siamese, two ways into the same θ": (
        lambda: sd.grad(sd.norm(theta @ first - theta @ second) ** 2, theta), r"2\theta(x-x')(x-x')^{\top}",
        "2 * outer(theta @ (x - x2), x) - 2 * outer(theta @ (x - x2), x2)"),
    "6.6-triplet": (lambda: sd.triplet_loss(f_a, f_p, f_n, margin),
                    r"\max(0,\lVert f_{a}-f_{p}\rVert^{2}+m-\lVert f_{a}-f_{n}\rVert^{2})",
                    "max(0, norm(f_a - f_p) ** 2 - norm(f_a - f_n) ** 2 + m)"),
    "6.6-triplet, anchor": (lambda: sd.grad(sd.triplet_loss(f_a, f_p, f_n, margin), f_a),
                            rf"{active}(f_{{n}}-f_{{p}})", f"{ACTIVE} * (f_n - f_p)"),
    "6.6-triplet, positive": (lambda: sd.grad(sd.triplet_loss(f_a, f_p, f_n, margin), f_p),
                              rf"{active}(f_{{p}}-f_{{a}})", f"{ACTIVE} * (f_p - f_a)"),
    "6.6-triplet, negative": (lambda: sd.grad(sd.triplet_loss(f_a, f_p, f_n, margin), f_n),
                              rf"{active}(f_{{a}}-f_{{n}})", f"{ACTIVE} * (f_a - f_n)"),
    "6.6-triplet, normalised": (lambda: sd.jacobian(unit, u), r"\frac{1}{\lVert u\rVert}(I-\hat{u}\hat{u}^{\top})",
                                "(eye(n) - outer(u, u) / (u @ u)) / norm(u)"),
}  # fmt: skip

ENTRIES = (
    "| lti conv1d conv prop | padding stride dilation shape inchannels outchannels conv-back im2col 1x1 grouped "
    "transposed "
    "conv3d equivariance | maxpool avgpool receptive flatten gn | inception resnet densenet SE transfer saliency | "
    "localisation iou detect segment siamese triplet"
)
ELSEWHERE = {
    "6.2-lti": "tests.ops.test_convolution:test_algebra_of_convolution",
    "6.2-prop": "tests.ops.test_convolution:test_algebra_of_convolution",
    "6.3-padding": "tests.latex.test_convolution:test_stride_and_padding",
    "6.3-stride": "tests.latex.test_convolution:test_stride_and_padding",
    "6.3-dilation": "tests.latex.test_convolution:test_dilation",
    "6.3-shape": "tests.ops.test_convolution:test_symbolic_sizes",
    "6.3-inchannels": "tests.latex.test_convolution:test_a_layer_and_its_gradients",
    "6.3-outchannels": "tests.latex.test_convolution:test_a_layer_and_its_gradients",
    "6.3-im2col": "tests.ops.test_convolution:test_windows_as_a_matrix",
    "6.3-conv-back": "tests.ops.test_convolution:test_catalogue_6_3_conv_back "
    "tests.latex.test_convolution:test_stride_and_padding tests.latex.test_convolution:test_dilation",
    "6.3-grouped": "tests.ops.test_convolution:test_grouped_equals_separate",
    "6.3-equivariance": "tests.ops.test_convolution:test_shifted_pictures_have_shifted_outputs",
    "6.4-gn": "tests.ops.test_normalisation:test_catalogue_6_4_gn",
    "6.5-transfer": "tests.ops.test_random:test_stop_gradient",
}
NO_ROW = {
    "6.4-receptive": "a recursion of sizes, in which nothing is derived",
    "6.4-flatten": "a count of parameters",
    "6.5-densenet": "a concatenation of what was computed before: its gradient is 6.5-inception's",
}
OTHER_FORM = {
    "6.4-avgpool": "δ/|R| where windows overlap: a correlation with a kernel of ones, its padding and the spread δ "
    "named",
    "6.4-maxpool": "the arg max written as the place in the window of each entry, ties to the first",
    "6.5-SE": "by elements; the adjoint of x̄ is named",
    "6.5-resnet": "I stands behind the branch; through an adjoint, ζ + (∂r/∂u)ᵀ ζ without a parenthesis",
    "6.6-localisation": "the terms in the printer's order",
    "6.6-siamese": "the quotient (1 - y) max(0, m - d)/d with the case d = 0 beside it",
}
