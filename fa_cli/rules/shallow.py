"""Shallow learning: only the output weights learn."""

from fa_cli.rules import Deltas, Network, Path, Signals, rule


@rule("shallow", path=Path(None), colour="0.7", line="-.")
def shallow(net: Network, signals: Signals) -> Deltas:
    """The hidden layers get no signal and do not learn. Paper, Supp. Note 1 and Supp. Fig. 2."""
    return {net.depth: signals.error}
