"""The loop of train.py without Python in it, for small layers and for online learning.

There Python would take most of the time. The same updates as the plain loop, which defines them,
but for the order of sums: each core takes some of the seeds, one after the other, through all steps
of a stretch. It takes what is plain: a rate network of dense layers without momentum, and a rule
whose `path` says all of it. Whatever is new is not plain until it says so.
`backend.compiled=false` switches it off.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fa_cli.backend import HEAVY
from fa_cli.data import Data
from fa_cli.errors import complain
from fa_cli.layers.dense import transpose
from fa_cli.network import Network
from fa_cli.rules import Path, Rule
from fa_cli.schema import PLATEAU, RunConfig
from fa_cli.signals import Array
from fa_cli.units import ACTIVATIONS

if TYPE_CHECKING:
    from fa_cli.train import Phase

FEW_EXAMPLES = 20  # in a batch, above which BLAS is faster
LONG = 5000  # steps of a phase from which Numba is worth its import
SHORT = 10  # steps between two measurements below which the plain loop is as fast

NUMBERED = ("linear", "logistic", "tanh", "relu", "piecewise_linear", "logistic_boxcar")
UNITS = [ACTIVATIONS[name] for name in NUMBERED]
THROUGH = ("W^T", "B", None)  # what a path may lead through


def covers(config: RunConfig, net: Network, phase: "Phase") -> bool:
    """Whether this loop knows all of a phase and is the faster way; the config alone decides."""
    known = follows(phase.rule) and net.plain and all(unit in UNITS for unit in net.units)
    size = config.batch_size
    small = size == 1 or (size <= FEW_EXAMPLES and size * net.largest < HEAVY)
    long = phase.stop - phase.start >= LONG
    paced = config.optimizer.momentum or config.optimizer.schedule == PLATEAU
    fits = known and small and long and not paced
    return net.backend.compiled and fits and can_compile()


@cache
def can_compile() -> bool:
    """Whether Numba works here; where it does not, a person is told once."""
    try:
        with users_cache():
            from fa_cli.compiled import kernel  # noqa: F401 - it takes a while
    except Exception as error:  # an accelerator fails in many ways
        complain(
            f"Numba does not work here ({type(error).__name__}: {error}): small networks take the "
            "plain loop, which is slower; backend.compiled=false says so for good"
        )
        return False
    return True


@contextmanager
def users_cache() -> Iterator[None]:
    """Functions that are made here keep their machine code in the user's cache.

    Beside the package it would stay behind when that is uninstalled. Whoever has set
    NUMBA_CACHE_DIR has it there.
    """
    import numba
    import pooch

    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = before or str(pooch.os_cache("fa-run") / "numba")
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def follows(rule: Rule) -> bool:
    """Whether a rule's path says all that it does."""
    return rule.path is not None and rule.path.through in THROUGH and not (rule.adapt or rule.noise)


def learn(
    net: Network, data: Data, phase: "Phase", steps: range, rates: np.ndarray, keeps: np.ndarray
) -> None:
    """As `learn` of train.py."""
    from fa_cli.compiled import kernel  # Numba takes a while to import

    path, last = phase.rule.path, net.depth - 1
    assert path is not None  # as `covers` has it
    sent = path.through is not None
    learns = [l not in phase.frozen and (sent or l == last) for l in range(net.depth)]
    direct, passed = path.source == "output", path.passes(phase.options)
    units = np.array([UNITS.index(unit) for unit in net.units])

    def learn_part(part: slice) -> None:
        some, batch = net.of(part), data.batch(steps.start, len(steps), part)
        weights = tuple(widened(transpose(w)) for w in some.weights)
        biases = wide_biases(some, weights)
        back = wide_feedback(some, path, weights)
        masks, sparse = wide_masks(some, weights)
        kernel.learn(
            np.ascontiguousarray(batch.x),
            np.ascontiguousarray(batch.target),
            weights,
            masks,
            sparse,
            biases,
            net.biases is not None,
            back,
            path.through != "B",
            direct,
            passed,
            units,
            np.array(learns),
            rates,
            keeps,
        )
        for l, size in enumerate(net.sizes[1:]):
            some.weights[l][...] = transpose(weights[l][..., :size])
            if some.biases:
                some.biases[l][...] = biases[l][:, :size]

    cores = min(net.backend.threads, len(net.seeds))
    bounds = [round(k * len(net.seeds) / cores) for k in range(cores + 1)]
    net.backend.map(learn_part, [slice(*pair) for pair in pairwise(bounds)])


def wide_masks(net: Network, weights: Sequence[Array]) -> tuple[tuple[Array, ...], Array]:
    """Masks of W_l widened, and which layers have one; the weights themselves where none is."""
    sparse = np.array([f"W{l}" in net.masks for l in range(net.depth)])
    masks = list(weights)
    for l in np.flatnonzero(sparse):
        masks[l] = widened(transpose(net.masks[f"W{l}"]))
    return tuple(masks), sparse


def wide_biases(net: Network, weights: Sequence[Array]) -> tuple[Array, ...]:
    """Each b_l widened; zeros where the network has none."""
    if net.biases:
        return tuple(map(widened, net.biases))
    return tuple(np.zeros(w[:, 0].shape, w.dtype) for w in weights)


def wide_feedback(net: Network, path: Path, weights: tuple[Array, ...]) -> tuple[Array, ...]:
    """What carries signals to each hidden layer; anything of the right kind where there is none."""
    if path.through != "B":
        return weights[1:] or weights
    return tuple(widened(net.feedback[l]) for l in range(1, net.depth)) or weights


def widened(array: np.ndarray) -> np.ndarray:
    """A copy with zeros at the end of each row, up to a multiple of 16 elements.

    SIMD instructions take such rows without a rest.
    """
    *lead, width = array.shape
    wide = np.zeros((*lead, -(-width // 16) * 16), array.dtype)
    wide[..., :width] = array
    return wide
