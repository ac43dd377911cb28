"""Learning rules against the paper's formulas, finite differences and each other."""

import numpy as np
import pytest
from small import OPTIONS, batch, deltas, network

from fa_cli.network import ACTIVATIONS, forward, observe, transpose
from fa_cli.optimizer import update
from fa_cli.probes import angle
from fa_cli.rules import RULES

DEPTHS = {1: (5, 3), 2: (5, 4, 3), 3: (5, 4, 6, 3), 4: (5, 4, 6, 4, 3)}


def parameters(net) -> list[np.ndarray]:
    return [*net.weights, *(net.biases or [])]


def change(rule, net, signals, **options) -> list[np.ndarray]:
    """What one update at eta = 1 adds to each parameter; the network stays as it was."""
    before = [array.copy() for array in parameters(net)]
    update(net, signals, deltas(rule, net, signals, **options), 1.0)
    step = [after - array for after, array in zip(parameters(net), before, strict=True)]
    for array, old in zip(parameters(net), before, strict=True):
        array[...] = old
    return step


def loss(net, x, target) -> np.ndarray:
    """L = e^T e / 2 summed over the batch, for each seed."""
    return ((target - forward(net, x)[-1]) ** 2).sum(axis=(1, 2)) / 2


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_backprop_is_the_downhill_gradient_of_the_loss(activation, depth, biases):
    """Along random directions the update equals minus the central difference of the loss, to 1e-7 (hidden and output units alike)."""
    net = network(DEPTHS[depth], "bp", hidden=activation, output=activation, biases=biases)
    signals = batch(net)
    step, x = change("bp", net, signals), signals.activations[0]
    rng, size = np.random.default_rng(3), 1e-5
    direction = [rng.standard_normal(array.shape) for array in parameters(net)]
    start = [array.copy() for array in parameters(net)]

    def loss_at(distance):
        for array, origin, way in zip(parameters(net), start, direction, strict=True):
            array[...] = origin + distance * way
        return loss(net, x, signals.target)

    numeric = (8 * (loss_at(size) - loss_at(-size)) - (loss_at(2 * size) - loss_at(-2 * size))) / (
        12 * size
    )
    analytic = sum(
        (s * way).sum(axis=tuple(range(1, s.ndim))) for s, way in zip(step, direction, strict=True)
    )
    np.testing.assert_allclose(-numeric, analytic, rtol=1e-7)


@pytest.mark.parametrize("output", ["linear", "logistic"])
def test_feedback_alignment_as_the_paper_writes_it(output):
    """Methods, "Deep nonlinear function approximation" (b), spelled out for one example of a tanh net with two hidden layers."""
    net = network((5, 4, 6, 3), "fa", seeds=[0], hidden="tanh", output=output)
    signals = batch(net, count=1)
    x, h1, h2, y = (a[0, 0] for a in signals.activations)
    e = signals.target[0, 0] - y
    slope = y * (1 - y) if output == "logistic" else np.ones(3)
    b1, b2 = net.feedback[1][0], net.feedback[2][0]
    delta2 = b2 @ e  # the raw error, not e * y'
    delta1 = b1 @ delta2  # the raw delta_2, not delta_2 * h_2'
    expected = [
        np.outer(delta1 * (1 - h1**2), x),
        np.outer(delta2 * (1 - h2**2), h1),
        np.outer(e * slope, h2),
    ]
    for got, want in zip(change("fa", net, signals)[:3], expected, strict=True):
        np.testing.assert_allclose(got[0], want, rtol=1e-12, atol=1e-15)


def aligned(net):
    """The same network with B_l = W_l^T."""
    net.feedback = {l: transpose(net.weights[l]).copy() for l in range(1, net.depth)}
    return net


@pytest.mark.parametrize(
    ("hidden", "derivative"), [("linear", "local"), ("linear", "passed"), ("tanh", "passed")]
)
def test_feedback_alignment_with_transposed_weights_is_backprop(hidden, derivative):
    """With B = W^T FA equals BP in a linear net; with the derivatives passed on, in any net."""
    net = aligned(network((5, 4, 6, 3), "fa", hidden=hidden))
    signals = batch(net)
    for fa, bp in zip(
        change("fa", net, signals, derivative=derivative), change("bp", net, signals), strict=True
    ):
        np.testing.assert_allclose(fa, bp, rtol=1e-12)


def test_random_feedback_is_not_backprop():
    """With random B the hidden updates differ from BP's, or the test above would mean nothing."""
    net = network((5, 4, 6, 3), "fa", hidden="linear")
    signals = batch(net)
    assert not np.allclose(change("fa", net, signals)[0], change("bp", net, signals)[0], rtol=0.1)


