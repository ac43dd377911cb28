"""The network of Fig. 4: neurons that integrate their input and spike, feedback neurons beside them, plasticity at every time step.

Paper, Methods, "A deep network that integrates its activity and spikes". Forward neurons have potentials V_l, feedback neurons
potentials U_l; both live on from image to image. Each of K streams sees images of its own, one after the other, and all learn the
same weights; the paper has one. The batch axis N of all arrays is that of the streams. As e = y* - y here, U is -U of the paper.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, NamedTuple

import numpy as np

from fa_cli.backend import Array, Backend
from fa_cli.data import Batch
from fa_cli.errors import UserError
from fa_cli.network import Network, Signals, build, logistic, transpose
from fa_cli.probes import METRICS, Columns, View
from fa_cli.rules import RULES
from fa_cli.schema import ModelConfig, RunConfig
from fa_cli.streams import generator

# Numbers below 1e-38 make products of matrices in float32 a hundred times slower. So potentials never fade to nothing, and slopes are
# those of |V| = 30 at most, where a unit spikes always or never.
FAINT, EXTREME = 1e-20, 30
SHOWN, STEPS, UNITS = (
    3,
    50,
    50,
)  # images, time steps an image and units a layer that the metric `rasters` keeps, as in Fig. 4

PHI_DELTA = {  # what a feedback neuron of potential U sends on: "a simple sigmoidal function centred on 0"
    "logistic": lambda xp, u: xp.tanh(u / 2) / 2,  # 1 / (1 + e^-U) - 1/2
    "bipolar": lambda xp, u: xp.tanh(u / 2),
    "tanh": lambda xp, u: xp.tanh(u),
}


class Dynamics(NamedTuple):
    """The options of model=spiking."""

    tau: float  # integration constant: V and U keep 1 - tau of themselves in a time step
    steps_per_image: int  # time steps that an image is shown, in training and in tests
    rate_cap: float  # highest probability of spiking of an input neuron
    population: int  # output neurons of each class
    streams: int  # K
    phi_delta: Literal["logistic", "bipolar", "tanh"]


@dataclass
class SpikingNetwork(Network):
    """Networks of S seeds, each with its state in K streams."""

    dynamics: Dynamics = None
    seeds: Sequence[int] = ()
    v: Sequence[Array] = ()  # V_1 .. V_L, each (S, K, n_l)
    u: Sequence[Array] = ()  # U_1 .. U_L

    @property
    def updates(self) -> int:
        """As in Network."""
        return self.dynamics.steps_per_image

    def of(self, seeds: slice) -> "SpikingNetwork":
        """As in Network."""
        v, u = ([potential[seeds] for potential in potentials] for potentials in (self.v, self.u))
        return replace(super().of(seeds), seeds=self.seeds[seeds], v=v, u=u)

    def state(self) -> dict[str, Array]:
        """As in Network."""
        return {
            f"{name}{l}": array
            for name, arrays in (("V", self.v), ("U", self.u))
            for l, array in enumerate(arrays, start=1)
        }

    def answer(self, y: Array) -> Array:
        """Mean activity of each class's output neurons, (S, N, classes)."""
        return y.reshape(*y.shape[:-1], -1, self.dynamics.population).mean(axis=-1)

    def present(self, batch: Batch, step: int) -> Iterator[Signals]:
        """As in Network, one for each time step."""
        return self.run(batch, "spikes", step, self.dynamics.steps_per_image)

    def observer(self, purpose: str) -> Callable[[Batch], Signals]:
        """As in Network: the last time step of each batch, shown to streams that start at rest and live on from batch to batch.

        Only the output's feedback neurons have integrated; hidden ones settle from rest.
        """
        streams, numbers = [], count()

        def look(batch: Batch) -> Signals:
            if not streams:
                streams.append(self.at_rest(batch.x.shape[1]))
            net = streams[0].first(batch.x.shape[1])
            *_, last = net.run(batch, purpose, next(numbers), self.dynamics.steps_per_image)
            return last._replace(settle=lambda l, arriving: net.send(self.dynamics.tau * arriving))

        return look

    def at_rest(self, streams: int) -> "SpikingNetwork":
        """The same parameters, with all potentials of some new streams at 0."""
        v, u = (potentials_at_rest(self, streams) for _ in "vu")
        return replace(self, v=v, u=u)

    def first(self, streams: int) -> "SpikingNetwork":
        """The first of the streams; potentials are views."""
        v, u = (
            [potential[:, :streams] for potential in potentials] for potentials in (self.v, self.u)
        )
        return replace(self, v=v, u=u)

    def run(self, batch: Batch, purpose: str, block: int, steps: int) -> Iterator[Signals]:
        """Show a batch, an image to each stream, for some time steps; the random numbers are those of `purpose` and `block`."""
        xp, rngs = self.backend.xp, [generator(seed, purpose, block) for seed in self.seeds]
        rates, target = xp.minimum(batch.x, self.dynamics.rate_cap), xp.zeros_like(self.v[-1])
        target += xp.repeat(batch.target, self.dynamics.population, axis=-1)
        for _ in range(steps):
            yield self.step(rates, target, rngs)

    def step(self, rates: Array, target: Array, rngs: Sequence[np.random.Generator]) -> Signals:
        """One time step: forward potentials, spikes, and the feedback neurons of the output. Eq. (5) and (7).

        `rates`: probabilities of spiking of the inputs, (S or 1, K, n_0).
        """
        spikes, slopes = [self.spike(rates, rngs)], [None]
        for l in range(self.depth):
            arriving = self.backend.matmul(spikes[l], transpose(self.weights[l]))
            if self.biases is not None:
                arriving += self.biases[l][:, None, :]
            self.integrate(self.v[l], arriving)
            rates = logistic(self.backend.xp, self.backend.xp.clip(self.v[l], -EXTREME, EXTREME))
            spikes.append(self.spike(rates, rngs))
            slopes.append(self.hidden.slope(self.backend.xp, rates))
        return Signals(
            spikes, slopes, target, self.settle(self.depth, target - spikes[-1]), self.settle
        )

    def spike(self, rates: Array, rngs: Sequence[np.random.Generator]) -> Array:
        """1 with the probability that `rates` says, else 0; one number for each unit and stream, the streams of a unit together."""
        _, streams, units = rates.shape
        numbers = np.stack([rng.random((units, streams), self.backend.dtype) for rng in rngs])
        return (transpose(self.backend.to_device(numbers)) < rates).astype(self.backend.dtype)

    def settle(self, l: int, arriving: Array) -> Array:
        """delta_l = phi_delta(U_l), after U_l = (1 - tau) U_l + tau * what arrives from the layer above. Eq. (6)."""
        self.integrate(self.u[l - 1], arriving)
        return self.send(self.u[l - 1])

    def integrate(self, potential: Array, arriving: Array) -> None:
        """In place, potential = (1 - tau) potential + tau * arriving."""
        potential *= 1 - self.dynamics.tau
        potential += self.dynamics.tau * arriving
        potential += FAINT

    def send(self, u: Array) -> Array:
        """phi_delta(U)."""
        return PHI_DELTA[self.dynamics.phi_delta](self.backend.xp, u)


