"""The linear task of Fig. 2."""

from typing import Annotated

from fa_cli.data import Endless, Setting, dataset
from fa_cli.options import Positive, Words
from fa_cli.randomness import generator

TargetScale = Annotated[Positive, Words("the target's weights are uniform in +- this")]


@dataset("linear")
def linear(setting: Setting, target_scale: TargetScale) -> Endless:
    """y* = T x with x ~ N(0, I); T (n_L, n_0) in [-target_scale, target_scale], once for each seed.

    Paper, Methods, "Linear function approximation": target_scale = 1.
    """
    shape, rngs = (setting.values, setting.inputs), (generator(s, "target") for s in setting.seeds)
    targets = [rng.uniform(-target_scale, target_scale, shape) for rng in rngs]

    def draw(rng, s, count):
        x = rng.standard_normal((count, setting.inputs))
        return x, x @ targets[s].T

    return Endless(setting, draw)
