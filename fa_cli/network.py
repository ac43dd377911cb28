"""Networks, all seeds in one leading array axis: parameters, forward pass, and the way back.

Shapes: S seeds, N examples in a batch, n_l units in layer l; layer 0 is the input, layer L the
output.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from fa_cli.backend import Backend
from fa_cli.errors import UserError, complain
from fa_cli.layers import Layer, build_layers, units_of
from fa_cli.layers.dense import Dense, transpose  # noqa: F401 - rules from outside import it here
from fa_cli.randomness import generator
from fa_cli.schema import ModelConfig, RuleConfig, per_layer
from fa_cli.signals import Array, Deltas, Signals  # noqa: F401 - as above
from fa_cli.units import ACTIVATIONS, Unit

Drawn = dict[int, np.ndarray]  # by layer, (S, ...)
MATCHED = "matched"  # the word for feedback whose scale follows from the errors it brings


@dataclass
class Network:
    """Parameters of S networks of the same shape, one for each seed; units answer with rates."""

    backend: Backend
    seeds: Sequence[int]
    layers: Sequence[Layer]  # layer l of synapses goes from layer l of units to l + 1
    units: Sequence[Unit]  # of layer 1 .. L
    weights: list[Array]  # W_l, (S, *layers[l].shape), l = 0 .. L-1
    biases: list[Array] | None  # b_l, (S, layers[l].biases)
    bank: dict[str, Array] = field(default_factory=dict)  # all B there are, by name: "B1", ..
    feedback: dict[int, Array] = field(default_factory=dict)  # those in use, by the layer they feed
    masks: dict[str, Array] = field(default_factory=dict)  # of sparse ones, 0: no synapse
    dropout: dict[int, float] = field(default_factory=dict)  # fraction of the units of layer l
    gates: dict[int, Array] = field(default_factory=dict)  # of a training step, (S, N, n_l)

    @property
    def depth(self) -> int:
        """L: the number of layers of weights, and the index of the output layer."""
        return len(self.weights)

    @property
    def sizes(self) -> list[int]:
        """n_0 .. n_L."""
        return units_of(self.layers)

    @property
    def values(self) -> int:
        """Values of a target."""
        return self.layers[-1].outputs

    @property
    def largest(self) -> int:
        """Multiply-adds of an example in the largest layer."""
        return max(layer.products for layer in self.layers)

    @property
    def updates(self) -> int:
        """Of the parameters in a training step."""
        return 1

    @property
    def plain(self) -> bool:
        """Whether it is no more than this class with dense layers: what compiled/ knows."""
        dense = all(type(layer) is Dense for layer in self.layers)
        return type(self) is Network and dense and not self.dropout

    def parameters(self) -> dict[str, Array]:
        """All that learning changes or could change, by name: W0, .. b0, .. B1, .."""
        weights = {f"W{l}": array for l, array in enumerate(self.weights)}
        biases = {f"b{l}": array for l, array in enumerate(self.biases or [])}
        return weights | biases | self.bank

    def state(self) -> dict[str, Array]:
        """What lives on from step to step beside the parameters, by name."""
        return {}

    def of(self, seeds: slice) -> Self:
        """The networks of some seeds; their arrays are views, so that they learn in place.

        Gates are their own.
        """
        return replace(
            self,
            seeds=self.seeds[seeds],
            weights=[array[seeds] for array in self.weights],
            biases=[array[seeds] for array in self.biases] if self.biases is not None else None,
            bank={name: array[seeds] for name, array in self.bank.items()},
            feedback={l: array[seeds] for l, array in self.feedback.items()},
            masks={name: array[seeds] for name, array in self.masks.items()},
            gates={},
        )

    # ---- forward ---------------------------------------------------------------------------------

    def drive(self, l: int, h: Array) -> Array:
        """W_l h + b_l, (S, N, n_l) to (S, N, n_{l+1})."""
        a = self.layers[l].forward(self.backend, self.weights[l], h)
        if self.biases is not None:
            a += self.layers[l].offset(self.backend, self.biases[l])
        return a

    def forward(self, x: Array, noise: Mapping[int, Array] | None = None) -> list[Array]:
        """Activations [h_0 .. h_L] of a batch x, (S, N, n_0): h_{l+1} = phi(W_l h_l + b_l).

        `noise[l]`, (S, N, n_l), is added to h_l on its way; gates, where there are any, silence
        units.
        """
        activations = [x]
        for l, unit in enumerate(self.units):
            h = unit.phi(self.backend.xp, self.drive(l, activations[l]))
            gate = self.gates.get(l + 1)
            h = h if gate is None else h * gate
            if noise and l + 1 in noise:
                h = h + (noise[l + 1] if gate is None else noise[l + 1] * (gate > 0))
            activations.append(h)
        return activations

    def slope(self, l: int, h: Array) -> Array:
        """phi'(a_l) of units that answer h_l, times their gates where there are any."""
        slope = self.units[l - 1].slope
        if l not in self.gates:
            return slope(self.backend.xp, h)
        return slope(self.backend.xp, h * (1 - self.dropout[l])) * self.gates[l]

    def observe(self, x: Array, target: Array) -> Signals:
        """Forward pass of a batch and its error, e = y* - y."""
        activations = self.forward(x)
        slopes = [None, *(self.slope(l, h) for l, h in enumerate(activations[1:], start=1))]
        return Signals(activations, slopes, target, target - activations[-1])

    def present(self, batch, step: int) -> Iterator[Signals]:
        """Show the batch of a training step; parameters may change after each of the signals."""
        self.gates = self.draw_gates(step, batch.x.shape[1]) if self.dropout else {}
        yield self.observe(batch.x, batch.target)
        self.gates = {}

    def draw_gates(self, step: int, examples: int) -> dict[int, Array]:
        """Gates of a training step, (S, N, n_l): 0 for a fraction p of units, else 1 / (1 - p).

        So a unit's activity is on average what it is without (Hinton et al., Improving neural
        networks by preventing co-adaptation of feature detectors, 2012).
        """

        def one(seed: int, l: int) -> np.ndarray:
            drawn = generator(seed, f"dropout{l}", step).random(
                (examples, self.sizes[l]), "float32"
            )
            return (drawn >= self.dropout[l]) / np.float32(1 - self.dropout[l])

        drawn = {l: over_seeds(one, self.seeds, l) for l in self.dropout}
        return {l: self.backend.to_device(gates) for l, gates in drawn.items()}

    def observer(self, purpose: str) -> Callable[..., Signals]:
        """A function that shows one batch after another, without a trace, and returns signals."""
        return lambda batch: self.observe(batch.x, batch.target)

    def answer(self, y: Array) -> Array:
        """What the output y says of the target, (S, N, values)."""
        return y

    def check_probe(self, x: Array) -> None:
        """Raise UserError for held-out inputs, (S or 1, N, n_0), that it cannot be shown."""

    # ---- backward --------------------------------------------------------------------------------

    def reverse(self, l: int) -> Array:
        """W_l in the form in which B_l is stored and acts: a view."""
        return self.layers[l].reverse(self.weights[l])

    def back(self, l: int, b: Array, signal: Array) -> Array:
        """What b makes of a signal of layer l + 1 on its way to layer l, (S, N, n_l)."""
        return self.layers[l].back(self.backend, b, signal)

    def matrix(self, l: int) -> Array:
        """W_l as a matrix, (S, n_{l+1}, n_l); raises UserError where its layer is not dense."""
        if not isinstance(self.layers[l], Dense):
            raise UserError(
                f"this rule needs a matrix between layers {l} and {l + 1}, which are not densely "
                "connected: type another rule, such as rule=fa, or another model"
            )
        return self.weights[l]

    def prune(self, parameter: str) -> None:
        """Let absent synapses of a parameter be absent again after an update."""
        if parameter in self.masks:
            array = self.parameters()[parameter]
            array *= self.masks[parameter]


