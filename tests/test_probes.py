"""Each metric against its definition, written out."""

import numpy as np
import pytest
from small import deltas, network

from fa_cli.data import Batch
from fa_cli.network import forward
from fa_cli.probes import METRICS, View, angle


class Held:
    """Held-out examples of two classes, in two pieces."""

    heldout_name = "test"

    def __init__(self, net, labels=True, count=8):
        rng = np.random.default_rng(2)
        self.x = rng.standard_normal((2, count, net.sizes[0]))
        self.labels = rng.integers(0, net.sizes[-1], count) if labels else None
        self.target = (
            np.broadcast_to(np.eye(net.sizes[-1])[self.labels], (2, count, net.sizes[-1]))
            if labels
            else rng.standard_normal((2, count, 3))
        )
        self.probe = Batch(self.x[:, :5], self.target[:, :5])

    def heldout(self):
        for piece in (slice(0, 5), slice(5, None)):
            yield Batch(
                self.x[:, piece],
                self.target[:, piece],
                None if self.labels is None else self.labels[piece],
            )


def view(rule="fa", **held):
    net = network((5, 4, 6, 3), rule, hidden="tanh")
    return View(net, Held(net, **held), lambda net, signals: deltas(rule, net, signals))


def measured(name, view):
    return METRICS[name](view)


def test_angle_is_signed_and_in_degrees():
    """0 for parallel, 90 for orthogonal, 180 for opposite vectors; nan with a zero vector."""
    a = np.array([[1.0, 0], [1, 0], [1, 0], [1, 1], [0, 0]])
    b = np.array([[2.0, 0], [0, 3], [-1, 0], [1, 0], [1, 0]])
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(angle(np, a, b), [0, 90, 180, 45, np.nan], atol=1e-12)


def test_loss_nse_and_error_over_all_pieces():
    """Sums run over all held-out examples, however they are cut; NSE is normalised by the targets' variance. Eq. (2)-(4)."""
    v = view()
    y, held = forward(v.net, v.data.x)[-1], v.data
    squared = ((held.target - y) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(measured("loss", v)["loss"], squared / 8 / 2, rtol=1e-12)
    variation = ((held.target - held.target.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(measured("nse", v)["nse"], squared / variation, rtol=1e-12)
    wrong = (y.argmax(axis=-1) != held.labels).mean(axis=1)
    np.testing.assert_allclose(measured("test_error", v)["test_error"], 100 * wrong, rtol=1e-12)


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
        cosine = (
            (mine[l] * other[l]).sum(-1)
            / np.linalg.norm(mine[l], axis=-1)
            / np.linalg.norm(other[l], axis=-1)
        )
        np.testing.assert_allclose(
            measured(metric, v)[f"{metric}_{l}"],
            np.degrees(np.arccos(cosine)).mean(axis=1),
            rtol=1e-10,
        )
        np.testing.assert_allclose(measured(metric, view(reference))[f"{metric}_{l}"], 0, atol=1e-5)


def test_angles_between_forward_and_feedback_weights():
    """W_l against B_l^T as flat vectors, and column j of W_l against row j of B_l for each hidden unit."""
    v = view("fa")
    w, b = v.net.weights[1], v.net.feedback[1]
    for s in range(2):
        cosine = (w[s].T * b[s]).sum() / np.linalg.norm(w[s]) / np.linalg.norm(b[s])
        assert measured("angle_w_b", v)["angle_w_b_1"][s] == pytest.approx(
            np.degrees(np.arccos(cosine))
        )
        unit = w[s][:, 2] @ b[s][2] / np.linalg.norm(w[s][:, 2]) / np.linalg.norm(b[s][2])
        assert measured("angle_w_b_unit", v)["angle_w_b_unit_1"][s, 2] == pytest.approx(
            np.degrees(np.arccos(unit))
        )


def test_no_angle_to_feedback_that_is_not_there():
    """Backprop has no B; direct FA's B_l fits W_l^T only below the output."""
    assert measured("angle_w_b", view("bp")) == measured("feedback_norm", view("shallow")) == {}
    assert set(measured("angle_w_b", view("dfa"))) == {"angle_w_b_2"}


def test_norms():
    """Frobenius norms of W_l and B_l; root mean square length of delta_l."""
    v = view("fa")
    np.testing.assert_allclose(
        measured("weight_norm", v)["weight_norm_1"], np.linalg.norm(v.net.weights[1], axis=(1, 2))
    )
    np.testing.assert_allclose(
        measured("feedback_norm", v)["feedback_norm_2"],
        np.linalg.norm(v.net.feedback[2], axis=(1, 2)),
    )
    lengths = np.linalg.norm(v.delta[1], axis=-1)
    np.testing.assert_allclose(
        measured("delta_norm", v)["delta_norm_1"], np.sqrt((lengths**2).mean(axis=1))
    )
