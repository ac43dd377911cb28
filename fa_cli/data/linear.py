"""The linear task of Fig. 2."""

from typing import Annotated

import numpy as np

from fa_cli.data import Endless, Setting, dataset
from fa_cli.options import Positive, Words
from fa_cli.randomness import generator

TargetScale = Annotated[Positive, Words("the target's weights are uniform in +- this")]


@dataset("linear")
def linear(setting: Setting, target_scale: TargetScale) -> Endless:
    """y* = T x with x ~ N(0, I); T (n_L, n_0) in [-target_scale, target_scale], once for each seed.

    Paper, Methods, "Linear function approximation": target_scale = 1.
    """
    targets = uniform_targets(setting, (setting.values, setting.inputs), target_scale)

    def draw(rng, s, count):
        x = rng.standard_normal((count, setting.inputs))
        return x, x @ targets[s].T

    return Endless(setting, draw)


def uniform_targets(setting: Setting, shape: tuple[int, ...], scale: float) -> list[np.ndarray]:
    """What each seed is to learn, uniform in [-scale, scale]."""
    rngs = [generator(seed, "target") for seed in setting.seeds]
    return [rng.uniform(-scale, scale, shape) for rng in rngs]
