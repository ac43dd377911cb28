"""The networks that `fa-run bench` trains, how this project does it, and the machine's limit."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fa_cli.backend import NumpyBackend
from fa_cli.data import Batch
from fa_cli.layers.dense import Dense
from fa_cli.models.spiking import Dynamics, SpikingNetwork
from fa_cli.network import Network
from fa_cli.randomness import BLOCK
from fa_cli.rules import RULES, load_rules
from fa_cli.schema import OptimizerConfig, RunConfig
from fa_cli.signals import ALL
from fa_cli.train import Phase, learn
from fa_cli.units import ACTIVATIONS

Contender = Callable[[], list[np.ndarray]]  # trains, and returns the final W_l, (S, n_{l+1}, n_l)


class Workload(NamedTuple):
    """A network and how it is trained, with feedback alignment and a fixed learning rate."""

    name: str
    sizes: tuple[int, ...]
    hidden: str
    output: str
    seeds: int
    batch_size: int
    steps: int
    dtype: str
    nonzero: float = 1.0  # fraction of inputs that are not 0
    weight_decay: float = 0.0
    rate: float = 1e-4
    dynamics: Dynamics | None = None  # of a network that integrates and spikes

    @property
    def largest(self) -> int:
        """Multiply-adds of a step in the largest product of one seed."""
        return self.batch_size * max(m * n for m, n in pairwise(self.sizes))

    @property
    def products(self) -> int:
        """Multiply-adds of a step in all products of one seed: forward, backward and the update."""
        elements = [m * n for m, n in pairwise(self.sizes)]
        return self.batch_size * self.updates * (2 * sum(elements) + sum(elements[1:]))

    @property
    def updates(self) -> int:
        """Updates of the weights in a step."""
        return self.dynamics.steps_per_image if self.dynamics else 1

    @property
    def keep(self) -> float:
        """What weight decay leaves of a weight in one step."""
        return (1 - self.rate * self.weight_decay) ** (self.batch_size * self.updates)


def workloads(cores: int) -> list[Workload]:
    """Those of the paper: small networks online, large ones in batches, two seeds for each core."""
    mnist, note5 = (784, 1000, 10), (784, 1500, 1500, 1500, 10)
    sigmoid, pieces = ("logistic", "logistic"), ("piecewise_linear", "piecewise_linear")
    fig3: dict[str, Any] = {"weight_decay": 1e-6, "dtype": "float32"}
    fig4 = Dynamics(0.9, 5, rate_cap=0.95, population=100, streams=50, phi_delta="tanh")
    spikes: dict[str, Any] = {"nonzero": 0.19, "dynamics": fig4}
    return [
        Workload("fig2", (30, 20, 10), "linear", "linear", 20, 1, 2000, "float64"),
        Workload("fig3d", (30, 20, 10, 10), "tanh", "linear", 20, 1, 2000, "float64"),
        Workload("fig3d_batch100", (30, 20, 10, 10), "tanh", "linear", 20, 100, 100, "float64"),
        Workload("fig5", (20, 1000, 20), "tanh", "tanh", 20, 1, 200, "float64"),
        Workload("fig5_batch100", (20, 1000, 20), "tanh", "tanh", 20, 100, 10, "float64"),
        Workload("fig3_batch20", mnist, *sigmoid, 2 * cores, 20, 100, **fig3),
        Workload("fig3_batch100", mnist, *sigmoid, 2 * cores, 100, 40, **fig3),
        Workload("note5_batch100", note5, *pieces, 2 * cores, 100, 10, "float32"),
        Workload("mnist_online", mnist, *sigmoid, 1, 1, 2000, **fig3, nonzero=0.19),
        Workload("fig4", (*note5[:-1], 1000), *sigmoid, cores, 50, 8, "float32", **spikes),
    ]


class Given(NamedTuple):
    """What every contender starts from; a source of examples for train.py as well."""

    weights: list[np.ndarray]  # W_l, (S, n_{l+1}, n_l)
    feedback: list[np.ndarray]  # B_l for l = 1 .. L-1, (S, n_l, n_{l+1})
    x: np.ndarray  # (S, steps * N, n_0)
    target: np.ndarray  # (S, steps * N, values)
    batch_size: int

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """As in Data."""
        examples = slice(step * self.batch_size, (step + steps) * self.batch_size)
        return Batch(self.x[seeds, examples], self.target[seeds, examples])


def given(work: Workload) -> Given:
    """Random parameters of a sensible size and random examples."""
    rng, seeds, count = np.random.default_rng(0), work.seeds, work.steps * work.batch_size

    def array(*shape: int) -> np.ndarray:
        return rng.uniform(-1, 1, (seeds, *shape)).astype(work.dtype)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return array(rows, columns) / np.sqrt(columns).astype(work.dtype)

    weights = [matrix(n, m) for m, n in pairwise(work.sizes)]
    feedback = [matrix(m, n) for m, n in pairwise(work.sizes[1:])]
    x = array(count, work.sizes[0])
    x *= rng.random(x.shape) < work.nonzero
    if work.dynamics is None:
        return Given(weights, feedback, x, array(count, work.sizes[-1]), work.batch_size)
    classes = work.sizes[-1] // work.dynamics.population
    target = np.eye(classes, dtype=work.dtype)[rng.integers(classes, size=(seeds, count))]
    return Given(weights, feedback, abs(x), target, work.batch_size)


def network(work: Workload, start: Given, backend: NumpyBackend) -> Network:
    """This project's network before the first step."""
    layers = [Dense(m, n) for m, n in pairwise(work.sizes)]
    units = [ACTIVATIONS[work.hidden]] * (len(layers) - 1) + [ACTIVATIONS[work.output]]
    weights = [w.copy() for w in start.weights]
    net = Network(backend, range(work.seeds), layers, units, weights, biases=None)
    if work.dynamics is None:
        return net
    return SpikingNetwork(**vars(net), dynamics=work.dynamics).at_rest(work.batch_size)


