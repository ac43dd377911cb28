"""The three-factor update that all rules share, with learning rate schedule, weight decay and momentum."""

from collections.abc import Collection, Mapping

from fa_cli.backend import Array
from fa_cli.network import Network, Signals
from fa_cli.schema import OptimizerConfig


def learning_rate(config: OptimizerConfig, time: float) -> float:
    """eta at `time`, which counts epochs in a run that is given in epochs, else steps."""
    passed = [rate for when, rate in sorted(config.schedule) if when <= time]
    return passed[-1] if passed else config.learning_rate


def resting(net: Network) -> dict[str, Array]:
    """Velocities of all parameters, zero at the start; keys `W0`.., `b0`.."""
    zeros = net.backend.xp.zeros_like
    velocity = {f"W{l}": zeros(weights) for l, weights in enumerate(net.weights)}
    return velocity | {f"b{l}": zeros(biases) for l, biases in enumerate(net.biases or [])}


def update(
    net: Network,
    signals: Signals,
    delta: Mapping[int, Array],
    config: OptimizerConfig,
    rate: float,
    frozen: Collection[int],
    velocity: Mapping[str, Array] | None,
) -> None:
    """Change the parameters in place: W_l += eta * sum over the batch of (delta_{l+1} * phi'(a_{l+1})) h_l^T.

    Layers that are frozen, or have no delta, stay as they are. Weight decay is W_l *= 1 - eta * weight_decay for every example
    of the batch, and spares the biases. With momentum (Supp. Note 8) v = momentum * v + update, W_l += v.
    """
    keep = (1 - rate * config.weight_decay) ** len(signals.error[0])
    accumulate = net.backend.accumulate
    for l in range(net.depth):
        if l in frozen or l + 1 not in delta:
            continue
        d, h = delta[l + 1] * signals.slopes[l + 1], signals.activations[l]
        if velocity is None:
            accumulate(net.weights[l], d, h, rate, keep)
            if net.biases is not None:
                net.biases[l] += rate * d.sum(axis=1)
        else:
            accumulate(velocity[f"W{l}"], d, h, rate, config.momentum)
            net.weights[l] *= keep
            net.weights[l] += velocity[f"W{l}"]
            if net.biases is not None:
                velocity[f"b{l}"] *= config.momentum
                velocity[f"b{l}"] += rate * d.sum(axis=1)
                net.biases[l] += velocity[f"b{l}"]
        if l in net.masks:
            net.weights[l] *= net.masks[l]
