"""How arrays.npz holds rasters of a spiking network: what the metric writes and Fig. 4 reads."""

import numpy as np

from fa_cli.randomness import generator

SHOWN, STEPS, UNITS = 3, 50, 50  # images, time steps an image, units a layer, as in Fig. 4


def output_units(seed: int, size: int, population: int) -> np.ndarray:
    """The output units that a raster shows: random ones, as many of each class as of any other."""
    classes = size // population
    count = min(population, max(1, UNITS // classes))
    rng = generator(seed, "raster_outputs")
    return np.concatenate(
        [c * population + np.sort(rng.permutation(population)[:count]) for c in range(classes)]
    )


def raster_units(seed: int, l: int, size: int) -> np.ndarray:
    """The units of layer l that a raster shows: random ones, in their order."""
    return np.sort(generator(seed, "raster_units", l).permutation(size)[:UNITS])
