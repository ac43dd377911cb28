"""The training loop: forward pass, error, hidden signals, update, and now and then a look."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np

from fa_cli import compiled
from fa_cli.data import Data
from fa_cli.errors import UserError
from fa_cli.layers.dense import Dense
from fa_cli.network import Network
from fa_cli.optimizer import Plateau, decay, learning_rates, resting, update
from fa_cli.probes import METRICS, Columns, View
from fa_cli.randomness import Blocks
from fa_cli.results.recorder import Recorder
from fa_cli.rules import Rule
from fa_cli.schema import PLATEAU, RunConfig
from fa_cli.signals import ALL, Array, Deltas, Signals


class Phase(NamedTuple):
    """A stretch of training, steps start .. stop - 1, with one rule and its feedback matrices."""

    rule: Rule
    options: dict
    feedback: dict[int, Array]
    frozen: Collection[int]
    start: int
    stop: int
    noise: Blocks | None = None  # xi_l of every step, for a rule that takes noise
    probe_noise: Deltas | None = None  # and of the probe, by layer

    def noise_at(self, step: int, seeds: slice = ALL) -> Deltas:
        """xi_l of one step, by layer."""
        if self.noise is None or self.probe_noise is None:
            return {}
        return dict(zip(self.probe_noise, self.noise(step, seeds=seeds), strict=True))

    def raw(self, net: Network) -> bool:
        """Whether B_l alone, a matrix, makes delta_l of delta_{l+1} or of the error."""
        path = self.rule.path
        alone = path and path.through == "B" and not path.passes(self.options) and not net.state()
        return bool(alone) and all(type(net.layers[l]) is Dense for l in self.feedback)

    def deltas(self, net: Network, signals: Signals, noise: Deltas | None) -> Deltas:
        """The rule's signals for all layers that learn."""
        given = {"noise": noise} if self.rule.noise else {}
        return self.rule.deltas(net, signals, **given, **self.options)


def train(
    config: RunConfig, net: Network, data: Data, phases: Sequence[Phase], recorder: Recorder
) -> None:
    """Train all seeds through all phases, from the recorder's checkpoint if it has one.

    A seed that diverges ends, the others go on. Raises UserError when no seed is left, Stopped
    (after a checkpoint) on Ctrl-C, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2.
    """
    velocity = resting(net) if config.optimizer.momentum else None
    plateau = plateau_of(config, net, data)
    sources = [data, *(phase.noise for phase in phases if phase.noise)]
    state = state_of(net, velocity, plateau)
    with np.errstate(all="ignore"), divergence_told(config):
        first = recorder.restore(state)
        for index, phase in enumerate(phases):
            net.feedback = phase.feedback
            begin = max(first, phase.start)
            for step, stop in recorder.stretches(begin, phase.stop, sources):
                if step == phase.start:
                    check_signals(net, data, phase)
                if recorder.due(step) or step == phase.start:
                    bury(net, state, recorder, step)
                    recorder.add(step, index, measure(config, net, data, phase, step, plateau))
                if recorder.must_save():
                    recorder.save(step, state)
                recorder.audit.keep(step, state_of(net), partial(given, data, phase, step))
                learn(config, net, data, phase, velocity, range(step, stop), plateau)
        bury(net, state, recorder, phase.stop)
        recorder.audit.keep(phase.stop, state_of(net), dict)
        recorder.add(phase.stop, index, measure(config, net, data, phase, phase.stop, plateau))
    if config.record.keep_checkpoint:
        recorder.save(phase.stop, state)