def ours(work: Workload, start: Given, backend: NumpyBackend) -> Contender:
    """This project: the loop of train.py, in stretches as long as a run's, without measuring."""
    load_rules()
    optimizer = OptimizerConfig(learning_rate=work.rate, weight_decay=work.weight_decay)
    config = RunConfig(optimizer=optimizer, batch_size=work.batch_size)
    feedback = dict(enumerate(start.feedback, start=1))
    phase = Phase(RULES["fa"], {"derivative": "local"}, feedback, (), start=0, stop=10**6)
    steps, stretch = range(work.steps), max(1, BLOCK // work.batch_size)

    def train() -> list[np.ndarray]:
        net = network(work, start, backend)
        net.feedback = phase.feedback
        for first in steps[::stretch]:
            some = steps[first : first + stretch]
            # of Data it asks for batches alone
            learn(config, net, start, phase, None, some)  # type: ignore[arg-type]
        return net.weights

    return train


def bare(work: Workload, start: Given, backend: NumpyBackend) -> Contender:
    """The limit: the products of each step and nothing else, a seed on each core.

    Each product is the fastest BLAS call for it, in place.
    """
    rng = np.random.default_rng(1)
    h = [rng.standard_normal((n, work.batch_size)).astype(work.dtype) for n in work.sizes]

    def train_one(s: int) -> None:
        w = [weights[s].copy() for weights in start.weights]
        b = [feedback[s] for feedback in start.feedback]
        out = [np.empty_like(array) for array in h]
        for _ in range(work.steps * work.updates):
            for l in range(len(w)):
                np.matmul(w[l], h[l], out=out[l + 1])
            for l in range(1, len(w)):
                np.matmul(b[l - 1], h[l + 1], out=out[l])
            for l in range(len(w)):
                backend.gemm_add(w[l], h[l + 1].T, h[l].T, 1e-9, 1.0)

    def train() -> list[np.ndarray]:
        backend.map(train_one, range(work.seeds))
        return []

    return train


def seconds(train: Contender) -> float:
    """How long it takes to train once."""
    start = time.perf_counter()
    train()
    return time.perf_counter() - start
