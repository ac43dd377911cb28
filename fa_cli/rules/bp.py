"""Backpropagation of error (Rumelhart, Hinton & Williams 1986)."""

from fa_cli.rules import Deltas, Network, Path, Signals, downward, rule


@rule("bp", path=Path("W^T", passed=True), label="Backprop", colour="black")
def bp(net: Network, signals: Signals) -> Deltas:
    """delta_l = W_l^T (delta_{l+1} * phi'(a_{l+1})).

    Paper, Methods, "Deep nonlinear function approximation", (a).
    """
    return downward(
        net,
        signals,
        lambda l, delta: net.back(l, net.reverse(l), signals.carried(delta, l + 1)),
    )