# ---- how they begin ------------------------------------------------------------------------------


def build(model: ModelConfig, backend: Backend, seeds: Sequence[int]) -> Network:
    """The networks of all seeds at the start of learning, each drawn from its own streams."""
    layers = build_layers("model.layers" if model.layers else "model.sizes", described(model))
    numbers = range(len(layers))
    shapes = {l: layer.shape for l, layer in enumerate(layers)}
    absent = per_layer("model.sparsity", model.sparsity, numbers)
    masks = draw_masks("weight_mask", shapes, absent, seeds)
    words = {name: fans(layers, model.weight_distribution, name, absent) for name in FANS}
    scales = per_layer("model.weight_scale", model.weight_scale, numbers, words)
    weights = draw("weights", shapes, scales, model.weight_distribution, seeds)
    weights |= literal("model.weights", model.weights, shapes, seeds)
    biases = None
    if model.biases:
        lengths = {l: (layer.biases,) for l, layer in enumerate(layers)}
        drawn = draw("biases", lengths, dict.fromkeys(numbers, model.bias_scale), "uniform", seeds)
        biases = [backend.to_device(drawn[l]) for l in numbers]
    hidden, output = ACTIVATIONS.find(model.hidden), ACTIVATIONS.find(model.output)
    return Network(
        backend=backend,
        seeds=list(seeds),
        layers=layers,
        units=[hidden] * (len(layers) - 1) + [output],
        weights=[backend.to_device(masked(weights[l], masks.get(l))) for l in numbers],
        biases=biases,
        masks={f"W{l}": backend.to_device(mask) for l, mask in masks.items()},
        dropout=fractions(model.dropout, len(layers)),
    )


