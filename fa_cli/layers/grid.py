"""Units over an image, each of which sees a square patch of it: for local and conv layers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Annotated, Any, NamedTuple

from fa_cli.layers import Extent
from fa_cli.options import Count, Words
from fa_cli.signals import Array

Maps = Annotated[Count, Words("maps of units over the image")]
Field = Annotated[Count, Words("pixels of a side of the square that a unit sees")]


class Grid(NamedTuple):
    """An image (channels, height, width) and the places of a field of `field` x `field` pixels.

    Places are one pixel apart, without padding. A unit's field has channels * field^2 synapses.
    """

    channels: int
    height: int
    width: int
    field: int

    @property
    def rows(self) -> int:
        """Places from top to bottom."""
        return self.height - self.field + 1

    @property
    def columns(self) -> int:
        """Places from left to right."""
        return self.width - self.field + 1

    @property
    def places(self) -> int:
        """All of them, P."""
        return self.rows * self.columns

    @property
    def pixels(self) -> int:
        """Units of the layer below."""
        return self.channels * self.height * self.width

    @property
    def synapses(self) -> int:
        """Of one unit, F."""
        return self.channels * self.field**2

    def patches(self, backend: Any, h: Array) -> Array:
        """What each place sees, (S, N, pixels) to (S, F, P, N): whole batches lie side by side."""
        return backend.xp.take(h.swapaxes(1, 2), pixels_seen(self, backend.xp), axis=1)

    def spread(self, backend: Any, patches: Array) -> Array:
        """The transpose of `patches`, (S, F, P, N) to (S, N, pixels): where they overlap, sums."""
        seeds, _, _, count = patches.shape
        extent = (seeds, self.channels, self.height, self.width, count)
        image = backend.xp.zeros(extent, patches.dtype)
        for synapse, (channel, rows, columns) in enumerate(self.windows()):
            part = patches[:, synapse].reshape(seeds, self.rows, self.columns, count)
            image[:, channel, rows, columns] += part
        return image.reshape(seeds, self.pixels, count).swapaxes(1, 2)

    def windows(self) -> Iterator[tuple[int, slice, slice]]:
        """For each synapse of a field the pixels that it has in all places."""
        for channel, i, j in product(range(self.channels), range(self.field), range(self.field)):
            yield channel, slice(i, i + self.rows), slice(j, j + self.columns)


@dataclass(frozen=True)
class Fields:
    """`maps` maps of units over a grid: what local and conv layers share of a Layer."""

    grid: Grid
    maps: int

    @property
    def extent(self) -> Extent:
        return self.maps, self.grid.rows, self.grid.columns

    @property
    def inputs(self) -> int:
        return self.grid.pixels

    @property
    def outputs(self) -> int:
        return self.maps * self.grid.places

    @property
    def products(self) -> int:
        return self.outputs * self.grid.synapses

    @property
    def shape(self) -> tuple[int, int]:
        raise NotImplementedError  # each kind has its own

    @property
    def reverse_shape(self) -> tuple[int, int]:
        return self.shape

    def reverse(self, w: Array) -> Array:
        return w


@lru_cache(maxsize=64)
def pixels_seen(grid: Grid, xp: Any) -> Array:
    """The pixel that each synapse of a field sees in each place, (F, P)."""
    pixels = xp.arange(grid.pixels).reshape(grid.channels, grid.height, grid.width)
    seen = [pixels[window].reshape(grid.places) for window in grid.windows()]
    return xp.stack(seen)


def grid_over(below: Extent, field: int) -> Grid:
    """The grid over what is below; ValueError where that is no image, or a smaller one."""
    if len(below) != 3:
        raise ValueError(
            "a field needs an image below it: give the input as [channels,height,width]"
        )
    channels, height, width = below
    if field > min(height, width):
        raise ValueError(f"a field of {field} x {field} does not fit into {height} x {width}")
    return Grid(channels, height, width, field)
