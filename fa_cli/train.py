"""The training loop: forward pass, error, hidden signals, three-factor update, and a measurement now and then."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from fa_cli import compiled
from fa_cli.backend import ALL, Array
from fa_cli.errors import UserError
from fa_cli.network import Deltas, Network, Signals
from fa_cli.optimizer import decay, learning_rates, resting, update
from fa_cli.probes import METRICS, View
from fa_cli.rules import Rule
from fa_cli.schema import RunConfig
from fa_cli.streams import Blocks


class Phase(NamedTuple):
    """A stretch of training, steps start .. stop - 1, with one rule and its feedback matrices."""

    rule: Rule
    options: dict
    feedback: dict[int, Array]
    frozen: Collection[int]
    start: int
    stop: int

    def deltas(self, net: Network, signals: Signals, noise: Deltas) -> Deltas:
        """The rule's signals for all layers that learn."""
        given = {"noise": noise} if self.rule.noisy else {}
        return self.rule.deltas(net, signals, **given, **self.options)


def train(
    config: RunConfig, net: Network, data, phases: Sequence[Phase], seeds: Sequence[int], recorder
) -> None:
    """Train all seeds through all phases, from the recorder's checkpoint if it has one.

    `recorder` keeps what is measured (record.py). A seed that diverges ends, the others go on. Raises UserError when no seed is left,
    Stopped (after a checkpoint) on Ctrl-C, SIGTERM and SIGUSR1.
    """
    velocity = resting(net) if config.optimizer.momentum else None
    noise, probe_noise = perturbations(config, net, data, seeds)
    sources = [data, noise] if noise else [data]
    first = recorder.restore(net, velocity)
    with np.errstate(all="ignore"), divergence_told(config):
        for index, phase in enumerate(phases):
            net.feedback = phase.feedback
            for step, stop in recorder.stretches(max(first, phase.start), phase.stop, sources):
                if recorder.due(step) or step == phase.start:
                    bury(net, velocity, recorder, step)
                    recorder.add(step, index, measure(config, net, data, phase, probe_noise))
                if recorder.must_save():
                    recorder.save(step, net, velocity)
                recorder.audit(
                    step, net, lambda step=step: (data.batch(step), noise_at(noise, step))
                )
                learn(config, net, data, phase, noise, velocity, range(step, stop))
        bury(net, velocity, recorder, phase.stop)
        recorder.audit(phase.stop, net)
        recorder.add(phase.stop, index, measure(config, net, data, phase, probe_noise))
    if config.record.keep_checkpoint:
        recorder.save(phase.stop, net, velocity)


def learn(
    config: RunConfig,
    net: Network,
    data,
    phase: Phase,
    noise: Blocks | None,
    velocity: dict | None,
    steps: range,
) -> None:
    """Learn from the examples of some steps: forward pass, error, hidden signals, three-factor update, once for each batch."""
    epoch = data.steps_per_epoch if config.epochs else 1
    rates = learning_rates(config.optimizer, np.array(steps) / epoch)
    keeps = decay(config.optimizer, rates, config.batch_size * net.updates, net.backend.dtype)
    if compiled.covers(config, net, phase, steps):
        return compiled.learn(net, data, phase, steps, rates, keeps)

    def learn_part(part: slice) -> None:
        some, rolling = (
            net.of(part),
            {name: v[part] for name, v in velocity.items()} if velocity else None,
        )
        for step, rate, keep in zip(steps, rates.tolist(), keeps.tolist(), strict=True):
            batch = data.batch(step, seeds=part)
            for signals in some.present(batch, step):
                delta = phase.deltas(some, signals, noise_at(noise, step, part))
                update(
                    some,
                    signals,
                    delta,
                    rate,
                    keep,
                    phase.frozen,
                    config.optimizer.momentum,
                    rolling,
                )
                keep = 1.0  # weights decay once a step

    net.backend.map(
        learn_part, net.backend.shares(len(net.weights[0]), config.batch_size * net.largest)
    )


def measure(
    config: RunConfig, net: Network, data, phase: Phase, noise: Deltas
) -> dict[str, np.ndarray]:
    """All metrics of the config at this moment, on the host: column -> (S,), or (S, n_l) for those of single units."""
    view = View(net, data, lambda net, signals: phase.deltas(net, signals, noise))
    columns = {}
    for name in config.record.metrics:
        columns |= METRICS[name](view)
    return {column: net.backend.to_host(values) for column, values in columns.items()}


def perturbations(
    config: RunConfig, net: Network, data, seeds: Sequence[int]
) -> tuple[Blocks | None, Deltas]:
    """xi_l ~ N(0, sigma^2) for the hidden layers of a rule that takes noise: those of training and those of the probe batch."""
    sigma = config.rule.options.get("sigma")
    if sigma is None:
        return None, {}

    def draw(rng, s, count):
        return tuple(sigma * rng.standard_normal((count, size)) for size in net.sizes[1:-1])

    training = Blocks(seeds, "noise", config.batch_size, draw, net.backend)
    probe = Blocks(seeds, "probe_noise", data.probe.x.shape[1], draw, net.backend)
    return training, noise_at(probe, 0)


def noise_at(noise: Blocks | None, step: int, seeds: slice = ALL) -> Deltas:
    """xi_l of one step, by layer."""
    return dict(enumerate(noise(step, seeds=seeds), start=1)) if noise else {}


def bury(net: Network, velocity: Mapping | None, recorder, step: int) -> None:
    """End the seeds whose parameters are no longer all numbers; theirs become 0, which disturbs nobody.

    Raises UserError when no seed is left.
    """
    xp, host = net.backend.xp, net.backend.to_host
    arrays = [*net.weights, *(net.biases or [])]
    finite = np.stack(
        [host(xp.isfinite(array.sum(axis=tuple(range(1, array.ndim))))) for array in arrays]
    )
    diverged = ~finite.all(axis=0)
    if diverged.any():
        first = np.argmin(finite, axis=0) % net.depth
        recorder.end(step, diverged, [f"W_{l}" for l in first])
        for array in [*arrays, *net.state().values(), *(velocity or {}).values()]:
            array[net.backend.to_device(diverged, bool)] = 0


@contextmanager
def divergence_told(config: RunConfig) -> Iterator[None]:
    """Where a rule cannot invert weights that have grown beyond all bounds, say what helps."""
    try:
        yield
    except np.linalg.LinAlgError:
        raise UserError(
            f"the weights cannot be inverted any more with optimizer.learning_rate={config.optimizer.learning_rate:g}: type a smaller one"
        ) from None
