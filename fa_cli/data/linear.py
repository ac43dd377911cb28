"""The linear task of Fig. 2."""

from fa_cli.data import Setting, Stream, dataset
from fa_cli.streams import generator


@dataset("linear")
def linear(setting: Setting, target_scale: float) -> Stream:
    """y* = T x with x ~ N(0, I); T (n_L, n_0) uniform in [-target_scale, target_scale], drawn once for each seed.

    Paper, Methods, "Linear function approximation": target_scale = 1.
    """
    shape = (setting.values, setting.inputs)
    targets = [
        generator(seed, "target").uniform(-target_scale, target_scale, shape)
        for seed in setting.seeds
    ]

    def draw(rng, s, count):
        x = rng.standard_normal((count, setting.inputs))
        return x, x @ targets[s].T

    return Stream(setting, draw)
