"""Function fitting with a target network, Fig. 3d and Supp. Notes 3 and 8."""

from itertools import pairwise
from typing import Annotated

import numpy as np

from fa_cli.data import Endless, Setting, dataset
from fa_cli.data.linear import TargetScale
from fa_cli.options import Sizes, Words
from fa_cli.randomness import generator

TargetSizes = Annotated[Sizes, Words("units of the target network, input first")]


@dataset("teacher")
def teacher(setting: Setting, sizes: TargetSizes, target_scale: TargetScale) -> Endless:
    """y* = W_2 tanh(W_1 tanh(W_0 x + b_0) + b_1) + b_2 with x ~ N(0, I), of any depth.

    Weights and biases of the target network are uniform in [-target_scale, target_scale], drawn
    once for each seed. Paper, Methods, "Summary" and "Deep nonlinear function approximation": sizes
    30-20-10-10, target_scale = 0.5.
    """
    setting.must_fit(sizes[0], sizes[-1], "dataset.sizes")
    targets = [target_network(seed, sizes, target_scale) for seed in setting.seeds]

    def draw(rng, s, count):
        x = h = rng.standard_normal((count, sizes[0]))
        *hidden, (w, b) = targets[s]
        for w_hidden, b_hidden in hidden:
            h = np.tanh(h @ w_hidden.T + b_hidden)
        return x, h @ w.T + b

    return Endless(setting, draw)


def target_network(
    seed: int, sizes: list[int], scale: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """W_l, (n_{l+1}, n_l), and b_l of each layer."""
    rng = generator(seed, "target")
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    for n, m in pairwise(sizes):
        layers.append((rng.uniform(-scale, scale, (m, n)), rng.uniform(-scale, scale, m)))
    return layers