def test_direct_feedback_alignment_sends_the_error_everywhere():
    """delta_l = B_l e for every hidden layer, and the same as FA where there is one hidden layer."""
    net = network((5, 4, 6, 3), "dfa", hidden="tanh")
    signals = batch(net)
    delta = deltas("dfa", net, signals)
    np.testing.assert_allclose(
        delta[1], np.einsum("sij,snj->sni", net.feedback[1], signals.error), rtol=1e-12
    )
    shallow = network((5, 4, 3), "dfa")
    signals = batch(shallow)
    np.testing.assert_allclose(
        deltas("dfa", shallow, signals)[1], deltas("fa", shallow, signals)[1], rtol=1e-12
    )


@pytest.mark.parametrize("hidden", ["linear", "tanh"])
def test_node_perturbation_estimates_the_gradient(hidden):
    """The mean of delta over many draws points within 5 degrees of backprop's, in every layer and seed."""
    net = network((5, 4, 6, 3), "bp", hidden=hidden)
    one = batch(net, count=1)
    draws = 40_000
    x, target = (np.repeat(array, draws, axis=1) for array in (one.activations[0], one.target))
    mean = deltas("node_perturbation", net, observe(net, x, target), sigma=1e-3)
    exact = deltas("bp", net, one)
    # all layers are perturbed at once: delta_1 alone has the noise of layer 2 in it too, but not in its mean
    for l in (1, 2):
        degrees = angle(np, mean[l].mean(axis=1), exact[l][:, 0])
        assert (degrees < 5).all(), degrees


def test_node_perturbation_gives_every_unit_the_same_scalar():
    """delta_l / xi_l is one number for all hidden units of an example: -(L(xi) - L(0)) / sigma^2."""
    net = network((5, 4, 6, 3), "bp")
    signals, sigma = batch(net), 0.01
    rng = np.random.default_rng(5)
    noise = {l: sigma * rng.standard_normal((2, 6, net.sizes[l])) for l in (1, 2)}
    delta = RULES["node_perturbation"].deltas(net, signals, noise, sigma)
    perturbed = ((signals.target - forward(net, signals.activations[0], noise)[-1]) ** 2).sum(
        axis=-1
    ) / 2
    reward = -(perturbed - (signals.error**2).sum(axis=-1) / 2) / sigma**2
    for l in (1, 2):
        np.testing.assert_allclose(
            delta[l] / noise[l], np.broadcast_to(reward[..., None], noise[l].shape), rtol=1e-8
        )


def test_pseudobackprop_inverts_the_forward_weights():
    """Where W has full row rank, W delta = e: the hidden change that would undo the error (Supp. Note 15)."""
    net = network((5, 4, 3), "bp", hidden="linear")
    signals = batch(net)
    delta = deltas("pseudobackprop", net, signals)[1]
    np.testing.assert_allclose(
        delta @ transpose(net.weights[1]), signals.error, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("rule", sorted(RULES))
def test_output_layer_learns_by_the_delta_rule(rule):
    """All algorithms adjust W_{L-1} alike: (e * y') h^T. Paper, Methods."""
    net = network((5, 4, 6, 3), rule, output="logistic")
    signals = batch(net)
    np.testing.assert_array_equal(change(rule, net, signals)[2], change("bp", net, signals)[2])


@pytest.mark.parametrize("rule", sorted(RULES))
def test_seeds_do_not_touch_each_other(rule):
    """Each seed's slice of the update equals that of its own network alone."""
    both, alone = (network((5, 4, 6, 3), rule, seeds=seeds) for seeds in ([3, 8], [8]))
    signals = batch(both)
    single = observe(alone, signals.activations[0][1:], signals.target[1:])
    together = deltas(rule, both, signals)
    if rule == "node_perturbation":
        pytest.skip(
            "its noise is drawn by the training loop, where tests/test_cli.py compares seeds"
        )
    for l, delta in deltas(rule, alone, single).items():
        np.testing.assert_array_equal(together[l][1:], delta)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_loss_falls(rule):
    """A small step of any rule lowers the loss of its batch; FA's after W has begun to align."""
    net = network((5, 8, 3), rule, hidden="tanh", weight_scale=0.3)
    signals = batch(net)
    x, before = signals.activations[0], loss(net, signals.activations[0], signals.target)
    for k in range(200):
        signals = observe(net, x, signals.target)
        update(net, signals, deltas(rule, net, signals, seed=k), 0.01)
    assert (loss(net, x, signals.target) < 0.8 * before).all()


def test_every_rule_with_options_is_covered():
    """The options used in these tests are those that the rules declare."""
    assert {name: set(rule.options) for name, rule in RULES.items() if rule.options} == {
        name: set(given) for name, given in OPTIONS.items()
    }
