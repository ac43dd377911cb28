"""The quadratic task of Fig. 5."""

from typing import Annotated

import numpy as np

from fa_cli.data import Endless, Setting, dataset
from fa_cli.data.linear import uniform_targets
from fa_cli.options import Positive, Words

InputScale = Annotated[Positive, Words("inputs are uniform in +- this")]
TargetScale = Annotated[Positive, Words("the forms Q_k are uniform in +- this")]


@dataset("quadratic")
def quadratic(setting: Setting, input_scale: InputScale, target_scale: TargetScale) -> Endless:
    """y*_k = x^T Q_k x, k = 1 .. n_L, with Q_k drawn once for each seed.

    x is uniform in [-input_scale, input_scale], Q_k in [-target_scale, target_scale]. Paper,
    Methods, "Quadratic function approximation": input_scale = 2, target_scale = 0.5.
    """
    inputs, values = setting.inputs, setting.values
    targets = uniform_targets(setting, (values, inputs, inputs), target_scale)

    def draw(rng, s, count):
        x = rng.uniform(-input_scale, input_scale, (count, inputs))
        qx = (x @ targets[s].reshape(-1, inputs).T).reshape(count, values, inputs)
        return x, np.einsum("nkj,nj->nk", qx, x)

    return Endless(setting, draw)
