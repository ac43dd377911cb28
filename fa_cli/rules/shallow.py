"""Shallow learning: only the output weights learn."""

from fa_cli.network import Deltas, Network, Signals
from fa_cli.rules import rule


@rule("shallow")
def shallow(net: Network, signals: Signals) -> Deltas:
    """The hidden layers get no signal and do not learn. Paper, Supp. Note 1 and Supp. Fig. 2."""
    return {net.depth: signals.error}
