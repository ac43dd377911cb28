"""The loop of train.py without Python in it, for small layers and for online learning, where Python would take most of the time.

The same updates as the plain loop, which defines them, but for the order of sums: each core takes some of the seeds, one after
the other, through all steps of a stretch. The classic rules on dense networks go this way; `backend.compiled=false` switches it off.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fa_cli.backend import HEAVY
from fa_cli.network import ACTIVATIONS, Network, transpose
from fa_cli.rules.bp import bp
from fa_cli.rules.dfa import dfa
from fa_cli.rules.fa import fa
from fa_cli.rules.shallow import shallow
from fa_cli.schema import RunConfig

FEW = 20  # examples in a batch above which BLAS is faster
LONG = 5000  # steps of a phase from which Numba is worth its import
SHORT = 10  # steps between two measurements below which the plain loop is as fast


class Path(NamedTuple):
    """How a rule carries the error to the hidden layers."""

    hidden: bool  # it does so at all
    transposed: bool  # through W_l^T in place of B_l
    direct: bool  # from the output in place of the next layer
    passed: Callable[
        [dict], bool
    ]  # with phi' of the layer that it comes from, given the rule's options


PATHS = {
    bp: Path(hidden=True, transposed=True, direct=False, passed=lambda options: True),
    fa: Path(
        hidden=True,
        transposed=False,
        direct=False,
        passed=lambda options: options["derivative"] == "passed",
    ),
    dfa: Path(
        hidden=True,
        transposed=False,
        direct=True,
        passed=lambda options: options["derivative"] == "passed",
    ),
    shallow: Path(hidden=False, transposed=True, direct=False, passed=lambda options: True),
}
KINDS = [
    ACTIVATIONS[name] for name in ("linear", "logistic", "tanh", "relu", "piecewise_linear")
]  # as numbered in kernel.py


def covers(config: RunConfig, net: Network, phase, steps: range) -> bool:
    """Whether this loop knows the phase's rule and all of the network, and is the faster way through these steps."""
    known = phase.rule.deltas in PATHS and net.hidden in KINDS and net.output in KINDS
    dense = config.model.name == "rate" and not net.masks and not config.optimizer.momentum
    small = config.batch_size == 1 or (
        config.batch_size <= FEW and config.batch_size * net.largest < HEAVY
    )
    long = phase.stop - phase.start >= LONG and len(steps) >= SHORT
    return net.backend.compiled and known and dense and small and long


def learn(net: Network, data, phase, steps: range, rates: np.ndarray, keeps: np.ndarray) -> None:
    """As `learn` of train.py."""
    from fa_cli import kernel  # Numba takes a while to import

    path, seeds, last = PATHS[phase.rule.deltas], len(net.weights[0]), net.depth - 1
    learns = np.array(
        [l not in phase.frozen and (path.hidden or l == last) for l in range(net.depth)]
    )

    def learn_part(part: slice) -> None:
        some, batch = net.of(part), data.batch(steps.start, len(steps), part)
        weights = tuple(widened(transpose(w)) for w in some.weights)
        biases = (
            tuple(map(widened, some.biases))
            if some.biases
            else tuple(np.zeros(w[:, 0].shape, w.dtype) for w in weights)
        )
        back = (
            weights[1:]
            if path.transposed
            else tuple(widened(some.feedback[l]) for l in range(1, net.depth))
        )
        examples = np.ascontiguousarray(batch.x), np.ascontiguousarray(batch.target)
        kernel.learn(
            *examples, weights, biases, net.biases is not None, back or weights, path.transposed, path.direct, path.passed(phase.options),
            KINDS.index(net.hidden), KINDS.index(net.output), learns, rates, keeps,
        )  # fmt: skip
        for l, learned in enumerate(weights):
            some.weights[l][...] = transpose(learned[..., : net.sizes[l + 1]])
            if some.biases:
                some.biases[l][...] = biases[l][:, : net.sizes[l + 1]]

    cores = min(net.backend.threads, seeds)
    bounds = [round(k * seeds / cores) for k in range(cores + 1)]
    net.backend.map(learn_part, [slice(*pair) for pair in pairwise(bounds)])


def widened(array: np.ndarray) -> np.ndarray:
    """A copy with zeros at the end of each row up to a multiple of 16 elements, which SIMD instructions take without a rest."""
    *lead, width = array.shape
    wide = np.zeros((*lead, -(-width // 16) * 16), array.dtype)
    wide[..., :width] = array
    return wide