def fans(
    layers: Sequence[Layer], distribution: str, name: str, absent: Mapping[int, float]
) -> dict[int, float]:
    """The scales of W_l by which a unit's drive has the variance that `name` is for.

    lecun: 1 / m (Y. LeCun et al., Efficient BackProp, 1998), for m synapses that reach a unit;
    xavier: 2 / (m + n), for n that leave one (X. Glorot & Y. Bengio, 2010); kaiming: 2 / m (K. He
    et al., 2015). A fraction absent[l] of those is missing.
    """
    found = {}
    for l, layer in enumerate(layers):
        there = layer.products * (1 - absent[l])
        found[l] = spread(FANS[name](there / layer.outputs, there / layer.inputs), distribution)
    return found


FANS = {
    "lecun": lambda reach, leave: 1 / reach,
    "xavier": lambda reach, leave: 2 / (reach + leave),
    "kaiming": lambda reach, leave: 2 / reach,
}


def spread(variance: float, distribution: str) -> float:
    """The scale of random numbers of a variance: the sd of normal ones, the range of uniform."""
    return float(np.sqrt(3 * variance if distribution == "uniform" else variance))


def fractions(dropout: float | Sequence[float], depth: int) -> dict[int, float]:
    """Which fraction of a hidden layer's units is silent in a training step, where any is."""
    given = per_layer("model.dropout", dropout, range(1, depth))
    return {l: fraction for l, fraction in given.items() if fraction}


def described(model: ModelConfig) -> list | None:
    """The list from which layers are built: `model.layers`, or dense ones of `model.sizes`."""
    return model.layers if model.layers else model.sizes


def add_feedback(
    net: Network, config: RuleConfig, shapes: Mapping[int, tuple], learns: bool, fresh: str = ""
) -> dict[int, Array]:
    """The feedback matrices B_l of these shapes, by the hidden layer l that each feeds.

    They are drawn once for all rules that want the same shapes and live in the network's bank; of
    those that learn the network also keeps which synapses are absent. `fresh` names others than
    those, drawn by themselves.
    """
    if not shapes:
        return {}
    absent = per_layer("rule.feedback_sparsity", config.feedback_sparsity, shapes)
    reach = {l: shape[1] * (1 - absent[l]) for l, shape in shapes.items()}
    matched = {l: spread(1 / reach[l], config.feedback_distribution) for l in shapes}
    words = {MATCHED: matched}
    scales = per_layer("rule.feedback_scale", config.feedback_scale, shapes, words)
    if not learns and config.feedback is None and not any(scales.values()):
        complain("rule.feedback_scale=0: no signal reaches the hidden layers, as with rule=shallow")
    one = config.feedback_seed
    seeds = net.seeds if one is None else [one] * len(net.seeds)
    few = {l: fewer(config.feedback_neurons, l, shape) for l, shape in shapes.items()}
    drawn = draw(f"feedback{fresh}", few, scales, config.feedback_distribution, seeds)
    drawn = {l: shared(rows, shapes[l]) for l, rows in drawn.items()}
    drawn |= literal("rule.feedback", config.feedback, shapes, net.seeds)
    masks = draw_masks(f"feedback_mask{fresh}", shapes, absent, seeds)
    names = {l: feedback_name(net, f"B{l}{fresh}", shape) for l, shape in shapes.items()}
    for l, name in names.items():
        if name not in net.bank:
            net.bank[name] = net.backend.to_device(masked(drawn[l], masks.get(l)))
        if learns and l in masks:
            net.masks[name] = net.backend.to_device(masks[l])
    return {l: net.bank[name] for l, name in names.items()}


