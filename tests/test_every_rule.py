"""What every registered rule must do on every registered kind of layer, on every backend.

A new rule or layer is covered by being registered.
"""

import numpy as np
import pytest
from helpers import (
    aligned,
    batch,
    deltas,
    examples,
    layers_of,
    network,
    noise_for,
    options_of,
    parameters_of,
    tolerance,
)
from strict import StrictBackend

from fa_cli import train
from fa_cli.backend import CupyBackend, NumpyBackend
from fa_cli.errors import UserError
from fa_cli.layers import LAYERS
from fa_cli.layers.dense import transpose
from fa_cli.optimizer import resting, update
from fa_cli.rules import RULES

pytestmark = pytest.mark.quick
OTHERS = ["strict", pytest.param("cupy", marks=pytest.mark.gpu)]
MATRICES_ONLY = {name for name in RULES if RULES[name].path and RULES[name].path.through == "W^+"}


def pairs() -> list:
    """Every rule with every kind of layer that it takes."""
    found = []
    for rule in sorted(RULES):
        for kind in sorted(LAYERS):
            if kind == "dense" or rule not in MATRICES_ONLY:
                found.append(pytest.param(rule, kind, id=f"{rule}-{kind}"))
    return found


def backend_of(kind: str, dtype: str):
    """A strict namespace that stands in for a GPU, or a GPU."""
    if kind == "strict":
        return StrictBackend(dtype)
    try:
        return CupyBackend(dtype)
    except UserError as error:
        pytest.skip(str(error))


def change(rule: str, net, signals, **options) -> dict[str, np.ndarray]:
    """What one update at eta = 1 adds to each W and b, by name; the network stays as it was."""
    learned = {name: a for name, a in net.parameters().items() if name[0] in "Wb"}
    before = {name: array.copy() for name, array in learned.items()}
    update(net, signals, deltas(rule, net, signals, **options), 1.0)
    added = {name: array - before[name] for name, array in learned.items()}
    for name, array in learned.items():
        array[...] = before[name]
    return added


def learning(rule: str, net, x, target, steps: int, rate: float, **update_options) -> None:
    """Some updates with one batch, the rule's feedback included where it learns."""
    velocity = update_options.pop("velocity", None)
    for k in range(steps):
        signals = net.observe(x, target)
        delta = deltas(rule, net, signals, seed=k)
        update(net, signals, delta, rate, velocity=velocity, **update_options)
        if RULES[rule].adapt:
            train.adapt(net, RULES[rule], signals, delta, rate, update_options.get("keep", 1.0))


@pytest.mark.parametrize(("rule", "kind"), pairs())
def test_signals_have_the_shape_of_their_layers(rule, kind):
    """The raw error for the output, (S, N, n_l) for hidden layers, none for others."""
    net = network(layers_of(kind), rule)
    signals = batch(net)
    found = deltas(rule, net, signals)
    assert found[net.depth] is signals.error and set(found) <= set(range(1, net.depth + 1))
    for l, delta in found.items():
        assert delta.shape == signals.activations[l].shape and np.isfinite(delta).all()


