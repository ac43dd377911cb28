"""Function fitting with a target network, Fig. 3d and Supp. Notes 3 and 8."""

from itertools import pairwise

import numpy as np

from fa_cli.data import Setting, Stream, dataset
from fa_cli.streams import generator


@dataset("teacher")
def teacher(setting: Setting, sizes: list[int], target_scale: float) -> Stream:
    """y* = W_2 tanh(W_1 tanh(W_0 x + b_0) + b_1) + b_2 with x ~ N(0, I), for a target network of any depth.

    Weights and biases uniform in [-target_scale, target_scale], drawn once for each seed. Paper, Methods, "Summary" and "Deep nonlinear
    function approximation": sizes 30-20-10-10, target_scale = 0.5.
    """
    setting.must_fit(sizes[0], sizes[-1], "dataset.sizes")

    def layers(seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        rng = generator(seed, "target")
        shapes = [((m, n), m) for n, m in pairwise(sizes)]
        return [
            (
                rng.uniform(-target_scale, target_scale, w),
                rng.uniform(-target_scale, target_scale, b),
            )
            for w, b in shapes
        ]

    targets = [layers(seed) for seed in setting.seeds]

    def draw(rng, s, count):
        x = h = rng.standard_normal((count, sizes[0]))
        *hidden, (w, b) = targets[s]
        for w_hidden, b_hidden in hidden:
            h = np.tanh(h @ w_hidden.T + b_hidden)
        return x, h @ w.T + b

    return Stream(setting, draw)
