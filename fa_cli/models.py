"""The kinds of networks that `model.name` can name."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fa_cli.backend import Backend
from fa_cli.network import Network, build
from fa_cli.registry import Registry
from fa_cli.schema import ModelConfig
from fa_cli.spiking import Dynamics, build_spiking


class Model(NamedTuple):
    """A kind of network: how the networks of all seeds are built, and the options that its YAML file sets."""

    build: Callable[[ModelConfig, Backend, Sequence[int]], Network]
    options: dict[str, type]


MODELS = Registry("model")
MODELS["rate"] = Model(build, {})
MODELS["spiking"] = Model(build_spiking, Dynamics.__annotations__)
