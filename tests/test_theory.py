"""The tasks and metrics of the theory and the small figures against formulas written out."""

import numpy as np
import pytest
from helpers import deltas, network

from fa_cli.backend import NumpyBackend
from fa_cli.data import DATASETS, Batch, Data, Setting, load_datasets
from fa_cli.errors import UserError
from fa_cli.network import Network
from fa_cli.optimizer import update
from fa_cli.probes import METRICS, View
from fa_cli.randomness import generator

load_datasets()
pytestmark = pytest.mark.quick


def task(name: str, inputs: int, outputs: int, batch_size: int = 4, **options) -> Data:
    """A dataset of two seeds."""
    backend = NumpyBackend("float64")
    setting = Setting([0, 1], inputs, outputs, outputs, batch_size, 50, backend, "", False)
    return DATASETS[name].open(setting, **options)


def learn(net: Network, data: Data, eta: float, steps: int) -> None:
    """Train a network by feedback alignment."""
    for step in range(steps):
        signals = net.observe(*data.batch(step)[:2])
        update(net, signals, deltas("fa", net, signals), eta)


def view(net: Network, data: Data, rule: str = "fa") -> View:
    """What metrics look at."""
    return View(net, data, lambda net, signals: deltas(rule, net, signals))


class Shown:
    """A dataset that is one batch."""

    heldout_name = "test"

    def __init__(self, x, target):
        self.probe = Batch(x, target)

    def heldout(self):
        yield self.probe


def test_the_target_network_is_the_papers():
    """y* = W_2 tanh(W_1 tanh(W_0 x + b_0) + b_1) + b_2, elements uniform in [-0.5, 0.5]."""
    data = task("teacher", 5, 3, sizes=[5, 4, 6, 3], target_scale=0.5)
    x, target, _ = data.batch(3)
    rng, layers = generator(1, "target"), []  # a network for each seed
    for m, n in ((4, 5), (6, 4), (3, 6)):
        layers.append((rng.uniform(-0.5, 0.5, (m, n)), rng.uniform(-0.5, 0.5, m)))
    (w0, b0), (w1, b1), (w2, b2) = layers
    for n in range(4):
        y = w2 @ np.tanh(w1 @ np.tanh(w0 @ x[1, n] + b0) + b1) + b2
        np.testing.assert_allclose(target[1, n], y, rtol=1e-12)
    with pytest.raises(UserError, match=r"type model.sizes=\[5,...,3\]"):
        task("teacher", 6, 3, sizes=[5, 4, 6, 3], target_scale=0.5)


def test_the_quadratic_target_is_the_papers():
    """y*_k = x^T Q_k x with x in [-2, 2] and Q in [-0.5, 0.5]."""
    data = task("quadratic", 6, 3, input_scale=2.0, target_scale=0.5)
    x, target, _ = data.batch(0)
    q = generator(0, "target").uniform(-0.5, 0.5, (3, 6, 6))
    assert 1 < abs(x).max() <= 2
    for n in range(4):
        for k in range(3):
            assert target[0, n, k] == pytest.approx(x[0, n] @ q[k] @ x[0, n], rel=1e-12)


def test_xor_and_its_batch():
    """The four cases, every step; another batch size is refused with the right one."""
    x, target, _ = task("xor", 2, 1).batch(17)
    assert (x[0].sum(axis=1) % 2 == target[0, :, 0]).all() and x.shape == (1, 4, 2)
    with pytest.raises(UserError, match="type batch_size=4"):
        task("xor", 2, 1, batch_size=2)


def test_the_expected_update_is_deterministic_dynamics():
    """Training on the unit vectors is W += eta E A^T, A += eta B E. Supp. Note 11, eq. (6)-(7)."""
    data = task("linear_expected", 6, 3, batch_size=6, target_scale=1.0)
    net = network((6, 4, 3), "fa", hidden="linear", biases=False, weight_scale=0.1)
    a, w, b = net.weights[0].copy(), net.weights[1].copy(), net.feedback[1]
    target, eta = data.probe.target.swapaxes(1, 2), 0.05
    learn(net, data, eta, 50)
    for _ in range(50):
        error = target - w @ a
        w, a = w + eta * error @ a.swapaxes(1, 2), a + eta * b @ error
    np.testing.assert_allclose(net.weights[0], a, rtol=1e-10)
    np.testing.assert_allclose(net.weights[1], w, rtol=1e-10)


def test_traces_and_the_conserved_matrix():
    """tr(B W), tr(A^T B E) with E = T - W A, the norms of B W + W^T B^T - A A^T and of A A^T."""
    data = task("linear_expected", 6, 3, batch_size=6, target_scale=1.0)
    net = network((6, 4, 3), "fa", hidden="linear", biases=False)
    traces, conserved = (METRICS[name](view(net, data)) for name in ("traces", "conserved"))
    for s in range(2):
        a, w, b = net.weights[0][s], net.weights[1][s], net.feedback[1][s]
        error = data.probe.target[s].T - w @ a
        assert traces["trace_b_w_1"][s] == pytest.approx(np.trace(b @ w))
        assert traces["trace_a_b_e"][s] == pytest.approx(np.trace(a.T @ b @ error))
        kept = np.linalg.norm(b @ w + w.T @ b.T - a @ a.T)
        assert conserved["conserved_1"][s] == pytest.approx(kept)
        assert conserved["gram_1"][s] == pytest.approx(np.linalg.norm(a @ a.T))


