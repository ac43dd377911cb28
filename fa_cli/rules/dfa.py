"""Direct feedback alignment: the output error reaches every hidden layer through its own matrix."""

from fa_cli.layers.dense import transpose
from fa_cli.rules import Deltas, Network, Path, Signals, downward, from_output, rule
from fa_cli.rules.fa import Derivative


@rule(
    "dfa",
    feedback=from_output,
    path=Path("B", source="output", passed=("derivative", "passed")),
    label="Direct feedback alignment",
    colour="#d95f02",
    line="--",
)
def dfa(net: Network, signals: Signals, derivative: Derivative) -> Deltas:
    """delta_l = B_l e.

    A. Nokland, Direct feedback alignment provides learning in deep neural networks, NeurIPS 2016,
    eq. (7). `derivative`: `passed` sends e * phi'(a_L) through B_l, `local` the raw error.
    """
    error = signals.error
    sent = error * signals.slopes[net.depth] if derivative == "passed" else error
    matmul = net.backend.matmul
    return downward(net, signals, lambda l, delta: matmul(sent, transpose(net.feedback[l])))
