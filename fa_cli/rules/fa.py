"""Feedback alignment: fixed random matrices carry the signals back (Lillicrap et al. 2016)."""

from typing import Annotated, Literal

from fa_cli.options import Words
from fa_cli.rules import Deltas, Network, Path, Signals, downward, layer_by_layer, rule

Derivative = Annotated[
    Literal["local", "passed"],
    Words("phi' enters the update of its own layer alone, as in the paper, or travels along"),
]


@rule(
    "fa",
    feedback=layer_by_layer,
    path=Path("B", passed=("derivative", "passed")),
    label="Feedback alignment",
    colour="#2ca02c",
)
def fa(net: Network, signals: Signals, derivative: Derivative) -> Deltas:
    """delta_l = B_l delta_{l+1}, from the raw error e = delta_L.

    Paper, Methods, "Deep nonlinear function approximation", (b). `derivative`: `local` is the
    paper's, no derivative is carried between layers; `passed` sends delta_{l+1} * phi'(a_{l+1})
    through B_l, as backprop does through W_l^T.
    """
    if derivative == "passed":
        return with_derivatives(net, signals)
    return downward(net, signals, lambda l, delta: net.back(l, net.feedback[l], delta[l + 1]))


def with_derivatives(net: Network, signals: Signals) -> Deltas:
    """delta_l = B_l (delta_{l+1} * phi'(a_{l+1}))."""
    return downward(
        net,
        signals,
        lambda l, delta: net.back(l, net.feedback[l], signals.carried(delta, l + 1)),
    )
