"""Networks of dense layers, all seeds in one leading array axis: parameters, activation functions and the forward pass.

Shapes: S seeds, N examples in a batch, n_l units in layer l; layer 0 is the input, layer L the output.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np

from fa_cli.backend import Array, Backend
from fa_cli.errors import UserError
from fa_cli.registry import Registry
from fa_cli.schema import ModelConfig, RuleConfig, per_layer
from fa_cli.streams import generator

ACTIVATIONS = Registry("activation")
Deltas = dict[int, Array]  # delta_l by layer l, each (S, N, n_l)


class Activation(NamedTuple):
    """phi and its derivative, the latter as a function of the unit's output h = phi(a)."""

    phi: Callable  # (xp, a) -> h, in the place of a
    slope: Callable  # (xp, h) -> phi'(a)


def logistic(xp, a: Array) -> Array:
    """1 / (1 + e^-a), step by step in place: temporary arrays would cost as much as the numbers in them."""
    xp.negative(a, out=a)
    xp.exp(a, out=a)
    a += 1
    return xp.reciprocal(a, out=a)


ACTIVATIONS["linear"] = Activation(lambda xp, a: a, lambda xp, h: 1.0)
ACTIVATIONS["logistic"] = Activation(
    logistic, lambda xp, h: xp.multiply(slope := 1 - h, h, out=slope)
)
ACTIVATIONS["tanh"] = Activation(
    lambda xp, a: xp.tanh(a, out=a), lambda xp, h: xp.subtract(1, slope := h * h, out=slope)
)
ACTIVATIONS["relu"] = Activation(
    lambda xp, a: xp.maximum(a, 0, out=a), lambda xp, h: (h > 0).astype(h.dtype)
)
ACTIVATIONS["piecewise_linear"] = Activation(  # Supp. Note 5, eq. (1)
    lambda xp, a: xp.maximum(a, a / 20, out=a),
    lambda xp, h: xp.where(h > 0, h.dtype.type(1), h.dtype.type(1 / 20)),
)


class Signals(NamedTuple):
    """What one forward pass leaves behind for a learning rule."""

    activations: list[Array]  # h_0 = x, h_1 .. h_L = y; each (S, N, n_l)
    slopes: list[Array]  # phi'(a_l) for l = 1 .. L; slopes[0] is None
    target: Array  # y*, (S, N, n_L)
    error: Array  # e = y* - y, (S, N, n_L); in a network whose feedback neurons integrate, what those of the output send
    settle: Callable[[int, Array], Array] = lambda l, arriving: (
        arriving
    )  # (l, what arrives at layer l) -> delta_l


@dataclass
class Network:
    """Parameters of S networks of the same shape, one for each seed."""

    backend: Backend
    sizes: Sequence[int]  # n_0 .. n_L
    hidden: Activation
    output: Activation
    weights: list[Array]  # W_l, (S, n_{l+1}, n_l), l = 0 .. L-1
    biases: list[Array] | None  # b_l, (S, n_{l+1})
    masks: dict[int, Array] = field(
        default_factory=dict
    )  # 0 where a synapse of W_l is absent, as W_l; sparse layers only
    feedback: dict[int, Array] = field(
        default_factory=dict
    )  # B_l by the layer l that it feeds, (S, n_l, ...)
    updates: ClassVar[int] = 1  # of the parameters in a training step

    @property
    def depth(self) -> int:
        """L: the number of layers of weights, and the index of the output layer."""
        return len(self.weights)

    @property
    def largest(self) -> int:
        """Elements of the largest W_l."""
        return max(m * n for m, n in pairwise(self.sizes))

    def of(self, seeds: slice) -> "Network":
        """The networks of some seeds; their arrays are views, so that they learn in place."""
        return replace(
            self,
            weights=[weights[seeds] for weights in self.weights],
            biases=[biases[seeds] for biases in self.biases] if self.biases is not None else None,
            masks={l: mask[seeds] for l, mask in self.masks.items()},
            feedback={l: feedback[seeds] for l, feedback in self.feedback.items()},
        )

    def present(self, batch, step: int) -> Iterator[Signals]:
        """Show the batch of a training step; the parameters may be updated after each of the signals."""
        yield observe(self, batch.x, batch.target)

    def observer(self, purpose: str) -> Callable[..., Signals]:
        """A function that shows one batch after the other to the networks as they are, and returns its signals."""
        return lambda batch: observe(self, batch.x, batch.target)

    def answer(self, y: Array) -> Array:
        """What the output y says of the target, (S, N, values)."""
        return y

    def state(self) -> dict[str, Array]:
        """What lives on from step to step beside the parameters, by name."""
        return {}


def transpose(matrices: Array) -> Array:
    """Each matrix of a stack transposed, (..., m, n) to (..., n, m), without a copy."""
    return matrices.swapaxes(-1, -2)


