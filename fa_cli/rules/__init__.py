"""Learning rules: what a rule says is the modulator signal delta_l of every hidden layer, and nothing else.

A rule is a function `(net, signals, **options) -> {layer l: delta_l}` that returns the raw error e for the output layer L and
(S, N, n_l) arrays for the hidden layers that learn. The three-factor update (train.py) is the same for all rules. Options are the
function's keyword arguments and come from the rule's YAML file. A rule that takes `noise` is given xi_l ~ N(0, sigma^2) for
every hidden layer, with its own option `sigma`. What arrives at a hidden layer from above goes through `signals.settle(l, arriving)`,
which a network of rates returns as it is and one whose feedback neurons integrate (spiking.py) turns into delta_l.
"""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from fa_cli.errors import UserError
from fa_cli.registry import Registry, import_all

RULES = Registry("rule")


class Rule(NamedTuple):
    """A learning rule and what it needs."""

    deltas: Callable
    feedback: Callable[[Sequence[int]], dict]  # layer sizes -> shape of B_l by layer l
    options: dict[str, type]  # keyword arguments that the rule's YAML file sets
    noisy: bool


def no_feedback(sizes: Sequence[int]) -> dict:
    """The rule has no feedback matrices of its own."""
    return {}


def layer_by_layer(sizes: Sequence[int]) -> dict:
    """B_l carries the signal of layer l+1 to layer l: (n_l, n_{l+1})."""
    return {l: (sizes[l], sizes[l + 1]) for l in range(1, len(sizes) - 1)}


def from_output(sizes: Sequence[int]) -> dict:
    """B_l carries the error to layer l directly: (n_l, n_L)."""
    return {l: (sizes[l], sizes[-1]) for l in range(1, len(sizes) - 1)}


def rule(name: str, feedback: Callable[[Sequence[int]], dict] = no_feedback) -> Callable:
    """Decorator that registers a learning rule under `name`, with the shapes of its feedback matrices."""

    def register(deltas: Callable) -> Callable:
        parameters = dict(list(inspect.signature(deltas).parameters.items())[2:])
        noisy = parameters.pop("noise", None) is not None
        options = {key: parameter.annotation for key, parameter in parameters.items()}
        RULES[name] = Rule(deltas, feedback, options, noisy)
        return deltas

    return register


def load_rules() -> None:
    """Fill RULES: the files of this folder, the `fa_run.rules` entry points of installed packages, and FA_RULES.

    FA_RULES lists module names or paths of .py files, separated as in PATH. Raises UserError for one that cannot be imported.
    """
    import_all(sys.modules[__name__])
    for point in entry_points(group="fa_run.rules"):
        point.load()
    for source in filter(None, os.environ.get("FA_RULES", "").split(os.pathsep)):
        try:
            if source.endswith(".py"):
                spec = importlib.util.spec_from_file_location(Path(source).stem, source)
                spec.loader.exec_module(importlib.util.module_from_spec(spec))
            else:
                importlib.import_module(source)
        except (ImportError, FileNotFoundError) as error:
            raise UserError(
                f"FA_RULES={source}: {error}; give a module name or the path of a .py file"
            ) from None
