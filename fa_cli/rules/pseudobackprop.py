"""Pseudobackprop: errors return through the Moore-Penrose inverse of the forward weights."""

import numpy as np

from fa_cli.layers.dense import transpose
from fa_cli.rules import Array, Deltas, Network, Path, Signals, downward, rule


@rule("pseudobackprop", path=Path("W^+", passed=True), colour="#e7298a", line=":")
def pseudobackprop(net: Network, signals: Signals) -> Deltas:
    """delta_l = W_l^+ (delta_{l+1} * phi'(a_{l+1})). Paper, Supp. Note 15 (Proof #3).

    Raises UserError where a layer that it inverts is no matrix.
    """
    xp, matmul = net.backend.xp, net.backend.matmul
    eps = np.finfo(net.backend.dtype).eps

    def arriving(l: int, delta: Deltas) -> Array:
        numbers = xp.nan_to_num(net.matrix(l), posinf=0, neginf=0)  # of a seed that diverges
        noise = max(numbers.shape[1:]) * eps  # what is smaller than that of W is rounding
        return matmul(signals.carried(delta, l + 1), transpose(xp.linalg.pinv(numbers, noise)))

    return downward(net, signals, arriving)
