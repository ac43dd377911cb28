"""Learning rules against the paper's formulas; what all have in common: test_every_rule.py."""

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import (
    batch,
    deltas,
    feedback_for,
    layers_of,
    network,
    run_here,
    succeed,
    told,
    tolerance,
)
from test_every_rule import change

from fa_cli import train
from fa_cli.backend import NumpyBackend
from fa_cli.layers import LAYERS
from fa_cli.layers.dense import transpose
from fa_cli.network import add_feedback
from fa_cli.optimizer import update
from fa_cli.probes import angle
from fa_cli.rules import RULES, layer_by_layer
from fa_cli.schema import RuleConfig

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("output", ["linear", "logistic"])
def test_feedback_alignment_as_the_paper_writes_it(output):
    """Methods, "Deep nonlinear function approximation" (b): one example, two hidden layers."""
    net = network((5, 4, 6, 3), "fa", seeds=[0], hidden="tanh", output=output)
    signals = batch(net, count=1)
    x, h1, h2, y = (a[0, 0] for a in signals.activations)
    e = signals.target[0, 0] - y
    slope = y * (1 - y) if output == "logistic" else np.ones(3)
    b1, b2 = net.feedback[1][0], net.feedback[2][0]
    delta2 = b2 @ e  # the raw error, not e * y'
    delta1 = b1 @ delta2  # the raw delta_2, not delta_2 * h_2'
    expected = {
        "W0": np.outer(delta1 * (1 - h1**2), x),
        "W1": np.outer(delta2 * (1 - h2**2), h1),
        "W2": np.outer(e * slope, h2),
    }
    added = change("fa", net, signals)
    for name, wanted in expected.items():
        np.testing.assert_allclose(added[name][0], wanted, rtol=1e-12, atol=1e-15)


def test_direct_feedback_alignment_sends_the_error_everywhere():
    """delta_l = B_l e for every hidden layer; the same as FA where there is one."""
    net = network((5, 4, 6, 3), "dfa", hidden="tanh")
    signals = batch(net)
    wanted = np.einsum("sij,snj->sni", net.feedback[1], signals.error)
    np.testing.assert_allclose(deltas("dfa", net, signals)[1], wanted, rtol=1e-12)
    flat = network((5, 4, 3), "dfa")
    signals = batch(flat)
    direct, layered = (deltas(rule, flat, signals)[1] for rule in ("dfa", "fa"))
    np.testing.assert_allclose(direct, layered, rtol=1e-12)


@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("keep", [0.9, 1.0])
def test_kolen_pollack_brings_weights_and_feedback_together(kind, keep):
    """W_l - B_l^T shrinks exactly as keep^t: (1 - lambda)^t with weight decay lambda."""
    net = network(layers_of(kind), "kolen_pollack", hidden="tanh")
    apart = {l: net.reverse(l) - b for l, b in net.feedback.items()}
    moved = [b.copy() for b in net.feedback.values()]
    for k in range(1, 31):
        signals = batch(net, seed=k)
        delta = deltas("kolen_pollack", net, signals)
        update(net, signals, delta, 0.01, keep)
        train.adapt(net, RULES["kolen_pollack"], signals, delta, 0.01, keep)
        for l, b in net.feedback.items():
            expected = keep**k * apart[l]
            np.testing.assert_allclose(net.reverse(l) - b, expected, rtol=1e-9, atol=1e-12)
    for old, b in zip(moved, net.feedback.values(), strict=True):
        assert abs(b - old).max() > 1e-3


def test_feedback_of_a_frozen_layer_is_frozen():
    """Where W_l does not learn, B_l does not either."""
    net = network((5, 4, 6, 3), "kolen_pollack")
    before = {l: b.copy() for l, b in net.feedback.items()}
    signals = batch(net)
    delta = deltas("kolen_pollack", net, signals)
    train.adapt(net, RULES["kolen_pollack"], signals, delta, 0.1, 0.9, frozen={1})
    np.testing.assert_array_equal(net.feedback[1], before[1])
    assert (net.feedback[2] != before[2]).all()


