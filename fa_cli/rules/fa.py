"""Feedback alignment: fixed random matrices carry the signals back (Lillicrap et al. 2016)."""

from typing import Literal

from fa_cli.network import Deltas, Network, Signals, transpose
from fa_cli.rules import layer_by_layer, rule


@rule("fa", feedback=layer_by_layer)
def fa(net: Network, signals: Signals, derivative: Literal["local", "passed"]) -> Deltas:
    """delta_l = B_l delta_{l+1}, from the raw error e = delta_L. Paper, Methods, "Deep nonlinear function approximation", (b).

    `derivative`: `local` is the paper's, no derivative is carried between layers; `passed` sends delta_{l+1} * phi'(a_{l+1})
    through B_l, as backprop does through W_l^T.
    """
    delta = {net.depth: signals.error}
    for l in range(net.depth - 1, 0, -1):
        carried = delta[l + 1] * signals.slopes[l + 1] if derivative == "passed" else delta[l + 1]
        delta[l] = signals.settle(l, net.backend.matmul(carried, transpose(net.feedback[l])))
    return delta
