"""Convolution: the units of a map share one receptive field."""

from typing import Any

from fa_cli.layers import Extent, layer
from fa_cli.layers.dense import transpose
from fa_cli.layers.grid import Field, Fields, Maps, grid_over
from fa_cli.signals import Array


class Conv(Fields):
    """`maps` maps, one field and one bias each. W_l and B_l: (maps, F)."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.maps, self.grid.synapses

    @property
    def biases(self) -> int:
        return self.maps

    def by_map(self, units: Array) -> Array:
        """(S, N, maps * P) as (S, maps, P * N): all that a field is shared by, in one row."""
        return units.swapaxes(1, 2).reshape(len(units), self.maps, -1)

    def seen(self, backend: Any, h: Array) -> Array:
        """What a field sees in all places and examples, (S, F, P * N)."""
        patches = self.grid.patches(backend, h)
        return patches.reshape(len(patches), self.grid.synapses, -1)

    def forward(self, backend: Any, w: Array, h: Array) -> Array:
        a = backend.xp.matmul(w, self.seen(backend, h))
        return a.reshape(len(a), self.outputs, -1).swapaxes(1, 2)

    def offset(self, backend: Any, b: Array) -> Array:
        return backend.xp.repeat(b, self.grid.places, axis=-1)[:, None, :]

    def offset_change(self, d: Array) -> Array:
        seeds, count, _ = d.shape
        return d.reshape(seeds, count, self.maps, self.grid.places).sum(axis=(1, 3))

    def back(self, backend: Any, b: Array, signal: Array) -> Array:
        seeds, count, _ = signal.shape
        patches = backend.xp.matmul(transpose(b), self.by_map(signal))
        extent = (seeds, self.grid.synapses, self.grid.places, count)
        return self.grid.spread(backend, patches.reshape(extent))

    def accumulate(
        self, backend: Any, w: Array, d: Array, h: Array, rate: float, keep: float = 1.0
    ) -> None:
        change = backend.xp.matmul(self.by_map(rate * d), transpose(self.seen(backend, h)))
        w *= keep
        w += change

    accumulate_reverse = accumulate


@layer("conv")
def conv(below: Extent, maps: Maps, field: Field) -> Conv:
    """`maps` maps of a `field` x `field` window that all places share."""
    return Conv(grid_over(below, field), maps)
