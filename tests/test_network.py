"""Parameters: distributions, literal matrices, sparsity, and slopes that are derivatives."""

import numpy as np
import pytest
from small import network

from fa_cli.backend import NumpyBackend
from fa_cli.errors import UserError
from fa_cli.network import ACTIVATIONS, build, build_feedback, forward
from fa_cli.rules import from_output, layer_by_layer
from fa_cli.schema import ModelConfig, RuleConfig

BACKEND = NumpyBackend("float64")


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_slope_is_the_derivative_of_phi(name):
    """slope(phi(a)) equals the central difference of phi, away from the kink at 0."""
    unit = ACTIVATIONS[name]
    a = np.array([-3.0, -1.0, -0.1, 0.2, 1.0, 2.5])
    numeric = (unit.phi(np, a + 1e-6) - unit.phi(np, a - 1e-6)) / 2e-6
    np.testing.assert_allclose(
        unit.slope(np, unit.phi(np, a)) * np.ones(6), numeric, rtol=1e-8, atol=1e-9
    )


def test_piecewise_linear_is_the_papers():
    """f(x) = x / 20 below 0, x above. Supp. Note 5, eq. (1)."""
    np.testing.assert_allclose(
        ACTIVATIONS["piecewise_linear"].phi(np, np.array([-2.0, 0.0, 3.0])), [-0.1, 0, 3]
    )


def test_weights_fill_their_ranges():
    """Uniform over [-omega, omega] with one omega a layer; normal with that sd; each seed and layer its own draw."""
    model = ModelConfig(sizes=[100, 80, 50], weight_scale=[0.5, 0.1])
    first, second = build(model, BACKEND, [0, 1]).weights
    assert 0.49 < abs(first).max() <= 0.5 and 0.098 < abs(second).max() <= 0.1
    assert abs(first[0] - first[1]).min() > 0
    model.weight_distribution = "normal"
    assert build(model, BACKEND, [0, 1]).weights[1].std() == pytest.approx(0.1, rel=0.05)


def test_feedback_shapes():
    """B_l feeds layer l: (n_l, n_{l+1}) from the layer above, (n_l, n_L) from the output; none for a net without hidden layers."""
    config = RuleConfig(name="fa", feedback_scale=0.5)
    layered = build_feedback(config, layer_by_layer([5, 4, 6, 3]), BACKEND, [0])
    direct = build_feedback(config, from_output([5, 4, 6, 3]), BACKEND, [0])
    assert {l: b.shape for l, b in layered.items()} == {1: (1, 4, 6), 2: (1, 6, 3)}
    assert {l: b.shape for l, b in direct.items()} == {1: (1, 4, 3), 2: (1, 6, 3)}
    assert layer_by_layer([5, 3]) == {}


def test_literal_matrices():
    """Matrices from YAML are taken as they are, for every seed (Supp. Note 4)."""
    w = [[[1, 2], [3, 4]], [[0.15, -0.13]]]
    net = build(ModelConfig(sizes=[2, 2, 1], weights=w), BACKEND, [0, 1])
    np.testing.assert_array_equal(net.weights[1], [[[0.15, -0.13]]] * 2)
    feedback = build_feedback(
        RuleConfig(name="fa", feedback=[[[-3.75], [-4.53]]]),
        layer_by_layer([2, 2, 1]),
        BACKEND,
        [0],
    )
    np.testing.assert_array_equal(feedback[1], [[[-3.75], [-4.53]]])
    with pytest.raises(UserError, match="layer 1 needs a 1 x 2 matrix"):
        build(ModelConfig(sizes=[2, 2, 1], weights=[w[0], [[1]]]), BACKEND, [0])


@pytest.mark.parametrize("sparsity", [0.3, 0.9, [0.0, 0.5]])
def test_sparsity_is_exact(sparsity):
    """Just the given fraction of elements is absent, in every seed, each with its own choice."""
    net = network((20, 30, 10), sparsity=sparsity)
    for l, weights in enumerate(net.weights):
        expected = sparsity[l] if isinstance(sparsity, list) else sparsity
        np.testing.assert_allclose((weights == 0).mean(axis=(1, 2)), expected, atol=1e-12)
        assert expected == 0 or ((weights[0] == 0) != (weights[1] == 0)).any()


def test_forward_is_the_papers_recurrence():
    """h_{l+1} = phi(W_l h_l + b_l), for every seed and example by itself."""
    net = network((5, 4, 3), hidden="tanh", output="logistic")
    x = np.random.default_rng(0).standard_normal((2, 6, 5))
    y = forward(net, x)[-1]
    for s in range(2):
        for n in range(6):
            h = np.tanh(net.weights[0][s] @ x[s, n] + net.biases[0][s])
            np.testing.assert_allclose(
                y[s, n], 1 / (1 + np.exp(-(net.weights[1][s] @ h + net.biases[1][s]))), rtol=1e-12
            )