def potentials_at_rest(net: Network, streams: int) -> list[Array]:
    """Zeros for V_1 .. V_L, or U_1 .. U_L, laid out in memory as the large products that they will integrate."""
    seeds, dtype = len(net.weights[0]), net.backend.dtype
    return [
        transpose(net.backend.xp.zeros((seeds, size, streams), dtype)) for size in net.sizes[1:]
    ]


def build_spiking(model: ModelConfig, backend: Backend, seeds: Sequence[int]) -> SpikingNetwork:
    """The networks of all seeds, at rest."""
    dynamics = Dynamics(**model.options)
    net = SpikingNetwork(**vars(build(model, backend, seeds)), dynamics=dynamics, seeds=list(seeds))
    return net.at_rest(dynamics.streams)


def check_spiking(config: RunConfig, rules: Sequence[str]) -> None:
    """Raise UserError for a config of model=spiking, with all the rules of its phases, that makes no such network."""
    model, options = config.model, config.model.options
    for key in ("tau", "rate_cap"):
        if options[key] > 1:
            raise UserError(f"model.{key}={options[key]}: expected a number above 0, up to 1")
    for key in ("steps_per_image", "population"):
        if options[key] < 1:
            raise UserError(f"model.{key}={options[key]}: expected a whole number of at least 1")
    if options["streams"] != config.batch_size:
        raise UserError(
            f"batch_size={config.batch_size}: each stream takes one image in a step: type model.streams={config.batch_size}"
        )
    if model.sizes[-1] % options["population"]:
        raise UserError(
            f"model.population={options['population']}: does not divide the {model.sizes[-1]} output units"
        )
    if (model.hidden, model.output) != ("logistic", "logistic"):
        raise UserError(
            "model=spiking spikes with logistic probability: leave model.hidden and model.output as they are"
        )
    for name in rules:
        if RULES[name].noisy:
            raise UserError(
                f"rule={name} needs a second forward pass with noise, which model=spiking has not: type rule=fa, bp, dfa or shallow"
            )


