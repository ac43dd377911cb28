"""Spikes, potentials and signals of some units of a spiking network. Paper, Fig. 4."""

from collections.abc import Iterator

import numpy as np

from fa_cli.data import Batch
from fa_cli.errors import UserError
from fa_cli.models.spiking import SpikingNetwork
from fa_cli.probes import METRICS, Columns, View
from fa_cli.results.rasters import SHOWN, STEPS, output_units, raster_units
from fa_cli.signals import Array


@METRICS.register("rasters")
def rasters(view: View) -> Columns:
    """Some units' spikes while three images are shown, without plasticity; kept in arrays.npz.

    raster_l, (S, time * units), for every layer l; psp_l and modulator_l, (S, time): V_l and
    delta_l of the raster's first unit of every hidden layer. raster_images, (S, 3 n_0): the images,
    the first of the probe. Each is shown for 50 time steps, one after the other. raster_classes,
    (S, units): the class of each output unit that is shown, as many of one as of another.

    Columns: `raster_<l>`: 0 or 1; `psp_<l>`, `modulator_<l>`: any number.
    """
    if not isinstance(view.net, SpikingNetwork):
        return {}
    probe, net = view.data.probe, view.net.at_rest(1)
    if probe.x.shape[1] < SHOWN:
        raise UserError(
            f"record.metrics: rasters show {SHOWN} held-out images, there are {probe.x.shape[1]}: "
            f"type record.examples={SHOWN}, or leave rasters out"
        )
    kept: dict[str, list[Array]] = {}
    for name, values in shown(view, net):
        kept.setdefault(name, []).append(values)
    columns = {name: view.xp.concatenate(values, axis=1) for name, values in kept.items()}
    for name in columns:
        if name.startswith("raster"):
            columns[name] = columns[name].astype(bool)
    pixels = view.xp.concatenate([probe.x[:, :SHOWN]] * (len(net.seeds) // len(probe.x)))
    size, population = net.sizes[-1], net.dynamics.population
    classes = np.stack([output_units(seed, size, population) // population for seed in net.seeds])
    columns["raster_classes"] = net.backend.to_device(classes, np.int64)
    return columns | {"raster_images": pixels.reshape(len(net.seeds), -1)}


def shown(view: View, net: SpikingNetwork) -> Iterator[tuple[str, Array]]:
    """Name and values, (S, units), of all that is kept in each time step."""
    units = {l: chosen(net, l) for l in range(1, net.depth + 1)}
    rows = net.backend.xp.arange(len(net.seeds))[:, None]
    for image in range(SHOWN):
        one = Batch(*(array[:, image : image + 1] for array in view.data.probe[:2]))
        for signals in net.run(one, "raster_spikes", image, STEPS):
            delta = view.deltas(net, signals)
            for l, which in units.items():
                yield f"raster_{l}", signals.activations[l][:, 0][rows, which]
                if l < net.depth:
                    yield f"psp_{l}", net.v[l - 1][:, 0][rows, which[:, :1]]
                    if l in delta:
                        yield f"modulator_{l}", delta[l][:, 0][rows, which[:, :1]]


def chosen(net: SpikingNetwork, l: int) -> Array:
    """The units of layer l that are kept, (S, units)."""
    size, population = net.sizes[l], net.dynamics.population
    if l == net.depth:
        units = [output_units(seed, size, population) for seed in net.seeds]
    else:
        units = [raster_units(seed, l, size) for seed in net.seeds]
    return net.backend.to_device(np.stack(units), np.int64)
