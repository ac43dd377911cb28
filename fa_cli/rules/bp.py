"""Backpropagation of error (Rumelhart, Hinton & Williams 1986)."""

from fa_cli.network import Deltas, Network, Signals
from fa_cli.rules import rule


@rule("bp")
def bp(net: Network, signals: Signals) -> Deltas:
    """delta_l = W_l^T (delta_{l+1} * phi'(a_{l+1})). Paper, Methods, "Deep nonlinear function approximation", (a)."""
    delta = {net.depth: signals.error}
    for l in range(net.depth - 1, 0, -1):
        delta[l] = signals.settle(
            l, net.backend.matmul(delta[l + 1] * signals.slopes[l + 1], net.weights[l])
        )
    return delta
