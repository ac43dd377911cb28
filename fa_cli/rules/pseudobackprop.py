"""Pseudobackprop: errors return through the Moore-Penrose inverse of the forward weights."""

from fa_cli.network import Deltas, Network, Signals, transpose
from fa_cli.rules import rule


@rule("pseudobackprop")
def pseudobackprop(net: Network, signals: Signals) -> Deltas:
    """delta_l = W_l^+ (delta_{l+1} * phi'(a_{l+1})). Paper, Supp. Note 15 (Proof #3)."""
    delta = {net.depth: signals.error}
    for l in range(net.depth - 1, 0, -1):
        inverse = net.backend.xp.linalg.pinv(
            net.backend.xp.nan_to_num(net.weights[l], posinf=0, neginf=0)
        )  # of a seed that diverges
        delta[l] = signals.settle(
            l, net.backend.matmul(delta[l + 1] * signals.slopes[l + 1], transpose(inverse))
        )
    return delta
