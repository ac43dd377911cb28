"""Each metric against its definition, written out."""

import numpy as np
import pytest
from helpers import batch, deltas, layers_of, network
from strict import StrictBackend

from fa_cli.backend import NumpyBackend
from fa_cli.data import Batch
from fa_cli.layers import LAYERS
from fa_cli.optimizer import update
from fa_cli.probes import METRICS, View, angle

pytestmark = pytest.mark.quick


class Held:
    """Held-out examples of as many classes as there are outputs, in two pieces."""

    heldout_name = "test"

    def __init__(self, net, labels=True, count=8):
        rng, device = np.random.default_rng(2), net.backend.to_device
        inputs, classes = net.sizes[0], net.sizes[-1]
        x = rng.standard_normal((2, count, inputs))
        named = rng.integers(0, classes, count)
        target = np.broadcast_to(np.eye(classes)[named], (2, count, classes))
        if not labels:
            target = rng.standard_normal((2, count, classes))
        self.x, self.target = device(x), device(target)
        self.labels = device(named, np.int64) if labels else None
        self.probe = Batch(self.x[:, :5], self.target[:, :5])

    def heldout(self):
        for piece in (slice(0, 5), slice(5, None)):
            labels = None if self.labels is None else self.labels[piece]
            yield Batch(self.x[:, piece], self.target[:, piece], labels)


def view(rule="fa", sizes=(5, 4, 6, 3), backend=None, biases=True, **held):
    """A network of the rule on these examples."""
    net = network(sizes, rule, hidden="tanh", backend=backend, biases=biases)
    return View(net, Held(net, **held), lambda net, signals: deltas(rule, net, signals))


def measured(name, view):
    """One metric's columns."""
    return METRICS[name](view)


def degrees(a, b):
    """Between two arrays, as vectors."""
    cosine = (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)
    return np.degrees(np.arccos(cosine))


@pytest.mark.parametrize("rule", ["fa", "kolen_pollack", "dfa", "bp"])
@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_on_every_kind_of_layer(name, kind, rule):
    """The same on a strict namespace; finite numbers, one a seed; no column where none applies."""
    values = []
    for backend in (NumpyBackend("float64"), StrictBackend("float64")):
        columns = measured(name, view(rule, layers_of(kind), backend))
        values.append({column: backend.to_host(v) for column, v in columns.items()})
    assert values[0].keys() == values[1].keys()
    for column, mine in values[0].items():
        assert mine.shape[0] == 2 and np.isfinite(mine).all(), column
        np.testing.assert_allclose(mine, values[1][column], rtol=1e-9, err_msg=column)
    if kind != "dense":  # the output's layer is
        assert name not in ("angle_to_pbp", "conserved", "jacobian") or not values[0]
        assert name != "angle_w_b_unit" or set(values[0]) <= {"angle_w_b_unit_2"}
    if name in ("angle_to_bp", "delta_norm", "weight_norm", "loss", "nse", "test_error"):
        assert values[0]
    if name == "angle_w_b" and rule in ("fa", "kolen_pollack"):
        assert set(values[0]) == {"angle_w_b_1", "angle_w_b_2"}


def test_angle_is_signed_and_in_degrees():
    """0 for parallel, 90 for orthogonal, 180 for opposite vectors; nan with a zero vector."""
    a = np.array([[1.0, 0], [1, 0], [1, 0], [1, 1], [0, 0]])
    b = np.array([[2.0, 0], [0, 3], [-1, 0], [1, 0], [1, 0]])
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(angle(np, a, b), [0, 90, 180, 45, np.nan], atol=1e-12)


