"""Receptive fields that are not tied: locally connected layers. Paper, Supp. Note 5."""

from typing import Any

from fa_cli.layers import Extent, layer
from fa_cli.layers.dense import transpose
from fa_cli.layers.grid import Field, Fields, Maps, grid_over
from fa_cli.signals import Array


class Local(Fields):
    """`maps` maps of units, each unit with weights of its own. W_l and B_l: (maps * P, F)."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.outputs, self.grid.synapses

    @property
    def biases(self) -> int:
        return self.outputs

    def by_place(self, rows: Array) -> Array:
        """(S, maps * P, k) as (S, P, maps, k): the units that see the same patch together."""
        return rows.reshape(len(rows), self.maps, self.grid.places, -1).swapaxes(1, 2)

    def seen(self, backend: Any, h: Array) -> Array:
        """What the units of each place see, (S, P, F, N)."""
        return self.grid.patches(backend, h).swapaxes(1, 2)

    def forward(self, backend: Any, w: Array, h: Array) -> Array:
        a = backend.xp.matmul(self.by_place(w), self.seen(backend, h)).swapaxes(1, 2)
        return a.reshape(len(a), self.outputs, -1).swapaxes(1, 2)

    def offset(self, backend: Any, b: Array) -> Array:
        return b[:, None, :]

    def offset_change(self, d: Array) -> Array:
        return d.sum(axis=1)

    def back(self, backend: Any, b: Array, signal: Array) -> Array:
        arriving = self.by_place(signal.swapaxes(1, 2))
        patches = backend.xp.matmul(transpose(self.by_place(b)), arriving)
        return self.grid.spread(backend, patches.swapaxes(1, 2))

    def accumulate(
        self, backend: Any, w: Array, d: Array, h: Array, rate: float, keep: float = 1.0
    ) -> None:
        units = self.by_place(rate * d.swapaxes(1, 2))
        change = backend.xp.matmul(units, transpose(self.seen(backend, h)))
        w *= keep
        w += change.swapaxes(1, 2).reshape(w.shape)

    accumulate_reverse = accumulate


@layer("local")
def local(below: Extent, maps: Maps, field: Field) -> Local:
    """`maps` units in each place of a `field` x `field` window."""
    return Local(grid_over(below, field), maps)