def check_images(x: Array, metrics: Sequence[str]) -> None:
    """Raise UserError for inputs of the probe, (1 or S, N, n_0), that are no probabilities of spiking, or too few for a raster."""
    if x.min() < 0 or x.max() > 1:
        raise UserError(
            "model=spiking takes inputs from 0 to 1, as probabilities of spiking: type dataset.standardize=unit for images"
        )
    if "rasters" in metrics and x.shape[1] < SHOWN:
        raise UserError(
            f"record.metrics: rasters show {SHOWN} held-out images, there are {x.shape[1]}: raise record.examples, or leave it out"
        )


def raster_units(seed: int, l: int, size: int) -> np.ndarray:
    """The units of layer l that a raster shows: random ones, in their order."""
    return np.sort(generator(seed, "raster_units", l).permutation(size)[:UNITS])


@METRICS.register("rasters")
def rasters(view: View) -> Columns:
    """Some units' spikes while three images are shown for 50 time steps each, without plasticity; kept in arrays.npz. Paper, Fig. 4.

    raster_l, (S, time * units), for every layer l; psp_l and modulator_l, (S, time): V_l and delta_l of the raster's first unit of
    every hidden layer. raster_images, (S, 3 n_0): the images, the first of the probe.
    """
    if not isinstance(view.net, SpikingNetwork):
        return {}
    net, seeds, columns = view.net.at_rest(1), view.net.seeds, {}
    chosen = {
        l: np.stack([raster_units(seed, l, net.sizes[l]) for seed in seeds])
        for l in range(1, net.depth + 1)
    }
    chosen = {l: net.backend.to_device(units, np.int64) for l, units in chosen.items()}
    rows = net.backend.xp.arange(len(seeds))[:, None]

    def keep(name: str, l: int, values: Array, units: Array) -> None:
        columns.setdefault(f"{name}_{l}", []).append(values[:, 0][rows, units])

    for image in range(SHOWN):
        one = Batch(*(array[:, image : image + 1] for array in view.data.probe[:2]))
        for signals in net.run(one, "raster_spikes", image, STEPS):
            delta = view.deltas(net, signals)
            for l, units in chosen.items():
                keep("raster", l, signals.activations[l], units)
                if l < net.depth:
                    keep("psp", l, net.v[l - 1], units[:, :1])
                    if l in delta:
                        keep("modulator", l, delta[l], units[:, :1])
    columns = {name: net.backend.xp.concatenate(values, axis=1) for name, values in columns.items()}
    columns = {
        name: values.astype(bool) if name.startswith("raster") else values
        for name, values in columns.items()
    }
    pixels = net.backend.xp.concatenate(
        [view.data.probe.x[:, :SHOWN]] * (len(seeds) // len(view.data.probe.x))
    )
    return columns | {"raster_images": pixels.reshape(len(seeds), -1)}
