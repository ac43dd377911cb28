"""How arrays.npz holds rasters of a spiking network: what the metric writes and Fig. 4 reads."""

import numpy as np

from fa_cli.randomness import generator

SHOWN, STEPS, UNITS = 3, 50, 50  # images, time steps an image, units a layer, as in Fig. 4


def raster_units(seed: int, l: int, size: int) -> np.ndarray:
    """The units of layer l that a raster shows: random ones, in their order."""
    return np.sort(generator(seed, "raster_units", l).permutation(size)[:UNITS])
