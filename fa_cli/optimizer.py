"""The three-factor update that all rules share: schedule of the rate, weight decay, momentum."""

from collections.abc import Collection, Mapping

import numpy as np

from fa_cli.network import Network
from fa_cli.schema import OptimizerConfig
from fa_cli.signals import Array, Deltas, Signals


def learning_rates(config: OptimizerConfig, times: np.ndarray) -> np.ndarray:
    """eta at `times`, which count epochs in a run that is given in epochs, else steps."""
    schedule = sorted(config.schedule)
    rates = np.array([config.learning_rate, *(rate for _, rate in schedule)])
    return rates[np.searchsorted([when for when, _ in schedule], times, side="right")]


def resting(net: Network) -> dict[str, Array]:
    """Velocities of all W and b, zero at the start, by the names of the parameters."""
    zeros = net.backend.xp.zeros_like
    return {name: zeros(array) for name, array in net.parameters().items() if name[0] in "Wb"}


def decay(
    config: OptimizerConfig, rates: np.ndarray, batch_size: int, dtype: np.dtype
) -> np.ndarray:
    """What weight decay leaves of the weights in each of some steps, (T,).

    That is 1 - eta * weight_decay for every example of the batch. What is less than the dtype
    resolves well is saved up for a later one of these steps, at the latest the last: rounding would
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
    delta: Deltas,
    rate: float,
    keep: float = 1.0,
    frozen: Collection[int] = (),
    momentum: float = 0.0,
    velocity: Mapping[str, Array] | None = None,
) -> None:
    """In place: W_l = keep * W_l + eta * sum over the batch of (delta_{l+1} * phi'(a_{l+1})) h_l^T.

    Layers that are frozen, or have no delta, stay as they are. Biases do not decay. With momentum
    (Supp. Note 8) v = momentum * v + update, W_l = keep * W_l + v.
    """
    for l, layer in enumerate(net.layers):
        if l in frozen or l + 1 not in delta:
            continue
        d, h = signals.carried(delta, l + 1), signals.activations[l]
        w = net.weights[l]
        if velocity is None:
            layer.accumulate(net.backend, w, d, h, rate, keep)
        else:
            layer.accumulate(net.backend, velocity[f"W{l}"], d, h, rate, momentum)
            w *= keep
            w += velocity[f"W{l}"]
        net.prune(f"W{l}")
        if net.biases is not None:
            step = rate * layer.offset_change(d)
            rolls = velocity is not None
            net.biases[l] += rolled(velocity[f"b{l}"], step, momentum) if rolls else step


def rolled(velocity: Array, step: Array, momentum: float) -> Array:
    """velocity = momentum * velocity + step, in place."""
    velocity *= momentum
    velocity += step
    return velocity
