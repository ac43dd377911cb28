"""The three-factor update that all rules share, with learning rate schedule, weight decay and momentum."""

from collections.abc import Collection, Mapping

import numpy as np

from fa_cli.backend import Array
from fa_cli.network import Network, Signals
from fa_cli.schema import OptimizerConfig


def learning_rates(config: OptimizerConfig, times: np.ndarray) -> np.ndarray:
    """eta at `times`, which count epochs in a run that is given in epochs, else steps."""
    schedule = sorted(config.schedule)
    rates = np.array([config.learning_rate, *(rate for _, rate in schedule)])
    return rates[np.searchsorted([when for when, _ in schedule], times, side="right")]


def resting(net: Network) -> dict[str, Array]:
    """Velocities of all parameters, zero at the start; keys `W0`.., `b0`.."""
    zeros = net.backend.xp.zeros_like
    velocity = {f"W{l}": zeros(weights) for l, weights in enumerate(net.weights)}
    return velocity | {f"b{l}": zeros(biases) for l, biases in enumerate(net.biases or [])}


def decay(
    config: OptimizerConfig, rates: np.ndarray, batch_size: int, dtype: np.dtype
) -> np.ndarray:
    """What weight decay leaves of the weights in each of some steps, (T,): 1 - eta * weight_decay for every example of the batch.

    What is less than the dtype resolves well is saved up for a later one of these steps, at the latest the last: rounding would
    falsify it, and a pass over all weights costs time.
    """
    kept, left, least = [], 1.0, 64 * np.finfo(dtype).eps
    for rate in rates.tolist():
        left *= (1 - rate * config.weight_decay) ** batch_size
        kept.append(left if 1 - left >= least else 1.0)
        left = 1.0 if 1 - left >= least else left
    kept[-1] *= left
    return np.array(kept)


def update(
    net: Network,
    signals: Signals,
    delta: Mapping[int, Array],
    rate: float,
    keep: float = 1.0,
    frozen: Collection[int] = (),
    momentum: float = 0.0,
    velocity: Mapping[str, Array] | None = None,
) -> None:
    """Change the parameters in place: W_l = keep * W_l + eta * sum over the batch of (delta_{l+1} * phi'(a_{l+1})) h_l^T.

    Layers that are frozen, or have no delta, stay as they are. Biases do not decay. With momentum (Supp. Note 8)
    v = momentum * v + update, W_l = keep * W_l + v.
    """
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
            accumulate(velocity[f"W{l}"], d, h, rate, momentum)
            net.weights[l] *= keep
            net.weights[l] += velocity[f"W{l}"]
            if net.biases is not None:
                velocity[f"b{l}"] *= momentum
                velocity[f"b{l}"] += rate * d.sum(axis=1)
                net.biases[l] += velocity[f"b{l}"]
        if l in net.masks:
            net.weights[l] *= net.masks[l]
