"""The training loop: forward pass, error, hidden signals, three-factor update, and a measurement now and then."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from fa_cli import compiled
from fa_cli.backend import ALL, Array
from fa_cli.errors import UserError
from fa_cli.network import Deltas, Network, Signals, observe
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


def train(config: RunConfig, net: Network, data, phases: Sequence[Phase], seeds: Sequence[int], recorder) -> None:
    """Train all seeds through all phases, from the recorder's checkpoint if it has one.

    `recorder` keeps what is measured (record.py). Raises UserError when a seed diverges, KeyboardInterrupt (after a checkpoint) on
    Ctrl-C.
    """
    velocity = resting(net) if config.optimizer.momentum else None
    noise, probe_noise = perturbations(config, net, data, seeds)
    sources = [data, noise] if noise else [data]
    first = recorder.restore(net, velocity)
    with np.errstate(all="ignore"), divergence_told(net, seeds, config):
        for index, phase in enumerate(phases):
            net.feedback = phase.feedback
            for step, stop in recorder.stretches(max(first, phase.start), phase.stop, sources):
                if recorder.due(step) or step == phase.start:
                    recorder.add(step, index, measure(config, net, data, phase, probe_noise))
                    check_finite(net, seeds, config, step)
                if recorder.must_save():
                    recorder.save(step, net, velocity)
                recorder.audit(step, net, lambda step=step: (data.batch(step), noise_at(noise, step)))
                learn(config, net, data, phase, noise, velocity, range(step, stop))
        check_finite(net, seeds, config, phase.stop)
        recorder.audit(phase.stop, net)
        recorder.add(phase.stop, index, measure(config, net, data, phase, probe_noise))
    if config.record.keep_checkpoint:
        recorder.save(phase.stop, net, velocity)


def learn(config: RunConfig, net: Network, data, phase: Phase, noise: Blocks | None, velocity: dict | None, steps: range) -> None:
    """Learn from the examples of some steps: forward pass, error, hidden signals, three-factor update, once for each batch."""
    epoch = data.steps_per_epoch if config.epochs else 1
    rates = learning_rates(config.optimizer, np.array(steps) / epoch)
    keeps = decay(config.optimizer, rates, config.batch_size, net.backend.dtype)
    if compiled.covers(config, net, phase, steps):
        return compiled.learn(net, data, phase, steps, rates, keeps)

    def learn_part(part: slice) -> None:
        some, rolling = net.of(part), {name: v[part] for name, v in velocity.items()} if velocity else None
        for step, rate, keep in zip(steps, rates.tolist(), keeps.tolist(), strict=True):
            batch = data.batch(step, seeds=part)
            signals = observe(some, batch.x, batch.target)
            delta = phase.deltas(some, signals, noise_at(noise, step, part))
            update(some, signals, delta, rate, keep, phase.frozen, config.optimizer.momentum, rolling)

    net.backend.map(learn_part, net.backend.shares(len(net.weights[0]), config.batch_size * net.largest))


def measure(config: RunConfig, net: Network, data, phase: Phase, noise: Deltas) -> dict[str, np.ndarray]:
    """All metrics of the config at this moment, on the host: column -> (S,), or (S, n_l) for those of single units."""
    view = View(net, data, lambda net, signals: phase.deltas(net, signals, noise))
    columns = {}
    for name in config.record.metrics:
        columns |= METRICS[name](view)
    return {column: net.backend.to_host(values) for column, values in columns.items()}


def perturbations(config: RunConfig, net: Network, data, seeds: Sequence[int]) -> tuple[Blocks | None, Deltas]:
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


def check_finite(net: Network, seeds: Sequence[int], config: RunConfig, step: int | None = None) -> None:
    """Raise UserError if the output weights of a seed are no longer numbers."""
    finite = net.backend.to_host(net.backend.xp.isfinite(net.weights[-1].sum(axis=(1, 2))))
    if not finite.all():
        seed, when = seeds[int(np.argmin(finite))], f" before step {step}" if step is not None else ""
        raise UserError(f"seed {seed} diverged{when} with optimizer.learning_rate={config.optimizer.learning_rate:g}: type a smaller one")


@contextmanager
def divergence_told(net: Network, seeds: Sequence[int], config: RunConfig) -> Iterator[None]:
    """Where a rule inverts weights that are no longer numbers, say so as `check_finite` does."""
    try:
        yield
    except np.linalg.LinAlgError:
        check_finite(net, seeds, config)
        raise UserError("the weights cannot be inverted any more: type a smaller optimizer.learning_rate") from None
