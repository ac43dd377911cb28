"""Learning rules: what a rule says is the modulator signal delta_l of every hidden layer.

A rule is a function `(net, signals, **options) -> {layer l: delta_l}` that returns the raw error e
for the output layer L and (S, N, n_l) arrays for the hidden layers that learn. The three-factor
update (optimizer.py) is the same for all rules. Options are the function's keyword arguments and
come from the rule's YAML file. What arrives at a hidden layer goes through `signals.settle(l,
arriving)`, which `downward` sees to: a network of rates takes it as it is, one whose feedback
neurons integrate (models/spiking.py) makes delta_l of it.

All that is known of a rule stands in its `Rule`, and nowhere else: what its feedback looks like,
which noise it wants, how its feedback learns, by which path its signals travel, how figures show
it. Importing rules imports no network and no backend, so that figures can read them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fa_cli.errors import UserError
from fa_cli.layers import Layer
from fa_cli.options import Option, options_of
from fa_cli.registry import Registry, import_all, import_outside
from fa_cli.signals import Array, Deltas, Signals

if TYPE_CHECKING:
    from fa_cli.network import Network
else:
    Network = Any  # who reads results needs no networks to know what rules there are

RULES = Registry("rule", outside="FA_RULES")
Shapes = dict[int, tuple[int, int]]  # of B_l of one seed, by the hidden layer l that it feeds


class Path(NamedTuple):
    """How a rule carries the error to the hidden layers, as data.

    delta_l = M_l s, where M_l is `through` and s is delta of the layer that `source` names, times
    phi' of that layer where `passed` says so.
    """

    through: Literal["W^T", "W^+", "B", "L", None]  # L: one scalar loss; None: no signal is sent
    source: Literal["above", "output"] = "above"
    passed: bool | tuple[str, Any] = False  # or: where the option of that name has that value

    def passes(self, options: Mapping[str, Any]) -> bool:
        """Whether phi' travels along, given the rule's options."""
        if isinstance(self.passed, bool):
            return self.passed
        option, value = self.passed
        return options[option] == value


class Rule(NamedTuple):
    """A learning rule and all that is known of it."""

    name: str
    deltas: Callable[..., Deltas]
    feedback: Callable[[Sequence[Layer]], Shapes]  # the matrices that it wants drawn
    options: dict[str, Option]  # that its YAML file sets
    noise: Callable[..., dict[int, float]] | None  # (depth, **options) -> sd of xi_l by layer
    adapt: Callable[..., None] | None  # (net, signals, delta, rate, keep) changes net.feedback
    path: Path | None  # None: as the function does it, by no path that could be drawn
    label: str  # in legends
    colour: str | None  # None: one that figures choose
    line: str  # tells it apart in grey


def no_feedback(layers: Sequence[Layer]) -> Shapes:
    """The rule has no feedback matrices of its own."""
    return {}


def layer_by_layer(layers: Sequence[Layer]) -> Shapes:
    """B_l carries the signal of layer l+1 to layer l, as W_l^T would: (n_l, n_{l+1}) if dense."""
    return {l: layers[l].reverse_shape for l in range(1, len(layers))}


def from_output(layers: Sequence[Layer]) -> Shapes:
    """B_l carries the error to layer l directly: (n_l, n_L)."""
    return {l: (layers[l].inputs, layers[-1].outputs) for l in range(1, len(layers))}


def on_hidden(depth: int, sigma: float) -> dict[int, float]:
    """Noise of one sd on every hidden layer."""
    return dict.fromkeys(range(1, depth), sigma)


def rule(
    name: str,
    feedback: Callable[[Sequence[Layer]], Shapes] = no_feedback,
    noise: Callable[..., dict[int, float]] | None = None,
    adapt: Callable[..., None] | None = None,
    path: Path | None = None,
    label: str | None = None,
    colour: str | None = None,
    line: str = "-",
) -> Callable:
    """Decorator that registers a learning rule under `name`, with all that is known of it.

    A rule with noise takes `noise`, xi_l by layer, as its third argument. Raises UserError for what
    must be a function and is none.
    """
    RULES.check_name(name)
    for key, value in {"feedback": feedback, "noise": noise, "adapt": adapt}.items():
        if value is not None and not callable(value):
            raise UserError(f"rule {name!r}: {key}={value!r} is no function")

    def register(deltas: Callable) -> Callable:
        options = options_of(deltas, given=3 if noise else 2)
        shown = label or name.replace("_", " ").capitalize()
        known = Rule(name, deltas, feedback, options, noise, adapt, path, shown, colour, line)
        RULES.add(name, known, deltas)
        return deltas

    return register


def downward(net: Network, signals: Signals, arriving: Callable[[int, Deltas], Array]) -> Deltas:
    """The signals of all layers from the output down: delta_L is the error as it is.

    delta_l is what `arriving(l, delta)` says, given those of the layers above, once it has settled.
    """
    delta = {net.depth: signals.error}
    for l in range(net.depth - 1, 0, -1):
        delta[l] = signals.settle(l, arriving(l, delta))
    return delta


def load_rules() -> None:
    """Fill RULES: this folder's files, `fa_run.rules` entry points of packages, and FA_RULES.

    Raises UserError for one that cannot be imported.
    """
    import_all(sys.modules[__name__])
    import_outside(RULES, "fa_run.rules")
