"""The compiled loop against the plain one, which defines it."""

import numpy as np
import pytest
from conftest import tolerance
from small import OPTIONS, network

from fa_cli import compiled, kernel
from fa_cli.backend import NumpyBackend
from fa_cli.data import Batch
from fa_cli.network import ACTIVATIONS
from fa_cli.rules import RULES
from fa_cli.schema import OptimizerConfig, RunConfig
from fa_cli.train import Phase, learn

SIZES = {1: (5, 3), 2: (5, 20, 3), 3: (5, 4, 17, 3)}
COMPILED_RULES = sorted(name for name in RULES if RULES[name].deltas in compiled.PATHS)


class Examples:
    """Random examples of two seeds, a fifth of the inputs 0."""

    steps_per_epoch = None

    def __init__(self, net, count, batch_size):
        rng, self.size = np.random.default_rng(1), batch_size
        x = rng.standard_normal((2, count, net.sizes[0])) * (
            rng.random((2, count, net.sizes[0])) < 0.8
        )
        self.x, self.target = (
            a.astype(net.backend.dtype) for a in (x, rng.random((2, count, net.sizes[-1])))
        )

    def batch(self, step, steps=1, seeds=slice(None)):
        examples = slice(step * self.size, (step + steps) * self.size)
        return Batch(self.x[seeds, examples], self.target[seeds, examples])


def learned(
    rule,
    sizes,
    *,
    fast,
    batch_size=1,
    frozen=(),
    dtype="float64",
    threads=2,
    steps=30,
    options=None,
    optimizer=None,
    **model,
):
    """All parameters after some steps on the way asked for."""
    backend = NumpyBackend(dtype, threads, compiled=fast)
    net = network(sizes, rule, backend=backend, **model)
    config = RunConfig(
        optimizer=optimizer or OptimizerConfig(learning_rate=0.02, weight_decay=0.3),
        steps=steps,
        batch_size=batch_size,
    )
    phase = Phase(
        RULES[rule],
        options or OPTIONS.get(rule, {}),
        net.feedback,
        frozenset(frozen),
        0,
        compiled.LONG,
    )
    assert compiled.covers(config, net, phase, range(steps)) == fast
    learn(
        config, net, Examples(net, steps * batch_size, batch_size), phase, None, None, range(steps)
    )
    return [*net.weights, *(net.biases or [])]


def assert_same(rule, sizes, dtype="float64", **how):
    fast, plain = (learned(rule, sizes, fast=fast, dtype=dtype, **how) for fast in (True, False))
    for mine, other in zip(fast, plain, strict=True):
        assert mine.dtype == np.dtype(dtype) and mine.flags.c_contiguous
        np.testing.assert_allclose(mine, other, rtol=tolerance(dtype), atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("depth", SIZES)
@pytest.mark.parametrize("rule", COMPILED_RULES)
def test_it_computes_what_the_plain_loop_computes(rule, depth, dtype):
    """The same parameters after 30 online steps with biases and weight decay, to rounding."""
    assert_same(rule, SIZES[depth], dtype, hidden="tanh", output="logistic")


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation(activation, batch_size):
    """In hidden and output units, with batches and without, where the numbers stay finite."""
    assert_same(
        "fa",
        SIZES[3],
        hidden=activation,
        output=activation,
        batch_size=batch_size,
        weight_scale=0.4,
        biases=batch_size == 1,
    )


@pytest.mark.parametrize("rule", ["fa", "dfa"])
def test_derivatives_passed_on(rule):
    """The rules' own option."""
    assert_same(rule, SIZES[3], hidden="tanh", output="logistic", options={"derivative": "passed"})


@pytest.mark.parametrize("frozen", [[0], [1], [2], [0, 1]])
def test_frozen_layers(frozen):
    """They stay as they are, and signals still pass them."""
    assert_same("bp", SIZES[3], hidden="tanh", frozen=frozen)


def test_a_schedule():
    """The rate of each step."""
    assert_same(
        "bp",
        SIZES[2],
        hidden="tanh",
        optimizer=OptimizerConfig(learning_rate=0.1, schedule=[[7, 0.01], [20, 0.0]]),
    )


def test_a_seed_is_the_same_on_any_number_of_cores():
    """To the last digit."""
    one, two = (learned("fa", SIZES[3], fast=True, threads=threads) for threads in (1, 2))
    for mine, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_the_rest_takes_the_plain_loop():
    """Sparse networks, momentum, other rules, large batches, short runs and `backend.compiled=false`."""

    def covered(
        rule="fa",
        length=compiled.LONG,
        sizes=(50, 60, 3),
        batch_size=1,
        momentum=0.0,
        fast=True,
        **model,
    ):
        config = RunConfig(optimizer=OptimizerConfig(momentum=momentum), batch_size=batch_size)
        net = network(sizes, rule, backend=NumpyBackend("float64", compiled=fast), **model)
        return compiled.covers(
            config, net, Phase(RULES[rule], {}, {}, frozenset(), 0, length), range(100)
        )

    assert covered() and covered(batch_size=10)
    assert (
        not covered(sparsity=0.5) and not covered(momentum=0.5) and not covered("node_perturbation")
    )
    assert (
        not covered(batch_size=100)
        and not covered(length=compiled.LONG - 1)
        and not covered(fast=False)
    )


def test_exp_is_exact():
    """To two units in the last place from 2^-1000 to 2^1000, and nan for nan."""
    x = np.linspace(-690, 690, 20001)
    np.testing.assert_allclose([kernel.exp(v) for v in x], np.exp(x), rtol=5e-16)
    assert (
        np.isnan(kernel.logistic(np.nan))
        and kernel.logistic(1e9) == 1
        and kernel.logistic(-1e9) < 1e-300
    )


@pytest.mark.parametrize("hidden", ["tanh", "relu", "piecewise_linear", "logistic", "linear"])
def test_what_is_not_a_number_stays_so(hidden):
    """A network that diverged does not come back as if nothing had happened."""
    backend = NumpyBackend("float64")
    net = network(SIZES[2], "fa", backend=backend, hidden=hidden)
    net.weights[0][0, 0, 0] = np.nan
    config = RunConfig(optimizer=OptimizerConfig(learning_rate=0.02), steps=20, batch_size=1)
    phase = Phase(RULES["fa"], OPTIONS["fa"], net.feedback, frozenset(), 0, compiled.LONG)
    learn(config, net, Examples(net, 20, 1), phase, None, None, range(20))
    assert np.isnan(net.weights[-1][0]).all() and np.isfinite(net.weights[-1][1]).all()
