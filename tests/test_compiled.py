"""The compiled loop against the plain one, which defines it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import Examples, network, options_of, tolerance

from fa_cli import compiled
from fa_cli.backend import NumpyBackend
from fa_cli.compiled import kernel
from fa_cli.rules import RULES
from fa_cli.schema import OptimizerConfig, RunConfig
from fa_cli.train import Phase, learn
from fa_cli.units import ACTIVATIONS

pytestmark = pytest.mark.quick
SIZES = {1: (5, 3), 2: (5, 20, 3), 3: (5, 4, 17, 3)}
COMPILED_RULES = sorted(name for name, rule in RULES.items() if compiled.follows(rule))


def phase_of(rule, net, frozen=(), stop=compiled.LONG, **options):
    """A phase that is long enough to be worth compiling."""
    return Phase(RULES[rule], options_of(rule, **options), net.feedback, frozenset(frozen), 0, stop)


def learned(
    rule, sizes, *, fast, batch_size=1, frozen=(), dtype="float64", threads=2, steps=30,
    options=None, optimizer=None, **model,
):  # fmt: skip
    """All parameters after some steps on the way asked for."""
    backend = NumpyBackend(dtype, threads, compiled=fast)
    net = network(sizes, rule, backend=backend, **model)
    usual = OptimizerConfig(learning_rate=0.02, weight_decay=0.3)
    config = RunConfig(optimizer=optimizer or usual, steps=steps, batch_size=batch_size)
    phase = phase_of(rule, net, frozen, **(options or {}))
    assert compiled.covers(config, net, phase) == fast
    with backend.computing():
        data = Examples(net, steps * batch_size, batch_size)
        learn(config, net, data, phase, None, range(steps))
    return list(net.parameters().values())


def assert_same(rule, sizes, dtype="float64", **how):
    """Both ways end with the same parameters, to rounding, and with some that moved."""
    fast, plain = (learned(rule, sizes, fast=fast, dtype=dtype, **how) for fast in (True, False))
    for mine, other in zip(fast, plain, strict=True):
        assert mine.dtype == np.dtype(dtype) and mine.flags.c_contiguous
        np.testing.assert_allclose(mine, other, rtol=tolerance(dtype), atol=tolerance(dtype))


def test_the_classic_rules_are_compiled():
    """Those whose path says all; rules that draw noise or learn their feedback are not."""
    assert {"bp", "fa", "dfa", "shallow"} <= set(COMPILED_RULES)
    assert not {"node_perturbation", "kolen_pollack", "pseudobackprop"} & set(COMPILED_RULES)


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
    model = {"hidden": activation, "output": activation, "weight_scale": 0.4}
    assert_same("fa", SIZES[3], batch_size=batch_size, biases=batch_size == 1, **model)


@pytest.mark.parametrize("sparsity", [0.5, [0, 0.5, 0], [0.3, 0, 0.6]])
def test_absent_synapses(sparsity):
    """Of all layers or of some; they stay absent."""
    assert_same("fa", SIZES[3], sparsity=sparsity, feedback_sparsity=0.5)
    w = learned("bp", SIZES[3], fast=True, sparsity=sparsity)[1]
    assert (w == 0).mean() == pytest.approx(sparsity if sparsity == 0.5 else sparsity[1], abs=0.02)


@pytest.mark.parametrize("rule", ["fa", "dfa"])
def test_derivatives_passed_on(rule):
    """The rules' own option."""
    options = {"derivative": "passed"}
    assert_same(rule, SIZES[3], hidden="tanh", output="logistic", options=options)


@pytest.mark.parametrize("frozen", [[0], [1], [2], [0, 1]])
def test_frozen_layers(frozen):
    """They stay as they are, and signals still pass them."""
    assert_same("bp", SIZES[3], hidden="tanh", frozen=frozen)


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.0, -0.5])
def test_weights_that_decay_fast(keep):
    """Also where what is left of them after all steps is less than float32 can tell."""
    optimizer = OptimizerConfig(learning_rate=0.1, weight_decay=10 * (1 - keep))
    assert_same("bp", SIZES[2], "float32", hidden="tanh", optimizer=optimizer, steps=300)


def test_a_schedule():
    """The rate of each step."""
    optimizer = OptimizerConfig(learning_rate=0.1, schedule=[[7, 0.01], [20, 0.0]])
    assert_same("bp", SIZES[2], hidden="tanh", optimizer=optimizer)


def test_a_seed_is_the_same_on_any_number_of_cores():
    """To the last digit."""
    one, two = (learned("fa", SIZES[3], fast=True, threads=threads) for threads in (1, 2))
    for mine, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_the_rest_takes_the_plain_loop():
    """Sparse networks, momentum, other layers and rules, large batches, short runs, a switch."""

    def covered(
        rule="fa", length=compiled.LONG, sizes=(50, 60, 3), batch_size=1, momentum=0.0, fast=True,
        **model,
    ):  # fmt: skip
        config = RunConfig(optimizer=OptimizerConfig(momentum=momentum), batch_size=batch_size)
        net = network(sizes, rule, backend=NumpyBackend("float64", compiled=fast), **model)
        return compiled.covers(config, net, phase_of(rule, net, stop=length))

    assert covered() and covered(batch_size=10) and covered(batch_size=20)
    assert not covered(momentum=0.5)
    assert not covered("node_perturbation") and not covered("kolen_pollack")
    assert not covered(sizes=[[1, 4, 4], {"kind": "conv", "maps": 2, "field": 2}, 3])
    assert not covered(batch_size=21) and not covered(length=compiled.LONG - 1)
    assert not covered(fast=False)


def test_exp_is_exact():
    """To two units in the last place from 2^-1000 to 2^1000, and nan for nan."""
    x = np.linspace(-690, 690, 20001)
    np.testing.assert_allclose([kernel.exp(v) for v in x], np.exp(x), rtol=5e-16)
    assert np.isnan(kernel.logistic(np.nan))
    assert kernel.logistic(1e9) == 1 and kernel.logistic(-1e9) < 1e-300


@pytest.mark.parametrize("hidden", ["tanh", "relu", "piecewise_linear", "logistic", "linear"])
def test_what_is_not_a_number_stays_so(hidden):
    """A network that diverged does not come back as if nothing had happened."""
    net = network(SIZES[2], "fa", hidden=hidden)
    net.weights[0][0, 0, 0] = np.nan
    config = RunConfig(optimizer=OptimizerConfig(learning_rate=0.02), steps=20, batch_size=1)
    phase = phase_of("fa", net)
    assert compiled.covers(config, net, phase)
    learn(config, net, Examples(net, 20, 1), phase, None, range(20))
    assert np.isnan(net.weights[-1][0]).all() and np.isfinite(net.weights[-1][1]).all()


def test_machine_code_lies_in_the_users_cache(tmp_path):
    """Not in the package, which then can be uninstalled as a whole; NUMBA_CACHE_DIR counts more."""
    made = "from fa_cli import compiled; compiled.can_compile(); from fa_cli.compiled import kernel"
    told = "print(kernel.learn._cache.cache_path)"
    for name, folder in (("XDG_CACHE_HOME", "fa-run/numba"), ("NUMBA_CACHE_DIR", "")):
        there = os.environ | {name: str(tmp_path / name)}
        command = [sys.executable, "-c", f"{made}; {told}"]
        said = subprocess.run(command, env=there, capture_output=True, text=True, check=True)
        assert said.stdout.startswith(str(tmp_path / name / folder))
