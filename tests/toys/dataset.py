"""A toy dataset: the target is the input, scaled."""

from fa_cli.data import Endless, dataset


@dataset("toy")
def toy(setting, factor: float = 2.0):
    """y* = factor x."""

    def draw(rng, s, count):
        x = rng.standard_normal((count, setting.inputs))
        return x, factor * x

    return Endless(setting, draw)
