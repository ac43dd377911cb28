"""What a layer of synapses does, one kind a file: a stateless description beside `net.weights[l]`.

Layer l of a network carries layer l's activity to layer l + 1. Its weights stay a plain array with
the seeds first, so that slices of seeds, checkpoints, audits, momentum, decay and masks know
nothing of kinds. In YAML `model.layers` lists the input and what follows it:

    layers: [[1, 28, 28], {kind: local, maps: 6, field: 6}, 1000, 10]

An image is given as [channels, height, width]; a number is a dense layer of so many units.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from fa_cli import options
from fa_cli.errors import UserError
from fa_cli.registry import Registry, import_all
from fa_cli.signals import Array

LAYERS = Registry("kind of layer")
Extent = tuple[int, ...]  # of a layer's activity: (units,), or (channels, height, width)


class Layer(Protocol):
    """The synapses between two layers of units, and what passes through them in both directions."""

    @property
    def shape(self) -> tuple[int, int]:
        """Of W_l of one seed."""

    @property
    def reverse_shape(self) -> tuple[int, int]:
        """Of B_l of one seed."""

    @property
    def extent(self) -> Extent:
        """Of the activity above: (units,), or (maps, height, width)."""

    @property
    def inputs(self) -> int:
        """n_l."""

    @property
    def outputs(self) -> int:
        """n_{l+1}."""

    @property
    def biases(self) -> int:
        """Elements of b_l of one seed."""

    @property
    def products(self) -> int:
        """Multiply-adds of an example on its way through."""

    def forward(self, backend: Any, w: Array, h: Array) -> Array:
        """W_l h_l, (S, N, n_l) to (S, N, n_{l+1})."""

    def offset(self, backend: Any, b: Array) -> Array:
        """b_l as it is added to every example, (S, 1, n_{l+1})."""

    def offset_change(self, d: Array) -> Array:
        """The sum of d over the batch, in the shape of b_l."""

    def reverse(self, w: Array) -> Array:
        """W_l in the form in which B_l is stored and acts: a view."""

    def back(self, backend: Any, b: Array, signal: Array) -> Array:
        """B_l times a signal of layer l + 1, (S, N, n_{l+1}) to (S, N, n_l)."""

    def accumulate(
        self, backend: Any, w: Array, d: Array, h: Array, rate: float, keep: float
    ) -> None:
        """In place w = keep w + rate * sum over the batch of d h^T, on the synapses there are."""

    def accumulate_reverse(
        self, backend: Any, b: Array, d: Array, h: Array, rate: float, keep: float
    ) -> None:
        """The same for b, as `reverse` has it: feedback that learns."""


def layer(name: str) -> Callable:
    """Decorator that registers a function (extent below, **options) -> Layer under `name`."""
    return LAYERS.builder(name)


def build_layers(key: str, entries: Any) -> list[Layer]:
    """The layers that a list in YAML describes, its first entry being the input.

    Raises UserError, naming `key`, for what is no such list.
    """
    if not isinstance(entries, list) or len(entries) < 2:
        raise UserError(
            f"{key}={entries}: expected at least two layers of at least one unit each, "
            "such as [30,20,10]"
        )
    first, *rest = entries
    extent = tuple(first) if isinstance(first, list) else (first,)
    if len(extent) not in (1, 3) or options.complaint(list[options.Count], list(extent)):
        raise UserError(
            f"{key}={entries}: expected the input to be a number of units of at least one unit, "
            "or an image as [channels,height,width]"
        )
    layers: list[Layer] = []
    for place, entry in enumerate(rest, start=1):
        layers.append(one_layer(f"{key}[{place}]", extent, entry))
        extent = layers[-1].extent
    return layers


def one_layer(key: str, below: Extent, entry: Any) -> Layer:
    """The layer that one entry describes; raises UserError where it does not fit."""
    described = {"kind": "dense", "units": entry} if isinstance(entry, int) else entry
    if not isinstance(described, dict):
        raise UserError(f"{key}={entry}: expected a number of units, or a layer as {{kind: NAME}}")
    kind = LAYERS.find(described.get("kind"))
    given = {name: value for name, value in described.items() if name != "kind"}
    options.check_given(key, given, kind.options)
    for name in options.missing(given, kind.options):
        raise UserError(f"{key} needs {key}.{name}")
    try:
        return kind.build(below, **given)
    except ValueError as error:
        raise UserError(f"{key}={entry}: {error}") from None


def units_of(layers: Sequence[Layer]) -> list[int]:
    """n_0 .. n_L."""
    return [layers[0].inputs, *(layer.outputs for layer in layers)]


def load_layers() -> None:
    """Fill LAYERS from the files of this folder."""
    import_all(sys.modules[__name__])
