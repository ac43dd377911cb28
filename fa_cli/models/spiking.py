"""The network of Fig. 4: neurons that integrate and spike, feedback neurons beside them.

Paper, Methods, "A deep network that integrates its activity and spikes". Forward neurons have
potentials V_l, feedback neurons potentials U_l; both live on from image to image, and plasticity
acts at every time step. Each of K streams sees images of its own, one after the other, and all
learn the same weights; the paper has one. The batch axis N of all arrays is that of the streams. As
e = y* - y here, U is -U of the paper.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np

from fa_cli.backend import Backend
from fa_cli.data import Batch
from fa_cli.errors import UserError
from fa_cli.layers.dense import transpose
from fa_cli.models import model
from fa_cli.network import Network, build
from fa_cli.options import Count, Fraction, Words
from fa_cli.randomness import generator
from fa_cli.rules import Rule
from fa_cli.schema import ModelConfig, RunConfig
from fa_cli.signals import Array, Signals
from fa_cli.units import logistic

# Numbers below 1e-38 make products of matrices in float32 a hundred times slower. So potentials
# never fade to nothing, and slopes are those of |V| = 30 at most, where a unit spikes always or
# never.
FAINT, EXTREME = 1e-20, 30

PHI_DELTA = {  # what a feedback neuron of potential U sends: "a simple sigmoidal .. centred on 0"
    "logistic": lambda xp, u: xp.tanh(u / 2) / 2,  # 1 / (1 + e^-U) - 1/2
    "bipolar": lambda xp, u: xp.tanh(u / 2),
    "tanh": lambda xp, u: xp.tanh(u),
}


class Dynamics(NamedTuple):
    """The options of model=spiking."""

    tau: Annotated[Fraction, Words("V and U keep 1 - tau of themselves in a time step")]
    steps_per_image: Annotated[Count, Words("time steps that an image is shown")]
    rate_cap: Annotated[Fraction, Words("highest probability of spiking of an input neuron")]
    population: Annotated[Count, Words("output neurons of each class")]
    streams: Annotated[Count, Words("image streams that share the weights")]
    phi_delta: Annotated[
        Literal["logistic", "bipolar", "tanh"], Words("what a feedback neuron of potential U sends")
    ]


@dataclass
class SpikingNetwork(Network):
    """Networks of S seeds, each with its state in K streams."""

    dynamics: Dynamics = field(kw_only=True)
    v: Sequence[Array] = ()  # V_1 .. V_L, each (S, K, n_l)
    u: Sequence[Array] = ()  # U_1 .. U_L

    @property
    def updates(self) -> int:
        """As in Network: one in each time step."""
        return self.dynamics.steps_per_image

    @property
    def values(self) -> int:
        """As in Network: one for each population of output neurons."""
        return super().values // self.dynamics.population

    def of(self, seeds: slice) -> Self:
        """As in Network."""
        v, u = [one[seeds] for one in self.v], [one[seeds] for one in self.u]
        return replace(super().of(seeds), v=v, u=u)

    def state(self) -> dict[str, Array]:
        """As in Network: V1 .. VL and U1 .. UL."""
        forward = {f"V{l}": potential for l, potential in enumerate(self.v, start=1)}
        return forward | {f"U{l}": potential for l, potential in enumerate(self.u, start=1)}

    def answer(self, y: Array) -> Array:
        """Mean activity of each class's output neurons, (S, N, classes)."""
        return y.reshape(*y.shape[:-1], -1, self.dynamics.population).mean(axis=-1)

    def check_probe(self, x: Array) -> None:
        """As in Network: inputs are probabilities of spiking."""
        if x.min() < 0 or x.max() > 1:
            raise UserError(
                "model=spiking takes inputs from 0 to 1, as probabilities of spiking: "
                "type dataset.standardize=unit for images"
            )

    # ---- time ------------------------------------------------------------------------------------

    def present(self, batch: Batch, step: int) -> Iterator[Signals]:
        """As in Network, one for each time step."""
        return self.run(batch, "spikes", step, self.dynamics.steps_per_image)

    def observer(self, purpose: str) -> Callable[[Batch], Signals]:
        """As in Network: the last time step of each batch.

        It is shown to streams that start at rest and live on from batch to batch. Only the output's
        feedback neurons have integrated; hidden ones settle from rest.
        """
        streams: list[SpikingNetwork] = []
        numbers = count()

        def look(batch: Batch) -> Signals:
            if not streams:
                streams.append(self.at_rest(batch.x.shape[1]))
            net = streams[0].first(batch.x.shape[1])
            *_, last = net.run(batch, purpose, next(numbers), self.dynamics.steps_per_image)
            return last._replace(settle=lambda l, arriving: net.send(self.dynamics.tau * arriving))

        return look

    def at_rest(self, streams: int) -> "SpikingNetwork":
        """The same parameters, with all potentials of some new streams at 0."""
        v, u = potentials_at_rest(self, streams), potentials_at_rest(self, streams)
        return replace(self, v=v, u=u)

    def first(self, streams: int) -> "SpikingNetwork":
        """The first of the streams; potentials are views."""
        v, u = [one[:, :streams] for one in self.v], [one[:, :streams] for one in self.u]
        return replace(self, v=v, u=u)

    def run(self, batch: Batch, purpose: str, block: int, steps: int) -> Iterator[Signals]:
        """Show a batch, an image to each stream, for some time steps.

        The random numbers are those of `purpose` and `block`.
        """
        xp, rngs = self.backend.xp, [generator(seed, purpose, block) for seed in self.seeds]
        rates, target = xp.minimum(batch.x, self.dynamics.rate_cap), xp.zeros_like(self.v[-1])
        target += xp.repeat(batch.target, self.dynamics.population, axis=-1)
        for _ in range(steps):
            yield self.step(rates, target, rngs)

    def step(self, rates: Array, target: Array, rngs: Sequence[np.random.Generator]) -> Signals:
        """One time step: forward potentials, spikes, the output's feedback neurons. Eq. (5), (7).

        `rates`: probabilities of spiking of the inputs, (S or 1, K, n_0).
        """
        xp, spikes, slopes = self.backend.xp, [self.spike(rates, rngs)], [None]
        for l, unit in enumerate(self.units):
            self.integrate(self.v[l], self.drive(l, spikes[l]))
            rates = logistic(xp, xp.clip(self.v[l], -EXTREME, EXTREME))
            spikes.append(self.spike(rates, rngs))
            slopes.append(unit.slope(xp, rates))
        error = self.settle(self.depth, target - spikes[-1])
        return Signals(spikes, slopes, target, error, self.settle)

    def spike(self, rates: Array, rngs: Sequence[np.random.Generator]) -> Array:
        """1 with the probability that `rates` says, else 0.

        One number for each unit and stream, the streams of a unit together.
        """
        _, streams, units = rates.shape
        numbers = np.stack([rng.random((units, streams), self.backend.dtype) for rng in rngs])
        spikes = transpose(self.backend.to_device(numbers)) < rates
        return spikes.astype(self.backend.dtype)

    def settle(self, l: int, arriving: Array) -> Array:
        """delta_l = phi_delta(U_l), after U_l = (1 - tau) U_l + tau * what arrives. Eq. (6)."""
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
    """Zeros for V_1 .. V_L, or U_1 .. U_L, laid out as the large products that they integrate."""
    zeros, seeds, dtype = net.backend.xp.zeros, len(net.seeds), net.backend.dtype
    return [transpose(zeros((seeds, size, streams), dtype)) for size in net.sizes[1:]]


