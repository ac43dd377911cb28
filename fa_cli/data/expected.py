"""Tasks whose few examples are all shown at every step, so that learning is deterministic."""

from typing import Annotated

import numpy as np

from fa_cli.data import Fixed, Setting, dataset
from fa_cli.data.linear import TargetScale, uniform_targets
from fa_cli.options import Words
from fa_cli.randomness import generator

Target = Annotated[float, Words("what the network is to answer to 1")]


@dataset("linear_expected")
def linear_expected(setting: Setting, target_scale: TargetScale) -> Fixed:
    """The linear task in expectation: the unit vectors as a batch.

    The sum over it of x x^T is I, the mean for x ~ N(0, I), so that the three-factor update is
    Delta W = eta E A^T and Delta A = eta B E. Paper, Supp. Note 11, eq. (6)-(7). T is uniform in
    [-target_scale, target_scale], drawn once for each seed.
    """
    targets = uniform_targets(setting, (setting.values, setting.inputs), target_scale)
    return Fixed(setting, np.eye(setting.inputs)[None], np.stack(targets).swapaxes(1, 2))


@dataset("scalar")
def scalar(setting: Setting, target: Target) -> Fixed:
    """The three-neuron network's task, y* = T x with x = 1 and the same T for every seed.

    Paper, Supp. Fig. 10: T = 1.
    """
    setting.must_fit(1, 1, "a scalar task")
    return Fixed(setting, np.ones((1, 1, 1)), np.full((1, 1, 1), target))


@dataset("one_example")
def one_example(setting: Setting) -> Fixed:
    """A single pair for each seed: x on the unit sphere, y* ~ N(0, I). Paper, Supp. Note 14.

    On the sphere the rates of A and W act alike.
    """

    def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = generator(seed, "target")
        x = rng.standard_normal((1, setting.inputs))
        return x / np.linalg.norm(x), rng.standard_normal((1, setting.values))

    x, target = zip(*map(pair, setting.seeds), strict=True)
    return Fixed(setting, np.stack(x), np.stack(target))


@dataset("xor")
def xor(setting: Setting) -> Fixed:
    """Exclusive or of two binary inputs, its four cases. Paper, Supp. Note 4."""
    setting.must_fit(2, 1, "xor")
    cases = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    return Fixed(setting, cases[None], np.array([[0], [1], [1], [0]])[None])
