"""Direct feedback alignment: the output error reaches every hidden layer through its own matrix (Nokland 2016)."""

from typing import Literal

from fa_cli.network import Deltas, Network, Signals, transpose
from fa_cli.rules import from_output, rule


@rule("dfa", feedback=from_output)
def dfa(net: Network, signals: Signals, derivative: Literal["local", "passed"]) -> Deltas:
    """delta_l = B_l e. A. Nokland, Direct feedback alignment provides learning in deep neural networks, NeurIPS 2016, eq. (7).

    `derivative`: `passed` sends e * phi'(a_L) through B_l, `local` the raw error.
    """
    carried = signals.error * signals.slopes[net.depth] if derivative == "passed" else signals.error
    hidden = {
        l: signals.settle(l, net.backend.matmul(carried, transpose(net.feedback[l])))
        for l in range(1, net.depth)
    }
    return {net.depth: signals.error, **hidden}