def test_feedback_that_learns_keeps_its_absent_synapses():
    """Half of B's elements are missing, and learning does not bring them back."""
    net = network((20, 30, 10), "kolen_pollack", feedback_sparsity=0.5)
    absent = net.feedback[1] == 0
    assert absent.mean() == 0.5
    signals = batch(net)
    delta = deltas("kolen_pollack", net, signals)
    train.adapt(net, RULES["kolen_pollack"], signals, delta, 0.1, 0.9)
    assert (net.feedback[1][absent] == 0).all() and (net.feedback[1][~absent] != 0).all()


def test_phases_share_feedback_of_one_shape():
    """The same B_l for all rules that want the same shapes, in one bank; others have their own."""
    net = network((5, 4, 6, 3), "fa")
    again, direct = (feedback_for(net, rule) for rule in ("kolen_pollack", "dfa"))
    assert again[1] is net.feedback[1] and again[2] is net.feedback[2]
    assert direct[2] is net.feedback[2] and direct[1].shape == (2, 4, 3)
    assert set(net.bank) == {"B1", "B2", "B1_4x3"}
    assert {"B1", "B2", "B1_4x3"} <= set(net.parameters())


@pytest.mark.parametrize("hidden", ["linear", "tanh"])
def test_node_perturbation_estimates_the_gradient(hidden):
    """The mean of delta over many draws points within 5 degrees of backprop's, in every layer."""
    net = network((5, 4, 6, 3), "bp", hidden=hidden)
    one = batch(net, count=1)
    x, target = (np.repeat(array, 40_000, axis=1) for array in (one.activations[0], one.target))
    mean = deltas("node_perturbation", net, net.observe(x, target), sigma=1e-3)
    exact = deltas("bp", net, one)
    # all layers are perturbed at once: delta_1 has the noise of layer 2 in it too, but not in its
    # mean
    for l in (1, 2):
        degrees = angle(np, mean[l].mean(axis=1), exact[l][:, 0])
        assert (degrees < 5).all(), degrees


def test_node_perturbation_gives_every_unit_the_same_scalar():
    """delta_l / xi_l is one number for all hidden units: -(L(xi) - L(0)) / sigma^2."""
    net = network((5, 4, 6, 3), "bp")
    signals, sigma, rng = batch(net), 0.01, np.random.default_rng(5)
    noise = {l: sigma * rng.standard_normal((2, 6, net.sizes[l])) for l in (1, 2)}
    delta = RULES["node_perturbation"].deltas(net, signals, noise, sigma)
    y = net.forward(signals.activations[0], noise)[-1]
    perturbed = ((signals.target - y) ** 2).sum(axis=-1) / 2
    reward = -(perturbed - (signals.error**2).sum(axis=-1) / 2) / sigma**2
    for l in (1, 2):
        wanted = np.broadcast_to(reward[..., None], noise[l].shape)
        np.testing.assert_allclose(delta[l] / noise[l], wanted, rtol=1e-8)


def test_noise_is_on_every_hidden_layer_with_its_sd():
    """What node perturbation wants drawn."""
    assert RULES["node_perturbation"].noise(4, sigma=0.3) == {1: 0.3, 2: 0.3, 3: 0.3}


def test_pseudobackprop_inverts_the_forward_weights():
    """Where W has full row rank, W delta = e: the hidden change that undoes the error. Note 15."""
    net = network((5, 4, 3), "bp", hidden="linear")
    signals = batch(net)
    delta = deltas("pseudobackprop", net, signals)[1]
    undone = delta @ transpose(net.weights[1])
    np.testing.assert_allclose(undone, signals.error, rtol=1e-9, atol=1e-12)