def forward(net: Network, x: Array, noise: Mapping[int, Array] | None = None) -> list[Array]:
    """Activations [h_0 .. h_L] of a batch x, (S, N, n_0): h_{l+1} = phi(W_l h_l + b_l).

    `noise[l]`, (S, N, n_l), is added to h_l on its way.
    """
    xp, activations = net.backend.xp, [x]
    for l in range(net.depth):
        a = net.backend.matmul(activations[l], transpose(net.weights[l]))
        if net.biases is not None:
            a += net.biases[l][:, None, :]
        unit = net.output if l == net.depth - 1 else net.hidden
        h = unit.phi(xp, a)
        activations.append(h + noise[l + 1] if noise and l + 1 in noise else h)
    return activations


def observe(net: Network, x: Array, target: Array) -> Signals:
    """Forward pass of a batch and its error, e = y* - y."""
    activations = forward(net, x)
    xp, last = net.backend.xp, net.depth
    slopes = [None] + [
        (net.output if l == last else net.hidden).slope(xp, activations[l])
        for l in range(1, last + 1)
    ]
    return Signals(activations, slopes, target, target - activations[-1])


def build(model: ModelConfig, backend: Backend, seeds: Sequence[int]) -> Network:
    """The networks of all seeds at the start of learning, each drawn from its own streams."""
    sizes, layers = model.sizes, range(len(model.sizes) - 1)
    shapes = {l: (sizes[l + 1], sizes[l]) for l in layers}
    masks = draw_masks(
        "weight_mask", shapes, per_layer("model.sparsity", model.sparsity, layers), seeds
    )
    scales = per_layer("model.weight_scale", model.weight_scale, layers)
    weights = draw("weights", shapes, scales, model.weight_distribution, seeds)
    weights |= literal("model.weights", model.weights, shapes, seeds)
    weights = {l: weights[l] * masks[l] if l in masks else weights[l] for l in layers}
    biases = draw(
        "biases",
        {l: (sizes[l + 1],) for l in layers},
        dict.fromkeys(layers, model.bias_scale),
        "uniform",
        seeds,
    )
    return Network(
        backend=backend,
        sizes=sizes,
        hidden=ACTIVATIONS.find(model.hidden),
        output=ACTIVATIONS.find(model.output),
        weights=[backend.to_device(weights[l]) for l in layers],
        biases=[backend.to_device(biases[l]) for l in layers] if model.biases else None,
        masks={l: backend.to_device(masks[l]) for l in masks},
    )


def build_feedback(
    config: RuleConfig, shapes: Mapping[int, tuple], backend: Backend, seeds: Sequence[int]
) -> dict[int, Array]:
    """The fixed random feedback matrices B_l of all seeds, by the hidden layer l that each feeds; `shapes` as the rule says."""
    if not shapes:
        return {}
    scales = per_layer("rule.feedback_scale", config.feedback_scale, shapes)
    feedback = draw("feedback", shapes, scales, config.feedback_distribution, seeds)
    feedback |= literal("rule.feedback", config.feedback, shapes, seeds)
    masks = draw_masks(
        "feedback_mask",
        shapes,
        per_layer("rule.feedback_sparsity", config.feedback_sparsity, shapes),
        seeds,
    )
    return {
        l: backend.to_device(feedback[l] * masks[l] if l in masks else feedback[l]) for l in shapes
    }


def draw(
    purpose: str, shapes: Mapping, scales: Mapping, distribution: str, seeds: Sequence[int]
) -> dict[int, np.ndarray]:
    """For each layer l, arrays (S, *shapes[l]): uniform over [-scale, scale], or normal with sd `scale`."""

    def one(seed: int, l: int) -> np.ndarray:
        rng = generator(seed, purpose, l)
        unit = (
            rng.uniform(-1, 1, shapes[l])
            if distribution == "uniform"
            else rng.standard_normal(shapes[l])
        )
        return scales[l] * unit

    return {l: np.stack([one(seed, l) for seed in seeds]) for l in shapes}


def draw_masks(
    purpose: str, shapes: Mapping, absent: Mapping, seeds: Sequence[int]
) -> dict[int, np.ndarray]:
    """For each layer l with a fraction absent[l] > 0 of its synapses missing: 0 where one is missing, else 1; (S, *shapes[l])."""

    def one(seed: int, l: int) -> np.ndarray:
        size = int(np.prod(shapes[l]))
        mask = np.ones(size)
        mask[generator(seed, purpose, l).permutation(size)[: round(absent[l] * size)]] = 0
        return mask.reshape(shapes[l])

    return {l: np.stack([one(seed, l) for seed in seeds]) for l in shapes if absent[l] > 0}


def literal(
    key: str, matrices: Sequence | None, shapes: Mapping, seeds: Iterable[int]
) -> dict[int, np.ndarray]:
    """Matrices written out in YAML, the same for every seed; null keeps one random. Raises UserError where a shape does not fit."""
    if matrices is None or not shapes:
        return {}
    if not isinstance(matrices, list) or len(matrices) != len(shapes):
        raise UserError(
            f"{key}: expected a list of {len(shapes)} matrices, one for each layer, or null for a random one"
        )
    result = {}
    for (l, shape), rows in zip(shapes.items(), matrices, strict=True):
        if rows is None:
            continue
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
        result[l] = np.stack([matrix for _ in seeds])
    return result