def test_the_three_neurons_follow_parabolas():
    """With T = B = 1, 2 W - A^2 stays constant to first order in eta, and the end is A W = 1.

    Supp. Note 11 and Supp. Fig. 10.
    """
    data = task("scalar", 1, 1, batch_size=1, target=1.0)
    drift = {}
    for eta in (0.01, 0.005):
        net = network((1, 1, 1), "fa", hidden="linear", biases=False, weight_scale=0.1)
        net.feedback[1][...] = 1
        start = 2 * net.weights[1] - net.weights[0] ** 2
        learn(net, data, eta, round(40 / eta))
        drift[eta] = abs(2 * net.weights[1] - net.weights[0] ** 2 - start).max()
        np.testing.assert_allclose(net.weights[0] * net.weights[1], 1, atol=1e-6)
    assert drift[0.005] == pytest.approx(drift[0.01] / 2, rel=0.05)


def test_the_jacobian_of_backprop_is_a_hessian():
    """Backprop's is symmetric and minus the second difference of the loss; that of fa is not.

    Supp. Note 16.
    """
    net = network((2, 3, 1), "fa", hidden="tanh", weight_scale=0.7)
    rng = np.random.default_rng(0)
    data = Shown(rng.standard_normal((2, 5, 2)), rng.standard_normal((2, 5, 1)))
    size = 3 + 1 + 6 + 3
    views = (view(net, data, rule) for rule in ("bp", "fa"))
    bp, fa = (METRICS["jacobian"](seen)["jacobian"].reshape(2, size, size) for seen in views)
    np.testing.assert_allclose(bp, bp.swapaxes(1, 2), atol=1e-6)
    assert (abs(fa - fa.swapaxes(1, 2)).max(axis=(1, 2)) > 1e-2).all()

    def loss():
        return (net.observe(*data.probe[:2]).error ** 2).sum(axis=(1, 2)) / 2

    w, h = net.weights[1], 1e-4  # the first parameter: element 0 of W_1
    values = []
    for shift in (h, -2 * h, h):
        w[:, 0, 0] += shift
        values.append(loss())
    second = (values[0] - 2 * values[2] + values[1]) / h**2
    np.testing.assert_allclose(bp[:, 0, 0], -second, rtol=1e-5)


def test_the_norm_of_an_update():
    """It is what an update at eta = 1 adds to all parameters, by the rule and by backprop.

    A rule that leaves a layer out changes nothing there.
    """
    data = task("linear_expected", 6, 3, batch_size=6, target_scale=1.0)
    for rule in ("fa", "shallow"):
        net = network((6, 4, 3), "fa", hidden="tanh")
        found = METRICS["update_norm"](view(net, data, rule))
        for name, by in (("update_norm", rule), ("gradient_norm", "bp")):
            copy = network((6, 4, 3), "fa", hidden="tanh")
            signals = copy.observe(*data.probe[:2])
            update(copy, signals, deltas(by, copy, signals), 1.0)
            for s in range(2):
                pairs = zip(copy.parameters().values(), net.parameters().values(), strict=True)
                changes = [(now[s] - before[s]).ravel() for now, before in pairs]
                assert found[name][s] == pytest.approx(np.linalg.norm(np.concatenate(changes)))


def test_the_lines_of_lemma_5():
    """h = s_h B y* and W = s_w y* (B y*)^T, and by how much of their lengths they are off it."""
    data = task("one_example", 6, 3, batch_size=1)
    net = network((6, 4, 3), "fa", hidden="linear", biases=False)
    found = METRICS["lemma_5"](view(net, data))
    for s in range(2):
        y, w = data.probe.target[s, 0], net.weights[1][s]
        by, h = net.feedback[1][s] @ y, net.weights[0][s] @ data.probe.x[s, 0]
        for name, values, line in (("h", h, by), ("w", w, np.outer(y, by))):
            scale = (values * line).sum() / (line**2).sum()
            off = np.linalg.norm(values - scale * line) / np.linalg.norm(values)
            assert found[f"s_{name}"][s] == pytest.approx(scale)
            assert found[f"off_{name}"][s] == pytest.approx(off)
        net.weights[1][s] = 3 * np.outer(y, by)
    found = METRICS["lemma_5"](view(net, data))
    np.testing.assert_allclose(found["s_w"], 3)
    np.testing.assert_allclose(found["off_w"], 0, atol=1e-14)
    assert METRICS["lemma_5"](view(net, task("linear", 6, 3, target_scale=1.0))) == {}


def test_weights_are_kept_as_they_are_at_the_time():
    """The arrays of small networks, copied: later learning does not change them."""
    net = network((2, 3, 1), "fa")
    data = Shown(np.ones((2, 1, 2)), np.ones((2, 1, 1)))
    kept = METRICS["weights"](view(net, data))
    before = kept["weights_0"].copy()
    net.weights[0] += 1
    np.testing.assert_array_equal(kept["weights_0"], before)
    shapes = {"weights_0": (2, 6), "feedback_1": (2, 3), "biases_1": (2, 1)}
    assert {name: kept[name].shape for name in shapes} == shapes
