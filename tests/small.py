"""Small networks and batches for numeric tests, each from its own generator."""

import numpy as np

from fa_cli.backend import Backend, NumpyBackend
from fa_cli.network import Network, Signals, build, build_feedback, observe
from fa_cli.rules import RULES, load_rules
from fa_cli.schema import ModelConfig, RuleConfig

load_rules()
OPTIONS = {
    "fa": {"derivative": "local"},
    "dfa": {"derivative": "local"},
    "node_perturbation": {"sigma": 0.01},
}


def network(
    sizes=(5, 4, 3),
    rule="fa",
    seeds=(0, 1),
    backend: Backend | None = None,
    feedback_sparsity=0.0,
    **model,
) -> Network:
    """A network with biases and weights of order 1, with the feedback matrices of `rule`."""
    backend = backend or NumpyBackend("float64")
    settings = {"biases": True, "bias_scale": 0.5, "weight_scale": 0.8} | model
    net = build(ModelConfig(sizes=list(sizes), **settings), backend, list(seeds))
    config = RuleConfig(name=rule, feedback_scale=0.7, feedback_sparsity=feedback_sparsity)
    net.feedback = build_feedback(config, RULES[rule].feedback(list(sizes)), backend, list(seeds))
    return net


def batch(net: Network, count=6, seed=7) -> Signals:
    """The forward pass of random inputs against random targets."""
    rng = np.random.default_rng(seed)
    seeds = len(net.weights[0])
    x, target = (
        net.backend.to_device(rng.standard_normal((seeds, count, size)))
        for size in (net.sizes[0], net.sizes[-1])
    )
    return observe(net, x, target)


def deltas(rule: str, net: Network, signals: Signals, sigma=0.01, seed=11, **options) -> dict:
    """The rule's hidden signals, with noise where it takes noise."""
    rng, shape = np.random.default_rng(seed), signals.error.shape[:2]
    noise = {
        l: net.backend.to_device(sigma * rng.standard_normal((*shape, net.sizes[l])))
        for l in range(1, net.depth)
    }
    given = {"noise": noise} if RULES[rule].noisy else {}
    return RULES[rule].deltas(net, signals, **given, **(OPTIONS.get(rule, {}) | options))