def test_loss_nse_and_error_over_all_pieces():
    """Sums run over all held-out examples, however cut; NSE by targets' variance. Eq. (2)-(4)."""
    v = view()
    y, held = v.net.forward(v.data.x)[-1], v.data
    squared = ((held.target - y) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(measured("loss", v)["loss"], squared / 8 / 2, rtol=1e-12)
    mean = held.target.mean(axis=1, keepdims=True)
    variation = ((held.target - mean) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(measured("nse", v)["nse"], squared / variation, rtol=1e-12)
    wrong = (y.argmax(axis=-1) != held.labels).mean(axis=1)
    np.testing.assert_allclose(measured("test_error", v)["test_error"], 100 * wrong, rtol=1e-12)


def test_an_error_on_a_validation_set_says_so():
    """The column is called validation_error."""
    v = view()
    v.data.heldout_name = "validation"
    assert set(measured("test_error", v)) == {"validation_error"}


def test_the_mean_predictor_has_nse_one():
    """That is what NSE is normalised by, whatever the mean is."""
    v = view(labels=False)
    for weights in v.net.weights:
        weights[...] = 0
    v.net.biases[-1][...] = v.data.target.mean(axis=1)
    np.testing.assert_allclose(measured("nse", v)["nse"], 1, rtol=1e-12)


def test_no_error_rate_without_classes():
    """A regression task has no test_error: no column, not a wrong one."""
    assert measured("test_error", view(labels=False)) == {}


@pytest.mark.parametrize(
    ("metric", "reference"), [("angle_to_bp", "bp"), ("angle_to_pbp", "pseudobackprop")]
)
def test_angles_between_hidden_signals(metric, reference):
    """The angle of each example, then the mean; 0 for the reference rule itself."""
    v = view("fa")
    mine, other = (deltas(rule, v.net, v.signals) for rule in ("fa", reference))
    for l in (1, 2):
        of_each = [[degrees(mine[l][s, n], other[l][s, n]) for n in range(5)] for s in (0, 1)]
        found = measured(metric, v)[f"{metric}_{l}"]
        np.testing.assert_allclose(found, np.mean(of_each, axis=1), rtol=1e-10)
        itself = measured(metric, view(reference))[f"{metric}_{l}"]
        np.testing.assert_allclose(itself, 0, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_angles_between_forward_and_feedback_weights(kind):
    """W_l against B_l as flat vectors; of a dense layer column j of W_l against row j of B_l."""
    v = view("fa", layers_of(kind))
    for s in range(2):
        w, b = v.net.reverse(1)[s], v.net.feedback[1][s]
        whole = measured("angle_w_b", v)["angle_w_b_1"][s]
        assert whole == pytest.approx(degrees(w, b))
        if kind == "dense":
            unit = measured("angle_w_b_unit", v)["angle_w_b_unit_1"][s, 2]
            assert unit == pytest.approx(degrees(v.net.weights[1][s][:, 2], b[2]))


def test_no_angle_to_feedback_that_is_not_there():
    """Backprop has no B; direct FA's B_l fits W_l^T only below the output."""
    assert measured("angle_w_b", view("bp")) == measured("feedback_norm", view("shallow")) == {}
    assert set(measured("angle_w_b", view("dfa"))) == {"angle_w_b_2"}


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_norms(kind):
    """Frobenius norms of W_l and B_l; root mean square length of delta_l."""
    v = view("fa", layers_of(kind))
    w, b = v.net.weights[1], v.net.feedback[2]
    found = measured("weight_norm", v)["weight_norm_1"]
    np.testing.assert_allclose(found, np.linalg.norm(w, axis=(1, 2)))
    found = measured("feedback_norm", v)["feedback_norm_2"]
    np.testing.assert_allclose(found, np.linalg.norm(b, axis=(1, 2)))
    lengths = np.linalg.norm(v.delta[1], axis=-1)
    found = measured("delta_norm", v)["delta_norm_1"]
    np.testing.assert_allclose(found, np.sqrt((lengths**2).mean(axis=1)))


def test_mean_slope_tells_saturation():
    """1 for tanh units at rest and linear outputs; near 0 where weights are a thousand times."""
    v = view(biases=False)
    for w in v.net.weights:
        w *= 0
    still = measured("mean_slope", v)
    assert set(still) == {"mean_slope_1", "mean_slope_2", "mean_slope_3"}
    assert all((column == 1).all() for column in still.values())
    loud = view()
    loud.net.weights[0] *= 1000
    assert (measured("mean_slope", loud)["mean_slope_1"] < 0.1).all()


def test_traces_and_what_is_conserved():
    """tr(B W), tr(A^T B E) and |B W + W^T B^T - A A^T|. Supp. Notes 11 and 12."""
    v = view("fa", (5, 4, 3), biases=False)
    (a, w), b = v.net.weights, v.net.feedback[1]
    x, e = v.signals.activations[0], v.signals.error
    for s in range(2):
        traces, bw = measured("traces", v), b[s] @ w[s]
        assert traces["trace_b_w_1"][s] == pytest.approx(np.trace(bw))
        expected = np.trace(a[s].T @ b[s] @ (e[s].T @ x[s]))
        assert traces["trace_a_b_e"][s] == pytest.approx(expected)
        c = bw + bw.T - a[s] @ a[s].T
        assert measured("conserved", v)["conserved_1"][s] == pytest.approx(np.linalg.norm(c))


@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_jacobian_of_the_flow(rule):
    """How an update at eta = 1 changes with each parameter, W_1, b_1, W_0, b_0. Supp. Note 16."""
    v = view(rule, (2, 3, 2))
    net, parameters = v.net, v.net.parameters()
    names = ("W1", "b1", "W0", "b0")
    count = sum(parameters[name][0].size for name in names)
    jacobian = measured("jacobian", v)["jacobian"].reshape(2, count, count)

    def flow() -> np.ndarray:
        before = {name: parameters[name].copy() for name in names}
        signals = net.observe(v.data.probe.x, v.data.probe.target)
        update(net, signals, deltas(rule, net, signals), 1.0)
        added = [(parameters[name] - before[name]).reshape(2, -1) for name in names]
        for name in names:
            parameters[name][...] = before[name]
        return np.concatenate(added, axis=1)

    at, start = 0, flow()
    for name in names:
        vectors = parameters[name].reshape(2, -1)
        for k in range(vectors.shape[1]):
            vectors[:, k] += 1e-6
            slope = (flow() - start) / 1e-6
            vectors[:, k] -= 1e-6
            np.testing.assert_allclose(jacobian[:, :, at], slope, rtol=1e-3, atol=1e-4)
            at += 1
    assert at == count


def test_weights_are_kept_as_they_are():
    """All elements, as copies: what learns afterwards does not change what was measured."""
    v = view("kolen_pollack")
    kept = measured("weights", v)
    before = {name: values.copy() for name, values in kept.items()}
    for array in v.net.parameters().values():
        array += 1
    assert set(kept) == {f"{name}_{l}" for name in ("weights", "biases") for l in range(3)} | {
        "feedback_1",
        "feedback_2",
    }
    for name, values in kept.items():
        np.testing.assert_array_equal(values, before[name])


def test_the_probe_is_measured_without_a_trace():
    """Two looks see the same, and no parameter moves."""
    v = view("fa")
    before = [array.copy() for array in v.net.parameters().values()]
    first = {name: metric(v) for name, metric in METRICS.items()}
    again = View(v.net, v.data, v.deltas)
    for name, metric in METRICS.items():
        for column, values in metric(again).items():
            np.testing.assert_array_equal(values, first[name][column])
    for array, old in zip(v.net.parameters().values(), before, strict=True):
        np.testing.assert_array_equal(array, old)
    assert batch(v.net).error.shape == (2, 6, 3)


def test_share_positive():
    """Of the probe's examples those with e^T W B e > 0, counted one by one; all where B = W^T."""
    seen = view()
    l = seen.net.depth - 1
    e, w, b = seen.signals.error, seen.net.weights[l], seen.net.feedback[l]
    counted = [np.mean([y @ w[s] @ b[s] @ y > 0 for y in e[s]]) for s in (0, 1)]
    np.testing.assert_allclose(measured("share_positive", seen)["share_positive"], counted)
    assert 0 < np.mean(counted) < 1
    b[...] = w.swapaxes(1, 2)
    assert (measured("share_positive", seen)["share_positive"] == 1).all()
    assert measured("share_positive", view("bp")) == {}
