"""Node perturbation: fast reinforcement learning, one scalar reward for all hidden units."""

from typing import Annotated

from fa_cli.options import Positive, Words
from fa_cli.rules import Deltas, Network, Path, Signals, on_hidden, rule

Sigma = Annotated[Positive, Words("sd of the noise that is added to hidden units")]


@rule(
    "node_perturbation",
    noise=on_hidden,
    path=Path("L", source="output"),
    label="Reinforcement",
    colour="0.4",
    line="--",
)
def node_perturbation(net: Network, signals: Signals, noise: Deltas, sigma: Sigma) -> Deltas:
    """delta_l = -(L(xi) - L(0)) xi_l / sigma^2, with L = e^T e / 2 of each example.

    xi_l ~ N(0, sigma^2) is added to h_l. Paper, Methods, "Linear function approximation", (c);
    J. Werfel, X. Xie & H. S. Seung, Learning curves for stochastic gradient descent in linear
    feedforward networks, Neural Comput. 17 (2005). The output weights learn by the delta rule.
    """
    perturbed = signals.target - net.forward(signals.activations[0], noise)[-1]
    change = (perturbed**2 - signals.error**2).sum(axis=-1, keepdims=True) / 2
    hidden = {l: -change * noise[l] / sigma**2 for l in noise}
    return {net.depth: signals.error, **hidden}
