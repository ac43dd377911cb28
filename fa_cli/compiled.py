"""The loop of train.py without Python in it, for small layers and for online learning, where Python would take most of the time.

The same updates as the plain loop, which defines them, but for the order of sums: each core takes some of the seeds, one after
the other, through all steps of a stretch. The classic rules on dense networks go this way; `backend.compiled=false` switches it off.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fa_cli.backend import LARGE
from fa_cli.network import ACTIVATIONS, Network, transpose
from fa_cli.rules.bp import bp
from fa_cli.rules.dfa import dfa
from fa_cli.rules.fa import fa
from fa_cli.rules.shallow import shallow
from fa_cli.schema import RunConfig

LONG = 5000  # steps of a phase from which Numba is worth its import
SHORT = 10  # steps between two measurements below which the plain loop is as fast


class Path(NamedTuple):
    """How a rule carries the error to the hidden layers."""

    hidden: bool  # it does so at all
    transposed: bool  # through W_l^T in place of B_l
    direct: bool  # from the output in place of the next layer
    passed: Callable[[dict], bool]  # with phi' of the layer that it comes from, given the rule's options


PATHS = {
    bp: Path(hidden=True, transposed=True, direct=False, passed=lambda options: True),
    fa: Path(hidden=True, transposed=False, direct=False, passed=lambda options: options["derivative"] == "passed"),
    dfa: Path(hidden=True, transposed=False, direct=True, passed=lambda options: options["derivative"] == "passed"),
    shallow: Path(hidden=False, transposed=True, direct=False, passed=lambda options: True),
}
KINDS = [ACTIVATIONS[name] for name in ("linear", "logistic", "tanh", "relu", "piecewise_linear")]  # as numbered in kernel.py


def covers(config: RunConfig, net: Network, phase, steps: range) -> bool:
    """Whether this loop knows the phase's rule and all of the network, and is the faster way through these steps."""
    known = phase.rule.deltas in PATHS and net.hidden in KINDS and net.output in KINDS
    dense = not net.masks and not config.optimizer.momentum
    small = config.batch_size == 1 or config.batch_size * net.largest < LARGE
    long = phase.stop - phase.start >= LONG and len(steps) >= SHORT
    return net.backend.compiled and known and dense and small and long


def learn(config: RunConfig, net: Network, data, phase, steps: range, rates: Sequence[float]) -> None:
    """As `learn` of train.py."""
    from fa_cli import kernel  # Numba takes a while to import

    path, seeds, last = PATHS[phase.rule.deltas], len(net.weights[0]), net.depth - 1
    learns = np.array([l not in phase.frozen and (path.hidden or l == last) for l in range(net.depth)])
    keeps = np.array([(1 - rate * config.optimizer.weight_decay) ** config.batch_size for rate in rates])

    def learn_part(part: slice) -> None:
        some, batch = net.of(part), data.batch(steps.start, len(steps), part)
        weights = tuple(np.ascontiguousarray(transpose(w)) for w in some.weights)
        biases = tuple(some.biases or (np.zeros((len(w), w.shape[2]), w.dtype) for w in weights))
        back = weights[1:] if path.transposed else tuple(some.feedback[l] for l in range(1, net.depth))
        kernel.learn(
            batch.x, batch.target, weights, biases, net.biases is not None, back or weights, path.transposed, path.direct,
            path.passed(phase.options), KINDS.index(net.hidden), KINDS.index(net.output), learns, np.array(rates), keeps,
        )  # fmt: skip
        for w, learned in zip(some.weights, weights, strict=True):
            w[...] = transpose(learned)

    cores = min(net.backend.threads, seeds)
    bounds = [round(k * seeds / cores) for k in range(cores + 1)]
    net.backend.map(learn_part, [slice(*pair) for pair in pairwise(bounds)])
