"""A toy network: its output is read twice as large as it is."""

from dataclasses import dataclass

from fa_cli.models import model
from fa_cli.network import Network, build
from fa_cli.options import Positive


@dataclass
class Louder(Network):
    """Of rates."""

    gain: float = 1.0

    def answer(self, y):
        return self.gain * y


def build_louder(config, backend, seeds):
    """As any network of rates."""
    return Louder(**vars(build(config, backend, seeds)), gain=config.options["gain"])


def options(gain: Positive):
    """How much louder."""


model("toy", build_louder, options=options)
