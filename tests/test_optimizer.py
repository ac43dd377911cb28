"""The three-factor update: sums over the batch, decay, momentum, schedule, absent synapses."""

import numpy as np
import pytest
from helpers import batch, deltas, layers_of, network

from fa_cli.errors import UserError
from fa_cli.layers import LAYERS
from fa_cli.optimizer import Plateau, decay, learning_rates, resting, update
from fa_cli.schema import OptimizerConfig

pytestmark = pytest.mark.quick
ETA = 0.1


def step(net, signals, rule="fa", weight_decay=0.0, **how):
    """One update at eta = 0.1, with what weight decay leaves."""
    rates, examples = np.array([ETA]), len(signals.error[0])
    config = OptimizerConfig(weight_decay=weight_decay)
    (keep,) = decay(config, rates, examples, net.backend.dtype)
    update(net, signals, deltas(rule, net, signals), ETA, keep, **how)


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_update_is_the_sum_over_the_batch(kind):
    """One update with a batch of six equals the sum of six updates, each from the same start."""
    start = network(layers_of(kind))
    signals = batch(start)

    def change(examples):
        net, x = network(layers_of(kind)), signals.activations[0]
        step(net, net.observe(x[:, examples], signals.target[:, examples]))
        learned, before = net.parameters(), start.parameters()
        return {name: learned[name] - before[name] for name in learned}

    whole, parts = change(slice(0, 6)), [change(slice(n, n + 1)) for n in range(6)]
    for name, moved in whole.items():
        summed = sum(part[name] for part in parts)
        np.testing.assert_allclose(moved, summed, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_weight_decay_is_per_example(momentum):
    """W *= 1 - eta * weight_decay for every example, before the update is added; not of biases."""
    net, plain = network(), network()
    signals, start = batch(net), [w.copy() for w in net.weights]
    for some, weight_decay in ((net, 0.5), (plain, 0.0)):
        velocity = resting(some) if momentum else None
        how = {"momentum": momentum, "velocity": velocity}
        step(some, signals, weight_decay=weight_decay, **how)
    for w, other, old in zip(net.weights, plain.weights, start, strict=True):
        lost = old * (1 - (1 - ETA * 0.5) ** 6)
        np.testing.assert_allclose(w, other - lost, rtol=1e-12)
    for b, other in zip(net.biases, plain.biases, strict=True):
        np.testing.assert_array_equal(b, other)


def test_small_decay_is_saved_up():
    """A decay that float32 would round away comes in one piece, and nothing of it is lost.

    float64 resolves it at every step.
    """
    config, rates = OptimizerConfig(weight_decay=1e-6), np.full(100, 5e-3)
    each = (1 - 5e-9) ** 20
    exact = decay(config, rates, 20, np.dtype("float64"))
    np.testing.assert_array_equal(exact, np.full(100, each))
    rare = decay(config, rates, 20, np.dtype("float32"))
    assert (rare == 1).sum() == 98 and rare[-1] < 1
    assert rare.prod() == pytest.approx(each**100, rel=1e-12)
    assert (decay(OptimizerConfig(), rates, 20, np.dtype("float32")) == 1).all()


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_momentum_builds_up(kind):
    """v = momentum v + update, W += v (Supp. Note 8): two equal updates move W by 2 + momentum."""
    start, net, plain = (network(layers_of(kind)) for _ in range(3))
    signals, velocity = batch(net), resting(net)
    step(plain, signals)
    for _ in range(2):  # the same signals twice, as if the error had stayed
        step(net, signals, momentum=0.5, velocity=velocity)
    for name, old in start.parameters().items():
        one = plain.parameters()[name] - old
        moved = net.parameters()[name] - old
        np.testing.assert_allclose(moved, 2.5 * one, rtol=1e-9, atol=1e-13)
        if name in velocity:
            np.testing.assert_allclose(velocity[name], 1.5 * one, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_frozen_layers_stay(momentum):
    """Neither weights nor biases of a frozen layer change, whatever decays or rolls on."""
    net, start = network(), network()
    velocity = resting(net) if momentum else None
    step(net, batch(net), weight_decay=0.1, frozen={0}, momentum=momentum, velocity=velocity)
    np.testing.assert_array_equal(net.weights[0], start.weights[0])
    np.testing.assert_array_equal(net.biases[0], start.biases[0])
    assert (net.weights[1] != start.weights[1]).any()


def test_a_layer_that_was_frozen_starts_from_rest():
    """Momentum of before is not of the gradient where it goes on."""
    net, plain = network(), network()
    signals, velocity = batch(net), resting(net)
    for frozen in ({1}, {0}):
        step(net, signals, momentum=0.9, velocity=velocity, frozen=frozen)
    assert not velocity["W0"].any() and not velocity["b0"].any() and velocity["W1"].any()
    step(plain, signals, frozen={1})
    before = [w.copy() for w in net.weights]
    step(net, signals, momentum=0.9, velocity=velocity, frozen={1})
    start = network()
    moved, once = net.weights[0] - before[0], plain.weights[0] - start.weights[0]
    np.testing.assert_allclose(moved, once, rtol=1e-9)


def test_hidden_layers_rest_in_shallow_learning():
    """Without a delta a layer is as good as frozen."""
    net, start = network(rule="shallow"), network(rule="shallow")
    step(net, batch(net), "shallow", weight_decay=0.1)
    np.testing.assert_array_equal(net.weights[0], start.weights[0])
    assert (net.weights[1] != start.weights[1]).any()


@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_absent_synapses_stay_absent(momentum, kind):
    """A part of W's elements is missing, and learning does not bring them back."""
    net = network(layers_of(kind), sparsity=0.5)
    absent, velocity = [w == 0 for w in net.weights], resting(net) if momentum else None
    for k in range(3):
        how = {"momentum": momentum, "velocity": velocity}
        step(net, batch(net, seed=k), weight_decay=0.1, **how)
    for w, missing in zip(net.weights, absent, strict=True):
        assert missing.any() and (w[missing] == 0).all() and (w[~missing] != 0).all()


def test_absent_synapses_of_weights_and_feedback_are_drawn_apart():
    """Half of each: a quarter of the pairs lacks both. Paper, Fig. 3."""
    net = network((20, 30, 10), sparsity=0.5, feedback_sparsity=0.5)
    absent, back = net.reverse(1) == 0, net.feedback[1] == 0
    assert absent.mean() == back.mean() == 0.5
    assert 0.15 < (absent & back).mean() < 0.35


def test_schedule():
    """The rate changes from the given time on, whatever the order of the pairs."""
    config = OptimizerConfig(learning_rate=1.0, schedule=[[20.0, 0.01], [10.0, 0.1]])
    rates = learning_rates(config, [0, 9.99, 10, 19, 20, 1000])
    assert rates.tolist() == [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]
    assert learning_rates(OptimizerConfig(learning_rate=0.3), [0, 7]).tolist() == [0.3, 0.3]


def plateau(patience: float = 2) -> Plateau:
    """Of two seeds, watched every step."""
    return Plateau(network((3, 2)), "validation", patience)


def test_a_plateau_cuts_the_rate_of_the_seed_that_is_on_it():
    """Tenfold, after as many steps without a better error as it has patience, and again."""
    watched, found = plateau(), []
    for step, second in enumerate([9, 8, 8, 8.5, 7, 7, 7, 7, 7]):
        watched.watch(step, np.array([10.0 - step, second]))
        found.append(watched.divisors().tolist())
    assert [first for first, _ in found] == [1.0] * 9
    assert [second for _, second in found] == [1, 1, 1, 10, 10, 10, 100, 100, 1000]


def test_a_plateau_that_is_looked_at_twice():
    """As after a checkpoint: the second look at one step changes nothing."""
    once, twice = plateau(), plateau()
    for step, error in enumerate([3, 3, 3, 2, 2, 2, 2, np.nan, np.nan, np.nan]):
        once.watch(step, np.array([error, 5.0 - step]))
        for _ in range(2):
            twice.watch(step, np.array([error, 5.0 - step]))
    for name, array in once.state.items():
        np.testing.assert_array_equal(array, twice.state[name])
    assert once.divisors()[0] > 1


def test_a_plateau_of_the_test_error_is_refused():
    """The test set decides nothing."""
    with pytest.raises(UserError, match=r"type dataset.validation=N"):
        Plateau(network((3, 2)), "test", 2)
