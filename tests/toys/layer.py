"""A toy kind of layer: each unit has one synapse, from the unit below it."""

from math import prod
from typing import NamedTuple

from fa_cli.layers import layer


class Single(NamedTuple):
    """W_l and B_l: (n, 1)."""

    inputs: int

    outputs = biases = products = property(lambda self: self.inputs)
    shape = reverse_shape = property(lambda self: (self.inputs, 1))
    extent = property(lambda self: (self.inputs,))

    def forward(self, backend, w, h):
        return h * w[:, None, :, 0]

    back = forward

    def offset(self, backend, b):
        return b[:, None, :]

    def offset_change(self, d):
        return d.sum(axis=1)

    def reverse(self, w):
        return w

    def accumulate(self, backend, w, d, h, rate, keep=1.0):
        w *= keep
        w += rate * (d * h).sum(axis=1)[..., None]

    accumulate_reverse = accumulate


@layer("toy")
def toy(below):
    """As many units as there are below."""
    return Single(prod(below))
