"""A generative adversarial network, book §8.3, on handwritten digits: the losses that do not saturate."""

from symdl.expr.declare import named, vector
from symdl.models.adversarial import LATENT, Critic, Generator, game
from symdl.ops import random
from symdl.ops.elementwise import softplus
from symdl.optimizers.adam import Adam
from symdl.train import Group, Program

BATCH, EPOCHS = 64, 600


def program(p: int) -> Program:
    """Return the game of f^D = σ(f_φ) and f^G for images of size p; both step at once.

    With x* = f^G_θ(z*) the discriminator minimises -log f^D(x) - log(1 - f^D(x*)) in φ, and the generator
    -log f^D(x*) in θ; both by their logits, as softplus(∓f_φ). z* is drawn anew in each step.
    """
    G, f = Generator(p), Critic(p)
    x = vector("x", p)
    z = named("z", random.normal(LATENT, stream="latent"), latex="z^*")
    fake = named("x_star", G(z), latex="x^*")
    groups = [
        Group("discriminator", softplus(-f(x)) + softplus(f(fake)), f.parameters),
        Group("generator", softplus(-f(fake)), G.parameters),
    ]
    return Program(groups, inputs=[x], outputs={"x_star": fake}, init=f.init, order="simultaneous")


RECIPE = game(
    "gan",
    program,
    {
        "optimizer": Adam(alpha=5e-4, beta=0.5),
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "target": "cpu",
        "dtype": "float32",
    },
    title="generative adversarial network for handwritten digits",
    reference=0.789,
    tolerance=0.0,
    source="PyTorch, the same game: 0.75 and 0.72; a normal distribution with the digits' mean and covariance: 0.79",
)