def build_spiking(model: ModelConfig, backend: Backend, seeds: Sequence[int]) -> SpikingNetwork:
    """The networks of all seeds, at rest."""
    dynamics = Dynamics(**model.options)
    net = SpikingNetwork(**vars(build(model, backend, seeds)), dynamics=dynamics)
    return net.at_rest(dynamics.streams)


def check_spiking(config: RunConfig, rules: Sequence[Rule]) -> None:
    """Raise UserError for a config, with the rules of its phases, that makes no such network."""
    model, options, sizes = config.model, config.model.options, config.model.sizes
    assert sizes is not None  # those of layers, where none are given
    if options["streams"] != config.batch_size:
        raise UserError(
            f"batch_size={config.batch_size}: each stream takes one image in a step: "
            f"type model.streams={config.batch_size}"
        )
    if sizes[-1] % options["population"]:
        raise UserError(
            f"model.population={options['population']}: expected a number that divides the "
            f"{sizes[-1]} output units"
        )
    if np.any(model.dropout):
        raise UserError(
            f"model.dropout={model.dropout}: neurons that spike at random have none: type "
            "model.dropout=0"
        )
    if (model.hidden, model.output) != ("logistic", "logistic"):
        raise UserError(
            "model=spiking spikes with logistic probability: "
            "leave model.hidden and model.output as they are"
        )
    for rule in rules:
        if rule.noise:
            raise UserError(
                f"rule={rule.name} needs a second forward pass with noise, which model=spiking "
                "has not: type rule=fa, bp, dfa or shallow"
            )


model("spiking", build_spiking, options=Dynamics, check=check_spiking)