@pytest.mark.parametrize(("rule", "kind"), pairs())
def test_the_output_layer_learns_by_the_delta_rule(rule, kind):
    """All algorithms adjust W_{L-1} alike: (e * y') h^T. Paper, Methods."""
    net = network(layers_of(kind), rule, output="logistic")
    signals, last = batch(net), net.depth - 1
    added = change(rule, net, signals)
    d = signals.error * signals.slopes[-1]
    expected = np.einsum("snk,snj->skj", d, signals.activations[last])
    np.testing.assert_allclose(added[f"W{last}"], expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(added[f"b{last}"], d.sum(axis=1), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("rule", "kind"), pairs())
def test_a_seed_does_not_know_its_neighbours(rule, kind):
    """Each seed's update equals that of its own network alone, noise included."""
    both, alone = (network(layers_of(kind), rule, seeds=seeds) for seeds in ([3, 8], [8]))
    x, target = examples(both, 6)
    noise = noise_for(rule, both, 6, **options_of(rule))
    one = {l: xi[1:] for l, xi in noise.items()}
    together = deltas(rule, both, both.observe(x, target), noise)
    single = deltas(rule, alone, alone.observe(x[1:], target[1:]), one)
    for l, delta in single.items():
        np.testing.assert_allclose(together[l][1:], delta, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("rule", "kind"), pairs())
def test_its_path_is_what_it_does(rule, kind):
    """The rule's path, written out, gives its signals: what it is drawn and compiled from."""
    path = RULES[rule].path
    net = network(layers_of(kind), rule, hidden="tanh", output="logistic")
    signals = batch(net)
    for options in all_options(rule):
        found = deltas(rule, net, signals, **options)
        if path is None or path.through == "L":
            continue
        assert (path.through is None) == (set(found) == {net.depth})
        for l in range(1, net.depth) if path.through else ():
            source = l + 1 if path.source == "above" else net.depth
            sent = found[source]
            if path.passes(options_of(rule, **options)):
                sent = sent * signals.slopes[source]
            wanted = carried_through(path, net, l, sent)
            np.testing.assert_allclose(found[l], wanted, rtol=1e-10, atol=1e-12)


def all_options(rule: str) -> list[dict]:
    """The options of these tests, and every value of the one that the path depends on."""
    path = RULES[rule].path
    if path is None or isinstance(path.passed, bool):
        return [{}]
    return [{path.passed[0]: value} for value in ("local", "passed")]


def carried_through(path, net, l: int, sent: np.ndarray) -> np.ndarray:
    """M_l times a signal."""
    if path.through == "B" and path.source == "output":
        return sent @ transpose(net.feedback[l])
    if path.through == "B":
        return net.back(l, net.feedback[l], sent)
    if path.through == "W^T":
        return net.back(l, net.reverse(l), sent)
    return sent @ transpose(np.linalg.pinv(net.weights[l]))


LAYERED = [
    name
    for name, rule in sorted(RULES.items())
    if rule.path and rule.path.through == "B" and rule.path.source == "above"
]


@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("rule", LAYERED)
def test_with_transposed_weights_it_is_backprop(rule, kind):
    """With B = W^T in a linear net; with random B it is not, or this would mean nothing."""
    net = network(layers_of(kind), rule, hidden="linear")
    signals = batch(net)
    exact = change("bp", net, signals)
    assert not np.allclose(change(rule, net, signals)["W0"], exact["W0"], rtol=0.1)
    for name, added in change(rule, aligned(net), signals).items():
        np.testing.assert_allclose(added, exact[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("rule", LAYERED)
def test_with_derivatives_it_is_backprop_in_any_net(rule, kind):
    """With B = W^T and phi' passed on."""
    net = aligned(network(layers_of(kind), rule, hidden="tanh"))
    signals, path = batch(net), RULES[rule].path
    options = {} if isinstance(path.passed, bool) else dict([path.passed])
    exact = change("bp", net, signals)
    for name, added in change(rule, net, signals, **options).items():
        np.testing.assert_allclose(added, exact[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("rule", "kind"), pairs())
def test_the_loss_falls(rule, kind):
    """Small steps of any rule lower the loss of its batch."""
    net = network(layers_of(kind), rule, hidden="tanh", weight_scale=0.3)
    x, target = examples(net, 6)
    before = (net.observe(x, target).error ** 2).sum(axis=(1, 2))
    learning(rule, net, x, target, steps=200, rate=0.005)
    after = (net.observe(x, target).error ** 2).sum(axis=(1, 2))
    assert (after < 0.85 * before).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rule", "kind"), pairs())
@pytest.mark.parametrize("other", OTHERS)
def test_backends_agree(other, rule, kind, dtype):
    """The same parameters at the start, and after ten updates with everything switched on."""
    results = []
    for backend in (NumpyBackend(dtype), backend_of(other, dtype)):
        units = {"hidden": "piecewise_linear", "output": "logistic"}
        net = network(layers_of(kind), rule, backend=backend, sparsity=0.2, **units)
        start = parameters_of(net)
        x, target = (backend.to_device(array) for array in examples(net, 7))
        assert net.observe(x, target).error.dtype == np.dtype(dtype)
        adapts = RULES[rule].adapt is not None
        momentum = {} if adapts else {"momentum": 0.5, "velocity": resting(net)}
        learning(rule, net, x, target, 10, 0.001, keep=0.99, frozen={1}, **momentum)
        everything = [backend.to_host(array) for array in net.parameters().values()]
        results.append((start, everything))
    (start, end), (other_start, other_end) = results
    for mine, theirs in zip(start, other_start, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(end, other_end, strict=True):
        assert mine.dtype == np.dtype(dtype)
        np.testing.assert_allclose(mine, theirs, rtol=tolerance(dtype), atol=tolerance(dtype))


@pytest.mark.parametrize("rule", sorted(MATRICES_ONLY))
def test_what_needs_a_matrix_says_so(rule):
    """In one line, where a layer between hidden ones has none."""
    net = network(layers_of("local"), rule)
    with pytest.raises(UserError, match="needs a matrix between layers"):
        deltas(rule, net, batch(net))
