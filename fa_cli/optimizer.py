"""The three-factor update that all rules share: schedule of the rate, weight decay, momentum."""

from collections.abc import Collection, Mapping

import numpy as np

from fa_cli.errors import UserError
from fa_cli.network import Network
from fa_cli.schema import PLATEAU, OptimizerConfig
from fa_cli.signals import Array, Deltas, Signals


def learning_rates(config: OptimizerConfig, times: np.ndarray) -> np.ndarray:
    """eta at `times`, which count epochs in a run that is given in epochs, else steps.

    On a plateau it is less, for each seed by a factor of its own (`Plateau`).
    """
    schedule = sorted(config.schedule) if config.schedule != PLATEAU else []
    rates = np.array([config.learning_rate, *(rate for _, rate in schedule)])
    return rates[np.searchsorted([when for when, _ in schedule], times, side="right")]


class Plateau:
    """How often each seed's rate has fallen tenfold, as its validation error got no better.

    Paper, Supp. Note 5: "reduced by an order of magnitude once progress had slowed substantially".
    `patience`: steps without a better error. Raises UserError where there is no validation set, as
    the test set must not decide.
    """

    def __init__(self, net: Network, heldout: str, patience: float):
        if heldout != "validation":
            raise UserError(
                f"optimizer.schedule={PLATEAU}: the rate follows the validation error: type "
                "dataset.validation=N, or a schedule such as [[20,0.001],[40,0.0001]]"
            )
        self.backend, self.patience = net.backend, patience
        first = {"best": np.inf, "since": 0.0, "drops": 0.0}
        full = net.backend.xp.full
        self.state = {name: full(len(net.seeds), value) for name, value in first.items()}

    def watch(self, step: int, errors: Array) -> None:
        """See the validation errors (S,) before update `step`; twice the same changes nothing."""
        best, since, drops = self.state.values()
        better = errors < best
        best[better], since[better] = errors[better], step
        tired = step - since >= self.patience
        drops[tired] += 1
        since[tired] = step

    def divisors(self) -> np.ndarray:
        """What each seed's rate is divided by, (S,)."""
        return 10.0 ** self.backend.to_host(self.state["drops"])


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

    Layers that are frozen, or have no delta, stay as they are, and their velocities are 0. Biases
    do not decay. With momentum v = momentum * v + update, W_l = keep * W_l + v (Supp. Note 8, whose
    W_{t+1} = W_t + v_t would delay each update by a step, that of momentum 0, too).
    """
    for l, layer in enumerate(net.layers):
        if l in frozen or l + 1 not in delta:
            for name in (f"W{l}", f"b{l}"):
                if velocity is not None and name in velocity:
                    velocity[name][...] = 0
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
            rolling = None if velocity is None else velocity[f"b{l}"]
            net.biases[l] += step if rolling is None else rolled(rolling, step, momentum)


def rolled(velocity: Array, step: Array, momentum: float) -> Array:
    """velocity = momentum * velocity + step, in place."""
    velocity *= momentum
    velocity += step
    return velocity