def learn(
    config: RunConfig,
    net: Network,
    data: Data,
    phase: Phase,
    velocity: dict | None,
    steps: range,
    plateau: Plateau | None = None,
) -> None:
    """Learn from the examples of some steps: forward, error, hidden signals, update."""
    epoch = data.steps_per_epoch if in_epochs(config) else 1
    scheduled = learning_rates(config.optimizer, np.array(steps) / epoch)

    def paces(part: slice) -> tuple[np.ndarray, np.ndarray]:
        rates = scheduled / plateau.divisors()[part] if plateau else scheduled
        count = config.batch_size * net.updates
        return rates, decay(config.optimizer, rates, count, net.backend.dtype)

    if compiled.covers(config, net, phase) and len(steps) >= compiled.SHORT:
        return compiled.learn(net, data, phase, steps, *paces(ALL))

    def learn_part(paced: tuple[slice, np.ndarray, np.ndarray], numbers: range) -> None:
        part, rates, keeps = paced
        some = net.of(part)
        rolling = {name: v[part] for name, v in velocity.items()} if velocity else None
        for k in numbers:
            step, rate, keep = steps[k], float(rates[k]), float(keeps[k])
            batch = data.batch(step, seeds=part)
            for signals in some.present(batch, step):
                delta = phase.deltas(some, signals, phase.noise_at(step, part))
                momentum = config.optimizer.momentum
                update(some, signals, delta, rate, keep, phase.frozen, momentum, rolling)
                if phase.rule.adapt:
                    adapt(some, phase.rule, signals, delta, rate, keep, phase.frozen)
                keep = 1.0  # weights decay once a step

    paced = [(part, *paces(part)) for part in parts_of(config, net)]
    net.backend.advance(learn_part, paced, len(steps))


def in_epochs(config: RunConfig) -> bool:
    """Whether a schedule counts in epochs: where a length is given in them."""
    lengths = [config.epochs, *(phase.epochs for phase in config.phases)]
    return any(length is not None for length in lengths)


def parts_of(config: RunConfig, net: Network) -> list[slice]:
    """How the seeds are split into parts that learn apart: each with a rate of its own, or fast."""
    count = len(net.seeds)
    if config.optimizer.schedule == PLATEAU:
        return [slice(s, s + 1) for s in range(count)]
    return net.backend.shares(count, config.batch_size * net.largest)


def plateau_of(config: RunConfig, net: Network, data: Data) -> Plateau | None:
    """The fall of each seed's rate, where the schedule follows the validation error."""
    if config.optimizer.schedule != PLATEAU:
        return None
    per_epoch = data.steps_per_epoch or 1  # who has no epochs has no validation set, either
    return Plateau(net, data.heldout_name, max(1, round(config.optimizer.patience * per_epoch)))


def length(steps: int | None, epochs: float | None, steps_per_epoch: int | None) -> int:
    """Steps of a stretch of training that is given in steps or in epochs.

    Raises UserError where there are no epochs.
    """
    if steps is not None:
        return steps
    if steps_per_epoch is None:
        raise UserError("epochs: this dataset has no epochs: type steps=N in place of epochs")
    assert epochs is not None  # where steps are None
    return max(1, round(epochs * steps_per_epoch))


def match(net: Network, data: Data, phase: Phase, layers: Collection[int]) -> None:
    """Scale B_l of some layers, from the top down, until delta_l is as large as the error.

    That is in the root mean square over the probe and units, for each seed. Paper, Supp. Note 5:
    "so that roughly the same magnitude of error arrived at each layer". Raises UserError where
    nothing arrives.
    """
    net.feedback = phase.feedback
    for l in sorted(layers, reverse=True):
        signals = net.observer("probe")(data.probe)
        delta = phase.deltas(net, signals, phase.probe_noise)[l]
        error, arriving = ((array**2).mean(axis=(1, 2)) for array in (signals.error, delta))
        if (arriving == 0).any():
            raise UserError(
                f"rule.feedback_scale=matched: no signal reaches layer {l} before it has learned: "
                "type a number"
            )
        phase.feedback[l] *= net.backend.xp.sqrt(error / arriving)[:, None, None]


def check_signals(net: Network, data: Data, phase: Phase) -> None:
    """Raise UserError where a rule's signals do not fit the layers that they are for."""
    signals = net.observer("probe")(data.probe)
    wanted = {l: h.shape for l, h in enumerate(signals.activations) if l}
    sent, name = phase.deltas(net, signals, phase.probe_noise), phase.rule.name
    if not isinstance(sent, Mapping):
        raise UserError(
            f"rule={name} returns a {type(sent).__name__}: expected a signal for each layer, as "
            "{layer: signal}; downward of fa_cli.rules makes it"
        )
    if net.depth not in sent:
        raise UserError(
            f"rule={name} sends nothing to the output, layer {net.depth}, which then does not "
            f"learn: add {{{net.depth}: signals.error}}, as downward of fa_cli.rules does"
        )
    for l, delta in sent.items():
        if l not in wanted:
            raise UserError(
                f"rule={name} sends a signal to layer {l}: expected layers 1 to {net.depth}"
            )
        kind = getattr(delta, "dtype", type(delta).__name__)
        if getattr(kind, "kind", "") != "f":
            raise UserError(
                f"rule={name} sends layer {l} a signal of {kind}: expected real numbers"
            )
        if delta.shape != wanted[l]:
            raise UserError(
                f"rule={name} sends layer {l} a signal of shape {delta.shape}: "
                f"expected {wanted[l]}, (seeds, examples, units)"
            )
        finite = net.backend.xp.isfinite
        if phase.start == 0 and finite(signals.error).all() and not finite(delta).all():
            raise UserError(
                f"rule={name} sends layer {l} a signal that is not finite before it has learned: "
                "mend it"
            )


