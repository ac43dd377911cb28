"""The kinds of networks that `model.name` can name, one a file, with their options and checks."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fa_cli.backend import Backend
from fa_cli.options import Option, options_of
from fa_cli.registry import Registry, import_all
from fa_cli.schema import ModelConfig, RunConfig

if TYPE_CHECKING:
    from fa_cli.network import Network
    from fa_cli.rules import Rule

MODELS = Registry("model")


def anything(config: RunConfig, rules: Sequence["Rule"]) -> None:
    """Every config that passes the general checks makes such a network."""


class Model(NamedTuple):
    """A kind of network."""

    build: Callable[[ModelConfig, Backend, Sequence[int]], "Network"]  # of all seeds
    options: dict[str, Option]  # that its YAML file sets
    check: Callable[[RunConfig, Sequence["Rule"]], None]  # UserError for what makes no such network


def model(
    name: str, build: Callable, options: Callable | None = None, check: Callable = anything
) -> None:
    """Register a kind of network under `name`; `options` is what takes its options as arguments."""
    MODELS.add(name, Model(build, options_of(options) if options else {}, check), build)


def load_models() -> None:
    """Fill MODELS from the files of this folder."""
    import_all(sys.modules[__name__])
