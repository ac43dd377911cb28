"""Dropout (Supp. Note 5): the same gates forward and in the update, and none when measured."""

import numpy as np
import pytest
from helpers import batch, deltas, layers_of, network
from test_layers import check_gradient

from fa_cli.data import Batch
from fa_cli.layers import LAYERS

pytestmark = pytest.mark.quick


def gated(sizes, rule: str = "bp", **settings):
    """A network in the middle of training step 3, with 6 examples and half of its units silent."""
    net = network(sizes, rule, dropout=0.5, **settings)
    net.gates = net.draw_gates(3, 6)
    return net


@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("activation", ["tanh", "logistic", "piecewise_linear"])
def test_backprop_is_the_gradient_of_the_network_that_is_left(kind, activation):
    """The silent units of a step neither answer nor learn, the others answer for them."""
    check_gradient(gated(layers_of(kind), hidden=activation))


def test_expected_activities_are_those_without():
    """A gate is 0 for the fraction p, else 1 / (1 - p); each layer has a fraction of its own."""
    net = network((4, 300, 200, 3), "fa", dropout=[0.2, 0.5])
    gates = net.draw_gates(0, 50)
    assert gates[1].shape == (2, 50, 300) and gates[2].shape == (2, 50, 200)
    for l, fraction in {1: 0.2, 2: 0.5}.items():
        np.testing.assert_allclose(np.unique(gates[l]), [0, 1 / (1 - fraction)], rtol=1e-6)
        assert abs(gates[l].mean() - 1) < 0.03


def test_gates_are_a_seeds_own_and_new_at_every_step():
    """Whatever other seeds there are; so a run may be interrupted at any step."""
    both, alone = (network((4, 20, 20, 3), dropout=0.5, seeds=seeds) for seeds in ([0, 1], [1]))
    here, there, later = both.draw_gates(5, 6), alone.draw_gates(5, 6), both.draw_gates(6, 6)
    for l in (1, 2):
        assert np.array_equal(here[l][1:], there[l])
        assert not np.array_equal(here[l][0], here[l][1])
        assert not np.array_equal(here[l], later[l])
    assert not np.array_equal(here[1], here[2])


def test_nothing_is_silent_when_it_is_measured():
    """Gates are there while a training step is presented, and not before or after."""
    net = network((5, 40, 3), dropout=0.5)
    plain = network((5, 40, 3))
    x = np.random.default_rng(1).standard_normal((2, 6, 5))
    shown = Batch(x, np.zeros((2, 6, 3)))
    (signals,) = (found for found in net.present(shown, 0))
    silent = (signals.activations[1] == 0).mean()
    assert 0.4 < silent < 0.6 and not net.gates
    measured, wanted = (one.observer("probe")(shown) for one in (net, plain))
    assert np.array_equal(measured.activations[2], wanted.activations[2])


def test_node_perturbation_perturbs_the_same_network():
    """Silent units stay silent in its second pass, where noise is added: both see one network."""
    net = gated((5, 40, 4, 3), "node_perturbation")
    signals, noise = batch(net), {l: np.full((2, 6, net.sizes[l]), 0.1) for l in (1, 2)}
    perturbed = net.forward(signals.activations[0], noise)
    for l in (1, 2):
        silent = net.gates[l] == 0
        assert silent.any() and not perturbed[l][silent].any()
    still = {l: np.zeros_like(xi) for l, xi in noise.items()}
    np.testing.assert_array_equal(
        net.forward(signals.activations[0], still)[-1], signals.activations[-1]
    )
    assert np.isfinite(deltas("node_perturbation", net, signals)[1]).all()
