"""Parameters: distributions, literal matrices, sparsity, and slopes that are derivatives."""

import numpy as np
import pytest
from helpers import layers_of, network

from fa_cli.backend import NumpyBackend
from fa_cli.errors import UserError
from fa_cli.layers import LAYERS, build_layers
from fa_cli.network import add_feedback, build
from fa_cli.rules import from_output, layer_by_layer
from fa_cli.schema import ModelConfig, RuleConfig
from fa_cli.units import ACTIVATIONS

pytestmark = pytest.mark.quick
BACKEND = NumpyBackend("float64")


EXACT = sorted(name for name, unit in ACTIVATIONS.items() if unit.exact)


@pytest.mark.parametrize("name", EXACT)
def test_slope_is_the_derivative_of_phi(name):
    """slope(phi(a)) equals the central difference of phi, away from the kink at 0."""
    unit = ACTIVATIONS[name]
    a = np.array([-3.0, -1.0, -0.1, 0.2, 1.0, 2.5])
    numeric = (unit.phi(np, a + 1e-6) - unit.phi(np, a - 1e-6)) / 2e-6
    slope = unit.slope(np, unit.phi(np, a)) * np.ones(6)
    np.testing.assert_allclose(slope, numeric, rtol=1e-8, atol=1e-9)


def test_a_rough_slope():
    """A boxcar: high where the logistic's slope is above half its maximum, low elsewhere."""
    unit, a = ACTIVATIONS["logistic_boxcar"], np.array([-5, -1.8, -1.7, 0, 1.7, 1.8, 5.0])
    h = unit.phi(np, a.copy())
    np.testing.assert_allclose(h, 1 / (1 + np.exp(-a)))
    high = h * (1 - h) > 1 / 8
    assert high.tolist() == [False, False, True, True, True, False, False]
    np.testing.assert_array_equal(unit.slope(np, h), np.where(high, 1 / 4, 1 / 40))


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("linear", lambda a: a),
        ("logistic", lambda a: 1 / (1 + np.exp(-a))),
        ("tanh", np.tanh),
        ("relu", lambda a: np.where(a > 0, a, 0)),
        ("piecewise_linear", lambda a: np.where(a > 0, a, a / 20)),  # Supp. Note 5, eq. (1)
    ],
)
def test_units_are_what_they_are_called(name, formula):
    """phi, written out."""
    a = np.linspace(-3, 3, 13)
    np.testing.assert_allclose(ACTIVATIONS[name].phi(np, a.copy()), formula(a), rtol=1e-12)


def test_weights_fill_their_ranges():
    """Uniform over [-omega, omega], one omega a layer; each seed and layer its own draw."""
    model = ModelConfig(sizes=[100, 80, 50], weight_scale=[0.5, 0.1])
    first, second = build(model, BACKEND, [0, 1]).weights
    for weights, omega in ((first, 0.5), (second, 0.1)):
        assert -omega <= weights.min() < -0.98 * omega and 0.98 * omega < weights.max() <= omega
        assert abs(weights.mean()) < 0.05 * omega
    assert abs(first[0] - first[1]).min() > 0


def test_normal_weights_have_their_sd():
    """weight_distribution=normal: omega is the sd."""
    model = ModelConfig(sizes=[100, 80], weight_scale=0.1, weight_distribution="normal")
    weights = build(model, BACKEND, [0, 1]).weights[0]
    assert weights.std() == pytest.approx(0.1, rel=0.05) and abs(weights).max() > 0.3


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_biases_start_in_their_range(kind):
    """Uniform in [-bias_scale, bias_scale], one for each unit, or for each map of a convolution."""
    net = network(layers_of(kind), bias_scale=0.5, seeds=range(50))
    for layer, biases in zip(net.layers, net.biases, strict=True):
        assert biases.shape == (50, layer.biases)
        assert 0.4 < abs(biases).max() <= 0.5 and biases.min() < -0.4
    first = net.weights[0][:, 0, 0] / 0.8, net.biases[0][:, 0] / 0.5
    assert abs(np.corrcoef(*first)[0, 1]) < 0.5  # drawn apart from the weights
    assert network(layers_of(kind), biases=False).biases is None


def test_feedback_shapes():
    """B_l feeds layer l: (n_l, n_{l+1}) from the layer above, (n_l, n_L) from the output."""
    layers = build_layers("model.sizes", [5, 4, 6, 3])
    assert layer_by_layer(layers) == {1: (4, 6), 2: (6, 3)}
    assert from_output(layers) == {1: (4, 3), 2: (6, 3)}
    assert layer_by_layer(layers[:1]) == from_output(layers[:1]) == {}
    net = network((5, 4, 6, 3), "fa")
    assert {l: b.shape for l, b in net.feedback.items()} == {1: (2, 4, 6), 2: (2, 6, 3)}


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_feedback_fills_its_range(distribution):
    """beta, one for each B_l; drawn apart from the weights."""
    net = network((50, 40, 30, 20), "bp", weight_scale=0.2)
    config = RuleConfig(name="fa", feedback_scale=[0.2, 3], feedback_distribution=distribution)
    feedback = add_feedback(net, config, layer_by_layer(net.layers), learns=False)
    for l, beta in ((1, 0.2), (2, 3)):
        sd = beta if distribution == "normal" else beta / np.sqrt(3)
        assert feedback[l].std() == pytest.approx(sd, rel=0.05)
        assert (abs(feedback[l]).max() > beta) == (distribution == "normal")
    assert not np.allclose(feedback[1], net.reverse(1))


