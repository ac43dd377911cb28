"""Kolen-Pollack: B learns by the same products as W, and both decay, so that B becomes W^T."""

from fa_cli.rules import Deltas, Network, Path, Signals, layer_by_layer, rule
from fa_cli.rules.fa import with_derivatives


def adapt(net: Network, signals: Signals, delta: Deltas, rate: float, keep: float) -> None:
    """B_l = keep B_l + rate * sum over the batch of h_l (delta_{l+1} * phi'(a_{l+1}))^T.

    That is W_l's update transposed, so that W_l - B_l^T shrinks by `keep` at every step: with
    weight decay lambda as (1 - lambda)^t. Where W_l is frozen, `delta` lacks l + 1 and B_l stays.
    """
    for l, b in net.feedback.items():
        if l + 1 not in delta:
            continue
        d, h = signals.carried(delta, l + 1), signals.activations[l]
        net.layers[l].accumulate_reverse(net.backend, b, d, h, rate, keep)


@rule(
    "kolen_pollack",
    feedback=layer_by_layer,
    adapt=adapt,
    path=Path("B", passed=True),
    label="Kolen-Pollack",
    colour="#7570b3",
    line="--",
)
def kolen_pollack(net: Network, signals: Signals) -> Deltas:
    """delta_l = B_l (delta_{l+1} * phi'(a_{l+1})), with B_l that learns (`adapt`).

    J. F. Kolen & J. B. Pollack, Backpropagation without weight transport, ICNN 1994; M. Akrout et
    al., Deep learning without weight transport, NeurIPS 2019, eq. (16)-(17).
    """
    return with_derivatives(net, signals)
