"""The three-factor update: sums over the batch, weight decay, momentum, schedule, frozen layers, absent synapses."""

import numpy as np
import pytest
from small import batch, deltas, network

from fa_cli.network import observe
from fa_cli.optimizer import decay, learning_rates, resting, update
from fa_cli.schema import OptimizerConfig


def step(net, signals, rule="fa", weight_decay=0.0, **how):
    (keep,) = decay(
        OptimizerConfig(weight_decay=weight_decay),
        np.array([0.1]),
        len(signals.error[0]),
        net.backend.dtype,
    )
    update(net, signals, deltas(rule, net, signals), 0.1, keep, **how)


def test_update_is_the_sum_over_the_batch():
    """One update with a batch of six equals the sum of six updates, each from the same start."""
    start = network()
    signals = batch(start)

    def change(examples):
        net = network()
        step(net, observe(net, signals.activations[0][:, examples], signals.target[:, examples]))
        return np.array([net.weights[0] - start.weights[0]])

    parts = sum(change(slice(n, n + 1)) for n in range(6))
    np.testing.assert_allclose(change(slice(0, 6)), parts, rtol=1e-10, atol=1e-14)


def test_weight_decay_is_per_example():
    """W *= 1 - eta * weight_decay for every example of the batch, before the update is added; biases do not decay."""
    net, plain = network(), network()
    signals = batch(net)
    start = net.weights[0].copy()
    step(net, signals, weight_decay=0.5)
    step(plain, signals)
    np.testing.assert_allclose(
        net.weights[0], plain.weights[0] - start + start * (1 - 0.1 * 0.5) ** 6, rtol=1e-12
    )
    np.testing.assert_array_equal(net.biases[0], plain.biases[0])


def test_small_decay_is_saved_up():
    """A decay that float32 would round away comes in one piece, and nothing of it is lost; float64 resolves it at every step."""
    config, rates = OptimizerConfig(weight_decay=1e-6), np.full(100, 5e-3)
    each = (1 - 5e-9) ** 20
    np.testing.assert_array_equal(decay(config, rates, 20, np.dtype("float64")), np.full(100, each))
    rare = decay(config, rates, 20, np.dtype("float32"))
    assert (rare == 1).sum() == 98 and rare[-1] < 1
    assert rare.prod() == pytest.approx(each**100, rel=1e-12)
    assert (decay(OptimizerConfig(), rates, 20, np.dtype("float32")) == 1).all()


def test_momentum_builds_up():
    """v = momentum v + update, W += v (Supp. Note 8): two equal updates move W by update * (2 + momentum)."""
    net, plain = network(), network()
    signals = batch(net)
    start = net.weights[1].copy()
    step(plain, signals)
    velocity = resting(net)
    for _ in range(2):  # the same signals twice, as if the error had stayed
        step(net, signals, momentum=0.5, velocity=velocity)
    np.testing.assert_allclose(net.weights[1] - start, 2.5 * (plain.weights[1] - start), rtol=1e-10)
    np.testing.assert_allclose(
        velocity["b1"], 1.5 * (plain.biases[1] - network().biases[1]), rtol=1e-10
    )


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_frozen_layers_stay(momentum):
    """Neither weights nor biases of a frozen layer change, whatever decays or rolls on; the others do."""
    net, start = network(), network()
    step(
        net,
        batch(net),
        weight_decay=0.1,
        frozen={0},
        momentum=momentum,
        velocity=resting(net) if momentum else None,
    )
    np.testing.assert_array_equal(net.weights[0], start.weights[0])
    np.testing.assert_array_equal(net.biases[0], start.biases[0])
    assert (net.weights[1] != start.weights[1]).any()


def test_hidden_layers_rest_in_shallow_learning():
    """Without a delta a layer is as good as frozen."""
    net, start = network(rule="shallow"), network(rule="shallow")
    step(net, batch(net), "shallow", weight_decay=0.1)
    np.testing.assert_array_equal(net.weights[0], start.weights[0])
    assert (net.weights[1] != start.weights[1]).any()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_absent_synapses_stay_absent(momentum):
    """Half of W's and of B's elements are missing, drawn apart, and learning does not bring them back."""
    net = network((20, 30, 10), sparsity=0.5, feedback_sparsity=0.5)
    absent, back = net.weights[1] == 0, net.feedback[1] == 0
    assert absent.mean() == back.mean() == 0.5
    assert (
        0.15 < (absent.swapaxes(1, 2) & back).mean() < 0.35
    )  # masks are independent: a quarter lacks both
    velocity = resting(net) if momentum else None
    for k in range(3):
        step(net, batch(net, seed=k), weight_decay=0.1, momentum=momentum, velocity=velocity)
    assert (net.weights[1][absent] == 0).all()
    assert (net.weights[1][~absent] != 0).all()


def test_schedule():
    """The rate changes from the given time on, whatever the order of the pairs."""
    config = OptimizerConfig(learning_rate=1.0, schedule=[[20.0, 0.01], [10.0, 0.1]])
    assert learning_rates(config, [0, 9.99, 10, 19, 20, 1000]).tolist() == [
        1.0,
        1.0,
        0.1,
        0.1,
        0.01,
        0.01,
    ]
    assert learning_rates(OptimizerConfig(learning_rate=0.3), [0, 7]).tolist() == [0.3, 0.3]