def test_literal_matrices():
    """Matrices from YAML are taken as they are, for every seed (Supp. Note 4)."""
    w = [[[1, 2], [3, 4]], [[0.15, -0.13]]]
    net = build(ModelConfig(sizes=[2, 2, 1], weights=w), BACKEND, [0, 1])
    np.testing.assert_array_equal(net.weights[1], [[[0.15, -0.13]]] * 2)
    config = RuleConfig(name="fa", feedback=[[[-3.75], [-4.53]]])
    feedback = add_feedback(net, config, layer_by_layer(net.layers), learns=False)
    np.testing.assert_array_equal(feedback[1], [[[-3.75], [-4.53]]] * 2)
    with pytest.raises(UserError, match="layer 1 needs a 1 x 2 matrix"):
        build(ModelConfig(sizes=[2, 2, 1], weights=[w[0], [[1]]]), BACKEND, [0])
    half = build(ModelConfig(sizes=[2, 2, 1], weights=[None, w[1]]), BACKEND, [0, 1])
    assert (half.weights[0][0] != half.weights[0][1]).all()


@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("sparsity", [0.25, [0.0, 0.5, 0.75]])
def test_sparsity_is_exact(kind, sparsity):
    """Just the given fraction of elements is absent, in every seed, each with its own choice."""
    net = network([[1, 12, 12], *layers_of(kind)[1:]], sparsity=sparsity)
    for l, weights in enumerate(net.weights):
        absent = sparsity[l] if isinstance(sparsity, list) else sparsity
        expected = round(absent * weights[0].size) / weights[0].size
        np.testing.assert_allclose((weights == 0).mean(axis=(1, 2)), expected, atol=1e-12)
    assert ((net.weights[1][0] == 0) != (net.weights[1][1] == 0)).any()


def test_forward_is_the_papers_recurrence():
    """h_{l+1} = phi(W_l h_l + b_l), for every seed and example by itself."""
    net = network((5, 4, 3), hidden="tanh", output="logistic")
    x = np.random.default_rng(0).standard_normal((2, 6, 5))
    y = net.forward(x)[-1]
    for s in range(2):
        for n in range(6):
            h = np.tanh(net.weights[0][s] @ x[s, n] + net.biases[0][s])
            a = net.weights[1][s] @ h + net.biases[1][s]
            np.testing.assert_allclose(y[s, n], 1 / (1 + np.exp(-a)), rtol=1e-12)


def test_parameters_are_the_arrays_themselves():
    """What training changes, by name, not copies; and of some seeds views of them."""
    net = network((5, 4, 6, 3), "fa")
    assert list(net.parameters()) == ["W0", "W1", "W2", "b0", "b1", "b2", "B1", "B2"]
    some = net.of(slice(1, 2)).parameters()
    for name, array in net.parameters().items():
        assert np.shares_memory(array[1:], some[name])
    assert net.parameters()["W1"] is net.weights[1] and net.of(slice(1, 2)).seeds == [1]


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_only_what_is_plain_calls_itself_so(kind):
    """A rate network of dense layers with all synapses: what the compiled loop may take."""
    assert network(layers_of(kind)).plain == (kind == "dense")
    assert network((5, 4, 3), sparsity=0.5).plain
    assert network((5, 4, 3), "kolen_pollack", feedback_sparsity=0.5).plain


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("kind", ["dense", "local"])
@pytest.mark.parametrize(("word", "variance"), [("lecun", 1.0), ("kaiming", 2.0)])
def test_scales_by_the_number_of_synapses(word, variance, kind, distribution):
    """A unit whose inputs have variance 1 is driven with variance 1 (lecun), or 2 (kaiming)."""
    sizes = {
        "dense": [400, 500, 3],
        "local": [[1, 20, 20], {"kind": "local", "maps": 2, "field": 7}],
    }
    net = network(
        sizes[kind], weight_scale=word, weight_distribution=distribution, biases=False, bias_scale=0
    )
    x = np.random.default_rng(1).standard_normal((2, 300, 400))
    assert abs(net.drive(0, x).var() / variance - 1) < 0.1


def test_scales_are_of_the_synapses_that_are_there():
    """Nine of ten are absent: the others are larger, so that a unit's drive is as varied."""
    sizes, quiet = (900, 500, 3), {"biases": False, "bias_scale": 0}
    net = network(sizes, weight_scale="lecun", sparsity=0.9, **quiet)
    x = np.random.default_rng(1).standard_normal((2, 300, 900))
    assert abs(net.drive(0, x).var() - 1) < 0.1


def test_xavier_is_between_the_two_directions():
    """The variance of a weight is 2 / (n_l + n_{l+1}), in a list of scales as well."""
    net = network((300, 100, 3), weight_scale=["xavier", 0.5], weight_distribution="normal")
    assert abs(net.weights[0].var() * 200 - 1) < 0.05 and 0.4 < net.weights[1].std() < 0.6


@pytest.mark.parametrize(
    ("rule", "shape"), [("fa", (500, 10)), ("dfa", (500, 10)), ("fa", (500, 400))]
)
def test_matched_feedback_is_as_the_paper_scales_it(rule, shape):
    """Raw errors: B_l is uniform in +- sqrt(3 / m), m the number of signals that it carries."""
    net = network((20, *shape[:1], *shape[1:]))
    config = RuleConfig(name=rule, feedback_scale="matched")
    (b,) = add_feedback(net, config, {1: shape}, learns=False, fresh="x").values()
    limit = np.sqrt(3 / shape[1])
    assert 0.99 * limit < abs(b).max() <= limit
