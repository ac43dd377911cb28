"""The networks that `fa-run bench` trains, as this project trains them, and the limit that the machine sets."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fa_cli.backend import ALL, NumpyBackend
from fa_cli.data import Batch
from fa_cli.network import ACTIVATIONS, Network
from fa_cli.rules import RULES
from fa_cli.schema import BackendConfig, ModelConfig, OptimizerConfig, RuleConfig, RunConfig
from fa_cli.spiking import Dynamics, SpikingNetwork
from fa_cli.train import Phase, learn

STRETCH = 1000  # examples between two returns to Python, as in a real run
Contender = Callable[
    [], list[np.ndarray]
]  # trains, and returns the final W_l, each (S, n_{l+1}, n_l)


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
    def products(self) -> int:
        """Multiply-adds of one seed's step in products of matrices: forward, backward and the update."""
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
    """The networks of the paper: online learning of small ones, batches of large ones with two seeds for each core."""
    mnist, note5, fig4 = (784, 1000, 10), (784, 1500, 1500, 1500, 10), (784, 1500, 1500, 1500, 1000)
    spiking = Dynamics(
        tau=0.9, steps_per_image=5, rate_cap=0.95, population=100, streams=50, phi_delta="tanh"
    )
    fig3 = {"weight_decay": 1e-6, "dtype": "float32"}
    return [
        Workload("fig2", (30, 20, 10), "linear", "linear", 20, 1, 2000, "float64"),
        Workload("fig3d", (30, 20, 10, 10), "tanh", "linear", 20, 1, 2000, "float64"),
        Workload("fig3d_batch100", (30, 20, 10, 10), "tanh", "linear", 20, 100, 100, "float64"),
        Workload("fig5", (20, 1000, 20), "tanh", "tanh", 20, 1, 200, "float64"),
        Workload("fig5_batch100", (20, 1000, 20), "tanh", "tanh", 20, 100, 10, "float64"),
        Workload("fig3_batch20", mnist, "logistic", "logistic", 2 * cores, 20, 100, **fig3),
        Workload("fig3_batch100", mnist, "logistic", "logistic", 2 * cores, 100, 40, **fig3),
        Workload(
            "note5_batch100",
            note5,
            "piecewise_linear",
            "piecewise_linear",
            2 * cores,
            100,
            10,
            "float32",
        ),
        Workload("mnist_online", mnist, "logistic", "logistic", 1, 1, 2000, **fig3, nonzero=0.19),
        Workload(
            "fig4",
            fig4,
            "logistic",
            "logistic",
            cores,
            spiking.streams,
            8,
            "float32",
            0.19,
            dynamics=spiking,
        ),
    ]


class Given(NamedTuple):
    """What every contender starts from; a dataset to train on as well."""

    weights: list[np.ndarray]  # W_l, (S, n_{l+1}, n_l)
    feedback: list[np.ndarray]  # B_l for l = 1 .. L-1, (S, n_l, n_{l+1})
    x: np.ndarray  # (S, steps * N, n_0)
    target: np.ndarray  # (S, steps * N, n_L)
    batch_size: int
    steps_per_epoch: None = None

    def prepare(self, step: int) -> int:
        """All examples are at hand."""
        return self.x.shape[1] // self.batch_size

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """As of a dataset."""
        examples = slice(step * self.batch_size, (step + steps) * self.batch_size)
        return Batch(self.x[seeds, examples], self.target[seeds, examples])


def given(work: Workload) -> Given:
    """Random parameters of a sensible size and random examples."""
    rng, count = np.random.default_rng(0), work.steps * work.batch_size

    def array(*shape: int) -> np.ndarray:
        return rng.uniform(-1, 1, (work.seeds, *shape)).astype(work.dtype)

    weights = [array(n, m) / np.sqrt(m).astype(work.dtype) for m, n in pairwise(work.sizes)]
    feedback = [array(m, n) / np.sqrt(n).astype(work.dtype) for m, n in pairwise(work.sizes[1:])]
    x = array(count, work.sizes[0]) * (
        rng.random((work.seeds, count, work.sizes[0])) < work.nonzero
    )
    if work.dynamics:  # probabilities of spiking, and classes
        target = np.eye(work.sizes[-1] // work.dynamics.population)[
            rng.integers(10, size=(work.seeds, count))
        ]
        return Given(weights, feedback, abs(x), target.astype(work.dtype), work.batch_size)
    return Given(weights, feedback, x, array(count, work.sizes[-1]), work.batch_size)


def ours(work: Workload, start: Given) -> Contender:
    """This project: the loop of train.py, without measuring in between."""
    backend = NumpyBackend(work.dtype)
    config = RunConfig(
        model=ModelConfig(
            "spiking" if work.dynamics else "rate", list(work.sizes), work.hidden, work.output
        ),
        rule=RuleConfig(name="fa", options={"derivative": "local"}),
        backend=BackendConfig(name="numpy"),
        optimizer=OptimizerConfig(learning_rate=work.rate, weight_decay=work.weight_decay),
        seeds=work.seeds,
        steps=work.steps,
        batch_size=work.batch_size,
        dtype=work.dtype,
    )
    feedback = dict(enumerate(start.feedback, start=1))
    phase = Phase(
        RULES["fa"], config.rule.options, feedback, frozenset(), 0, 10**6
    )  # as long as a real one
    units = ACTIVATIONS[work.hidden], ACTIVATIONS[work.output]
    stretch = max(1, STRETCH // work.batch_size)

    def run() -> list[np.ndarray]:
        net = Network(
            backend, work.sizes, *units, [w.copy() for w in start.weights], None, feedback=feedback
        )
        if work.dynamics:
            net = SpikingNetwork(
                **vars(net), dynamics=work.dynamics, seeds=range(work.seeds)
            ).at_rest(work.batch_size)
        for step in range(0, work.steps, stretch):
            learn(
                config, net, start, phase, None, None, range(step, min(step + stretch, work.steps))
            )
        return net.weights

    return run


def bare(work: Workload, start: Given) -> Contender:
    """The limit: the products of each step and nothing else, by the fastest BLAS call of each, in place, a seed on each core."""
    backend, size, depth = NumpyBackend(work.dtype), work.batch_size, len(start.weights)
    rng = np.random.default_rng(1)
    h = [rng.standard_normal((n, size)).astype(work.dtype) for n in work.sizes]

    def seed(s: int) -> None:
        w, out = (
            [weights[s].copy() for weights in start.weights],
            [np.empty_like(array) for array in h],
        )
        for _ in range(work.steps * work.updates):
            for l in range(depth):
                np.matmul(w[l], h[l], out=out[l + 1])
            for l in range(1, depth):
                np.matmul(start.feedback[l - 1][s], h[l + 1], out=out[l])
            for l in range(depth):
                backend.gemm_add(w[l], h[l + 1].T, h[l].T, 1e-9, 1.0)

    def run() -> list[np.ndarray]:
        backend.map(seed, range(work.seeds))
        return []

    return run
