"""Every unit of a layer to every unit of the next."""

from math import prod
from typing import Annotated, Any, NamedTuple

from fa_cli.layers import Extent, layer
from fa_cli.options import Count, Words
from fa_cli.signals import Array


def transpose(matrices: Array) -> Array:
    """Each matrix of a stack transposed, (..., m, n) to (..., n, m), without a copy."""
    return matrices.swapaxes(-1, -2)


class Dense(NamedTuple):
    """W_l: (n_{l+1}, n_l); B_l: (n_l, n_{l+1}), as it acts."""

    inputs: int
    outputs: int

    @property
    def shape(self) -> tuple[int, int]:
        """As in Layer, like all below."""
        return self.outputs, self.inputs

    @property
    def reverse_shape(self) -> tuple[int, int]:
        return self.inputs, self.outputs

    @property
    def extent(self) -> Extent:
        return (self.outputs,)

    @property
    def biases(self) -> int:
        return self.outputs

    @property
    def products(self) -> int:
        return self.inputs * self.outputs

    def forward(self, backend: Any, w: Array, h: Array) -> Array:
        return backend.matmul(h, transpose(w))

    def offset(self, backend: Any, b: Array) -> Array:
        return b[:, None, :]

    def offset_change(self, d: Array) -> Array:
        return d.sum(axis=1)

    def reverse(self, w: Array) -> Array:
        return transpose(w)

    def back(self, backend: Any, b: Array, signal: Array) -> Array:
        return backend.matmul(signal, transpose(b))

    def accumulate(
        self, backend: Any, w: Array, d: Array, h: Array, rate: float, keep: float = 1.0
    ) -> None:
        backend.accumulate(w, d, h, rate, keep)

    def accumulate_reverse(
        self, backend: Any, b: Array, d: Array, h: Array, rate: float, keep: float = 1.0
    ) -> None:
        backend.accumulate(b, h, d, rate, keep)


@layer("dense")
def dense(below: Extent, units: Annotated[Count, Words("units of the layer above")]) -> Dense:
    """`units` units, each with all of the layer below."""
    return Dense(prod(below), units)