def adapt(
    net: Network,
    rule: Rule,
    signals: Signals,
    delta: Deltas,
    rate: float,
    keep: float,
    frozen: Collection[int] = (),
) -> None:
    """Let the rule's feedback matrices learn, but for B_l where W_l is frozen.

    Absent synapses stay absent.
    """
    assert rule.adapt is not None  # of a rule whose feedback learns
    learning = {l: signal for l, signal in delta.items() if l - 1 not in frozen}
    rule.adapt(net, signals, learning, rate, keep)
    for name in net.bank:
        net.prune(name)


def measure(
    config: RunConfig,
    net: Network,
    data: Data,
    phase: Phase,
    step: int,
    plateau: Plateau | None = None,
) -> dict[str, np.ndarray]:
    """All metrics of the config before update `step`, on the host.

    Column -> (S,), or (S, n_l) for those of single units. A rate that follows the validation error
    does so here, and is among them.
    """

    def deltas(net: Network, signals: Signals) -> Deltas:
        return phase.deltas(net, signals, phase.probe_noise)

    view = View(net, data, deltas, phase.frozen)
    columns: Columns = {}
    for name in config.record.metrics:
        columns |= METRICS[name](view)
    found = {column: net.backend.to_host(values) for column, values in columns.items()}
    if plateau:
        held = view.performance
        plateau.watch(step, held["wrong" if held["classes"] else "squared"] / held["count"])
        found["learning_rate"] = config.optimizer.learning_rate / plateau.divisors()
    return found


def state_of(
    net: Network, velocity: Mapping | None = None, plateau: Plateau | None = None
) -> dict[str, Array]:
    """All that lives on from step to step, by name: parameters, potentials, momentum, rates."""
    rolling = {f"velocity/{name}": array for name, array in (velocity or {}).items()}
    falling = {f"plateau/{name}": array for name, array in plateau.state.items()} if plateau else {}
    return net.parameters() | net.state() | rolling | falling


def given(data: Data, phase: Phase, step: int) -> dict[str, Array]:
    """What goes into an update besides the network, for an audit: the batch and the noise."""
    batch = data.batch(step)
    noise = {f"noise{l}": xi for l, xi in phase.noise_at(step).items()}
    return {"x": batch.x, "target": batch.target, **noise}


def bury(net: Network, state: Mapping[str, Array], recorder: Recorder, step: int) -> None:
    """End the seeds whose parameters are no longer all numbers; theirs become 0.

    That disturbs nobody. Raises UserError when no seed is left.
    """
    xp, host = net.backend.xp, net.backend.to_host
    names, finite = list(net.parameters()), []
    for array in net.parameters().values():
        sums = array.sum(axis=tuple(range(1, array.ndim)))
        finite.append(host(xp.isfinite(sums)))
    diverged = ~np.all(finite, axis=0)
    if diverged.any():
        first = [names[k] for k in np.argmin(finite, axis=0)]
        recorder.end(step, diverged, [f"{name[0]}_{name[1:]}" for name in first])
        for array in state.values():
            array[net.backend.to_device(diverged, bool)] = 0


@contextmanager
def divergence_told(config: RunConfig) -> Iterator[None]:
    """Where a rule cannot invert weights that have grown beyond all bounds, say what helps."""
    try:
        yield
    except np.linalg.LinAlgError:
        rate = f"optimizer.learning_rate={config.optimizer.learning_rate:g}"
        raise UserError(
            f"the weights cannot be inverted any more with {rate}: type a smaller one"
        ) from None
