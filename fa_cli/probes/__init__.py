"""What is measured: a metric is a function of a `View` that returns columns, one value a seed.

A metric that does not apply (an angle to feedback that the rule does not have, a matrix where a
layer has none) returns no column, and one that cannot be computed (the angle to a zero vector)
returns nan: both are empty cells in the CSV.
"""

import sys
from collections.abc import Callable, Collection
from functools import cached_property

from fa_cli.data import Data
from fa_cli.layers.dense import Dense
from fa_cli.network import Network
from fa_cli.registry import Registry, import_all
from fa_cli.signals import Array, Deltas, Signals

METRICS = Registry("metric")
Columns = dict[str, Array]  # name in metrics.csv -> one value a seed, (S,)


class View:
    """A network at one moment of learning, seen on held-out examples.

    `deltas(net, signals)` is the learning rule of the moment, `frozen` the layers that do not
    learn. Whatever several metrics share is computed once.
    """

    def __init__(
        self,
        net: Network,
        data: Data,
        deltas: Callable[[Network, Signals], Deltas],
        frozen: Collection[int] = (),
    ):
        self.net, self.data, self.deltas, self.frozen = net, data, deltas, frozen
        self.xp = net.backend.xp

    @cached_property
    def signals(self) -> Signals:
        """The forward pass of the probe batch."""
        return self.net.observer("probe")(self.data.probe)

    @cached_property
    def delta(self) -> Deltas:
        """The rule's signals for the hidden layers that learn, (S, N, n_l) by layer."""
        found = self.deltas(self.net, self.signals)
        return {l: delta for l, delta in found.items() if l < self.net.depth}

    @cached_property
    def performance(self) -> dict[str, Array]:
        """Squared error, its normalisation and wrong answers, summed over all held-out examples."""
        xp, double, show = self.xp, "float64", self.net.observer("heldout")
        squared = wrong = count = total_squared = 0
        total: Array = 0
        for batch in self.data.heldout():
            _, target, labels = batch
            signals = self.signals if batch is self.data.probe else show(batch)
            y = self.net.answer(signals.activations[-1])
            del signals  # large, and not to live on while the next batch is shown
            squared = squared + ((target - y) ** 2).sum(axis=(1, 2), dtype=double)
            total = total + target.sum(axis=1, dtype=double)
            total_squared = total_squared + (target**2).sum(axis=(1, 2), dtype=double)
            count += target.shape[1]
            if labels is not None:
                wrong = wrong + misread(xp, y, labels)
        return {
            "squared": squared,
            "variation": total_squared - (total**2).sum(axis=1) / count,
            "wrong": wrong,
            "count": count,
            "classes": labels is not None,
        }

    @cached_property
    def pairs(self) -> dict[int, tuple[Array, Array]]:
        """(W_l in B_l's form, B_l) by hidden layer l, where the two have the same shape."""
        found = {}
        for l, b in sorted(self.net.feedback.items()):
            w = self.net.reverse(l)
            if w.shape == b.shape:
                found[l] = w, b
        return found

    @cached_property
    def matrices(self) -> dict[int, tuple[Array, Array]]:
        """Those of `pairs` that are matrices, (W_l^T, B_l): layer l is dense."""
        dense = {l for l, layer in enumerate(self.net.layers) if isinstance(layer, Dense)}
        return {l: pair for l, pair in self.pairs.items() if l in dense}


def misread(xp, y: Array, labels: Array) -> Array:
    """How many of each seed's examples have another class than their largest output, (S,)."""
    return (xp.argmax(y, axis=-1) != labels).sum(axis=1)


def angle(xp, a: Array, b: Array) -> Array:
    """Angle in degrees between the vectors along the last axis, signed arccos: 0 to 180.

    nan where one is zero. The paper's formula (Methods, "Angle measures") prints |a^T b|; its
    figures need the sign.
    """
    lengths = xp.sqrt((a * a).sum(axis=-1)) * xp.sqrt((b * b).sum(axis=-1))
    return xp.degrees(xp.arccos(xp.clip((a * b).sum(axis=-1) / lengths, -1, 1)))


def flat(arrays: Array) -> Array:
    """Each seed's matrix as one vector, (S, m, n) to (S, m n)."""
    return arrays.reshape(len(arrays), -1)


def load_metrics() -> None:
    """Fill METRICS from the files of this folder."""
    import_all(sys.modules[__name__])
