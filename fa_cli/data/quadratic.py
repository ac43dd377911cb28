"""The quadratic task of Fig. 5."""

import numpy as np

from fa_cli.data import Setting, Stream, dataset
from fa_cli.streams import generator


@dataset("quadratic")
def quadratic(setting: Setting, input_scale: float, target_scale: float) -> Stream:
    """y*_k = x^T Q_k x, k = 1 .. n_L; x uniform in [-input_scale, input_scale], Q_k in [-target_scale, target_scale], once a seed.

    Paper, Methods, "Quadratic function approximation": input_scale = 2, target_scale = 0.5.
    """
    shape = (setting.values, setting.inputs, setting.inputs)
    targets = [
        generator(seed, "target").uniform(-target_scale, target_scale, shape)
        for seed in setting.seeds
    ]

    def draw(rng, s, count):
        x = rng.uniform(-input_scale, input_scale, (count, setting.inputs))
        return x, np.einsum(
            "nkj,nj->nk", (x @ targets[s].reshape(-1, shape[1]).T).reshape(count, *shape[:2]), x
        )

    return Stream(setting, draw)
