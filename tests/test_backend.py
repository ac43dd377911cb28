"""The same training on every backend. A strict namespace stands in for a GPU where there is none."""

import numpy as np
import pytest
from conftest import tolerance
from small import deltas, network
from strict import StrictBackend

from fa_cli.backend import LARGE, Backend, CupyBackend, NumpyBackend
from fa_cli.errors import UserError
from fa_cli.network import observe
from fa_cli.optimizer import resting, update
from fa_cli.probes import METRICS, View
from fa_cli.rules import RULES


def make(kind, dtype):
    if kind == "strict":
        return StrictBackend(dtype)
    try:
        return CupyBackend(dtype)
    except UserError as error:
        pytest.skip(str(error))


OTHERS = ["strict", pytest.param("cupy", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("kind", OTHERS)
def test_backends_agree(kind, rule, dtype):
    """The same parameters at the start, and after twenty updates with everything switched on."""
    rng, results = np.random.default_rng(4), []
    x, target = rng.standard_normal((2, 7, 5)), rng.standard_normal((2, 7, 3))
    for backend in (NumpyBackend(dtype), make(kind, dtype)):
        net = network(
            (5, 4, 6, 3),
            rule,
            backend=backend,
            hidden="piecewise_linear",
            output="logistic",
            sparsity=0.2,
        )
        start = [backend.to_host(weights) for weights in net.weights]
        velocity = resting(net)
        for k in range(20):
            signals = observe(net, backend.to_device(x), backend.to_device(target))
            assert signals.error.dtype == np.dtype(dtype)
            update(
                net,
                signals,
                deltas(rule, net, signals, sigma=0.3, seed=k),
                0.01,
                0.99,
                {1},
                0.5,
                velocity,
            )
        results.append((start, [backend.to_host(weights) for weights in net.weights]))
    (start, end), (other_start, other_end) = results
    for mine, other in zip(start, other_start, strict=True):
        np.testing.assert_array_equal(mine, other)
    for mine, other in zip(end, other_end, strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance(dtype), atol=tolerance(dtype))


@pytest.mark.parametrize("kind", OTHERS)
def test_metrics_agree(kind):
    """Every metric, on both."""
    from test_probes import Held

    values = []
    for backend in (NumpyBackend("float64"), make(kind, "float64")):
        net = network((5, 4, 6, 3), "fa", backend=backend)
        held = Held(net)
        device, labels = backend.to_device, backend.to_device(held.labels, np.int64)
        held.x, held.target, held.labels = device(held.x), device(held.target), labels
        held.probe = held.probe._replace(x=held.x[:, :5], target=held.target[:, :5])
        view = View(net, held, lambda net, signals: deltas("fa", net, signals))
        values.append(
            {
                column: backend.to_host(v)
                for metric in METRICS.values()
                for column, v in metric(view).items()
            }
        )
    assert values[0].keys() == values[1].keys()
    for column, mine in values[0].items():
        np.testing.assert_allclose(mine, values[1][column], rtol=1e-10, err_msg=column)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [10, 400])  # 400 is large: threads and direct BLAS calls
def test_fast_products_equal_plain_ones(size, threads, dtype):
    """The NumPy backend's products of large layers, with threads and in place, equal those of the plain array code."""
    assert (5 * size * size < LARGE) == (size == 10)
    rng, fast, plain = np.random.default_rng(0), NumpyBackend(dtype, threads), Backend(np, dtype)
    h, d, w = (
        rng.standard_normal(shape).astype(dtype)
        for shape in ((3, 5, size), (3, 5, size), (3, size, size))
    )
    np.testing.assert_allclose(
        fast.matmul(h, w.swapaxes(1, 2)),
        plain.matmul(h, w.swapaxes(1, 2)),
        rtol=tolerance(dtype),
        atol=tolerance(dtype),
    )
    np.testing.assert_allclose(
        fast.matmul(h[:1], w), plain.matmul(h[:1], w), rtol=tolerance(dtype), atol=tolerance(dtype)
    )
    for inputs in (h, h[:1]):  # each seed its own, or one for all
        mine, other = w.copy(), w.copy()
        fast.accumulate(mine, d, inputs, 0.1, 0.9)
        plain.accumulate(other, d, inputs, 0.1, 0.9)
        np.testing.assert_allclose(mine, other, rtol=tolerance(dtype), atol=tolerance(dtype))
        assert mine.dtype == np.dtype(dtype)