def test_pseudobackprop_takes_rounding_for_nothing():
    """Of a W of one direction, as in Supp. Note 14, the inverse has that direction alone."""
    for dtype in ("float32", "float64"):
        net = network((5, 40, 30), "bp", hidden="linear", backend=NumpyBackend(dtype))
        rng = np.random.default_rng(0)
        u, v = rng.standard_normal((2, 30, 1)), rng.standard_normal((2, 1, 40))
        net.weights[1][...] = u @ v
        delta = deltas("pseudobackprop", net, batch(net))[1]
        along = delta @ transpose(v) @ v / (v**2).sum(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(delta, along, atol=tolerance(dtype) * abs(delta).max())


def test_shallow_learning_sends_nothing():
    """The hidden layers get no signal. Supp. Note 1."""
    net = network((5, 4, 6, 3), "shallow")
    signals = batch(net)
    assert deltas("shallow", net, signals) == {3: signals.error}


WRONG = {  # what a rule returns: what is told
    "{net.depth: signals.error, 1: signals.error}": "sends layer 1 a signal of shape (2, 100, 10)",
    "{net.depth: signals.error, 7: signals.error}": "sends a signal to layer 7: expected layers",
    "{net.depth: signals.error[0]}": "sends layer 2 a signal of shape (100, 10)",
    "{net.depth: 1j * signals.error}": "sends layer 2 a signal of complex128",
    "1 / 0": "wrong.py, line 5, fails (ZeroDivisionError: division by zero): mend it",
    "exit(0)": "wrong.py, line 5, ends the process: take that out of it",
}


@pytest.mark.parametrize("returned", WRONG)
def test_what_a_rule_does_wrong_is_told(here, tmp_path, returned):
    """Rule, layer and shape, or the file and its line, before the first update."""
    (tmp_path / "rule").mkdir()
    (tmp_path / "rule" / "wrong.yaml").write_text("name: wrong\n")
    (tmp_path / "wrong.py").write_text(
        "from fa_cli.rules import RULES, rule\n"
        "RULES.origins.pop('wrong', None)\n"
        f"@rule('wrong')\ndef wrong(net, signals):\n    return {returned}\n"
    )
    words = ["--config-dir", str(tmp_path), "rule=wrong", "steps=10", "seeds=2"]
    try:
        told(here(*words, FA_RULES=str(tmp_path / "wrong.py")), WRONG[returned])
    finally:
        RULES.pop("wrong", None)


def test_one_feedback_for_all_seeds():
    """`rule.feedback_seed`: the B, and its absent synapses, that this seed has; W as it was."""
    sizes, options = [6, 5, 4, 3], {"feedback_scale": 0.5, "feedback_sparsity": 0.5}
    own, fixed = (network(sizes, rule="bp", seeds=[3, 7]) for _ in range(2))
    shapes = layer_by_layer(own.layers)
    theirs = add_feedback(own, RuleConfig(name="fa", **options), shapes, False)
    shared = add_feedback(fixed, RuleConfig(name="fa", feedback_seed=7, **options), shapes, False)
    for l in shapes:
        np.testing.assert_array_equal(shared[l][0], theirs[l][1])
        np.testing.assert_array_equal(shared[l][1], theirs[l][1])
        np.testing.assert_array_equal(own.weights[l], fixed.weights[l])
        assert not np.array_equal(theirs[l][0], theirs[l][1])


def test_modulatory_neurons_that_drive_many_units(here):
    """Supp. Fig. 3: `rule.feedback_neurons` rows of B, each for as many hidden units."""
    net = network([6, 8, 3], rule="bp", seeds=[0, 1])
    config = RuleConfig(name="fa", feedback_scale=0.5, feedback_neurons=2)
    b = add_feedback(net, config, layer_by_layer(net.layers), False)[1]
    assert b.shape == (2, 8, 3)
    for k in (0, 4):
        np.testing.assert_array_equal(b[:, k : k + 4], b[:, k : k + 1].repeat(4, axis=1))
    assert not np.array_equal(b[:, 0], b[:, 4])
    told(
        here("rule.feedback_neurons=3", "steps=1"), "rule.feedback_neurons=3: layer 1 has 20 units"
    )


def test_scales_of_feedback_that_a_rule_has_not(here):
    """An experiment's are left alone by backprop, which has no B."""
    words = ["experiment=debug", "model.sizes=[64,10,10,10]", "steps=2"]
    for rule in ("bp", "fa"):
        assert here(*words, f"rule={rule}", "+rule.feedback_scale=[matched,3]").returncode == 0


def test_no_feedback_is_said(here):
    """rule.feedback_scale=0 trains like shallow learning: not without a word."""
    done = here("rule.feedback_scale=0", "steps=10", "seeds=2")
    assert done.returncode == 0 and "no signal reaches the hidden layers" in done.stderr


FIELD = "{{kind:local,maps:2,field:{}}}"
MATCHED = {  # words that make it: how far the sizes of signals may be from that of the error
    "raw, as the paper scales it": (["model.sizes=[30,400,300,200]"], 0.1),
    "one by one": (
        [
            "model.sizes=[30,20,20,10]",
            "rule.derivative=passed",
            "rule.feedback_scale=[matched,matched]",
        ],
        1e-6,
    ),
    "derivatives passed": (["model.sizes=[30,20,20,10]", "rule.derivative=passed"], 1e-6),
    "feedback that learns": (["model.sizes=[30,20,20,10]", "rule=kolen_pollack"], 1e-6),
    "from the output": (["model.sizes=[30,20,20,10]", "rule=dfa", "rule.derivative=passed"], 1e-6),
    "absent synapses": (["model.sizes=[30,400,300,200]", "rule.feedback_sparsity=[0.9,0.5]"], 0.15),
    "receptive fields": ([f"model.layers=[[1,6,5],{FIELD.format(3)},{FIELD.format(2)},10]"], 1e-6),
}


@pytest.mark.parametrize("case", MATCHED)
def test_matched_feedback(tmp_path, case):
    """Before learning delta_l is as large as the error: root mean square over examples and units.

    Supp. Note 5: "roughly the same magnitude of error arrived at each layer".
    """
    words, tolerance = MATCHED[case]
    words = [
        "model=tanh",
        "rule.feedback_scale=matched",
        *words,
        "record.metrics=[loss,delta_norm]",
    ]
    error, *arriving = signals_at_the_start(tmp_path, *words)
    for delta in arriving:
        np.testing.assert_allclose(delta / error, 1, rtol=tolerance)


@pytest.mark.parametrize("derivative", ["local", "passed"])
def test_matched_feedback_below_a_number(tmp_path, derivative):
    """Raw signals keep the size that the number gives them, others that of the error."""
    words = ["model=tanh", "model.sizes=[30,400,300,200]", f"rule.derivative={derivative}"]
    words += ["rule.feedback_scale=[matched,1]", "record.metrics=[loss,delta_norm]"]
    error, lower, upper = signals_at_the_start(tmp_path, *words)
    assert (upper / error > 5).all()
    expected = upper if derivative == "local" else error
    np.testing.assert_allclose(lower / expected, 1, rtol=0.1)


def test_matched_feedback_of_silent_units(here):
    """Nothing travels through units whose derivatives are all 0."""
    words = ["model.hidden=relu", "model.weight_scale=0", "rule.derivative=passed"]
    words += ["model.sizes=[64,20,20,10]", "rule.feedback_scale=matched"]
    told(here("experiment=debug", *words), "matched: no signal reaches layer 1", "type a number")


def signals_at_the_start(tmp_path, *words) -> list[pd.Series]:
    """Root mean square of the error and of delta_1 and delta_2 of two hidden layers, by seed."""
    succeed(run_here(tmp_path, *words, "steps=1", "seeds=3"))
    (path,) = tmp_path.rglob("metrics.csv")
    units = yaml.safe_load((path.parent / "config.yaml").read_text())["model"]["sizes"]
    first = pd.read_csv(path).query("step == 0")
    error = np.sqrt(2 * first["loss"] / units[-1])
    return [error, *(first[f"delta_norm_{l}"] / np.sqrt(units[l]) for l in (1, 2))]