def fewer(neurons: int | None, l: int, shape: tuple) -> tuple:
    """The shape of a B_l that so many modulatory neurons carry to the hidden layer.

    Paper, Supp. Fig. 3. Raises UserError where they cannot have as many units each.
    """
    if neurons is None:
        return shape
    if shape[0] % neurons:
        raise UserError(
            f"rule.feedback_neurons={neurons}: layer {l} has {shape[0]} units: "
            "expected a number that divides them"
        )
    return (neurons, *shape[1:])


def shared(rows: np.ndarray, shape: tuple) -> np.ndarray:
    """B_l (S, *shape), each of whose rows several hidden units share; as it is where none do."""
    return np.repeat(rows, shape[0] // rows.shape[1], axis=1)


def feedback_name(net: Network, name: str, shape: tuple) -> str:
    """B1 and the like; where another B_l of another shape has that name, its shape as well."""
    taken = name in net.bank and net.bank[name].shape[1:] != tuple(shape)
    return f"{name}_{'x'.join(map(str, shape))}" if taken else name


def masked(array: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Without the synapses that are absent."""
    return array if mask is None else array * mask


def draw(
    purpose: str, shapes: Mapping, scales: Mapping, distribution: str, seeds: Sequence[int]
) -> Drawn:
    """Arrays (S, *shapes[l]): uniform over [-scales[l], scales[l]], or normal with that sd."""

    def one(seed: int, l: int) -> np.ndarray:
        rng = generator(seed, purpose, l)
        uniform = distribution == "uniform"
        unit = rng.uniform(-1, 1, shapes[l]) if uniform else rng.standard_normal(shapes[l])
        return scales[l] * unit

    return {l: over_seeds(one, seeds, l) for l in shapes}


def draw_masks(purpose: str, shapes: Mapping, absent: Mapping, seeds: Sequence[int]) -> Drawn:
    """Where a fraction absent[l] > 0 of synapses is missing: 0 where one is, else 1; (S, shape)."""

    def one(seed: int, l: int) -> np.ndarray:
        size = int(np.prod(shapes[l]))
        mask = np.ones(size)
        mask[generator(seed, purpose, l).permutation(size)[: round(absent[l] * size)]] = 0
        return mask.reshape(shapes[l])

    return {l: over_seeds(one, seeds, l) for l in shapes if absent[l] > 0}


def over_seeds(one: Callable, seeds: Iterable[int], l: int) -> np.ndarray:
    """one(seed, l) of all seeds, (S, ...)."""
    return np.stack([one(seed, l) for seed in seeds])


def literal(key: str, matrices: Sequence | None, shapes: Mapping, seeds: Sequence[int]) -> Drawn:
    """Matrices written out in YAML, the same for every seed; null keeps one random.

    Raises UserError where a shape does not fit.
    """
    if matrices is None or not shapes:
        return {}
    if not isinstance(matrices, list) or len(matrices) != len(shapes):
        raise UserError(
            f"{key}: expected a list of {len(shapes)} matrices, one for each layer, "
            "or null for a random one"
        )
    given = zip(shapes.items(), matrices, strict=True)
    return {
        l: written(key, l, shape, rows, seeds) for (l, shape), rows in given if rows is not None
    }


def written(key: str, l: int, shape: tuple, rows: Sequence, seeds: Sequence[int]) -> np.ndarray:
    """One matrix written out in YAML, (S, *shape)."""
    try:
        matrix = np.array(rows, dtype=float)
    except (TypeError, ValueError):
        raise UserError(
            f"{key}: matrix {l} is not a matrix of numbers: write it as [[row], [row]]"
        ) from None
    if matrix.shape != shape:
        raise UserError(
            f"{key}: layer {l} needs a {shape[0]} x {shape[1]} matrix, got shape {matrix.shape}"
        )
    return np.stack([matrix] * len(seeds))
