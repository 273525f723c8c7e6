"""A Wasserstein generative adversarial network with gradient penalty, book §8.3, on handwritten digits."""

from symdl.calculus import grad
from symdl.expr.declare import named, vector
from symdl.models.adversarial import LATENT, Critic, Generator, game
from symdl.ops import random
from symdl.ops.elementwise import sqrt, square
from symdl.ops.reductions import sum as total
from symdl.optimizers.adam import Adam
from symdl.train import Group, Program

BATCH, EPOCHS = 64, 900
LAMBDA, TURNS = 10, 5  # steps of the critic for each of the generator
LEAST = 1e-12  # under the root, where the gradient vanishes


def program(p: int) -> Program:
    """Return the game of the critic f_φ and the generator f^G_θ for images of size p, who take turns.

    With x* = f^G_θ(z*) and x̂ = u x + (1 - u) x* the critic minimises f_φ(x*) - f_φ(x) + λ(‖∇_x̂ f_φ(x̂)‖ - 1)² in φ,
    whose gradient is one of second order, and the generator -f_φ(x*) in θ. z* is normal and u uniform, drawn anew in
    each step.
    """
    G, f = Generator(p), Critic(p)
    x, place = vector("x", p), vector("place", p)
    z = named("z", random.normal(LATENT, stream="latent"), latex="z^*")
    fake = named("x_star", G(z), latex="x^*")
    u = random.uniform(stream="between")
    between = named("x_hat", u * x + (1 - u) * fake, latex=r"\hat{x}")
    g = named("g", grad(f(place), place).xreplace({place: between}))
    penalty = (sqrt(total(square(g)) + LEAST) - 1) ** 2
    groups = [
        Group("critic", f(fake) - f(x) + LAMBDA * penalty, f.parameters, steps=TURNS),
        Group("generator", -f(fake), G.parameters),
    ]
    return Program(groups, inputs=[x], outputs={"x_star": fake}, init=f.init)


RECIPE = game(
    "wgan-gp",
    program,
    {
        "optimizer": Adam(alpha=5e-4, beta=0.5, gamma=0.9),
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "target": "cpu",
        "dtype": "float32",
    },
    title="Wasserstein generative adversarial network with gradient penalty for handwritten digits",
    reference=0.789,
    tolerance=0.0,
    source="PyTorch, the same game: 0.70; a normal distribution with the digits' mean and covariance: 0.79",
)
