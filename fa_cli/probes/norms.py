"""Sizes of weights, feedback, signals and slopes; and for small networks the weights themselves."""

from fa_cli.probes import METRICS, Columns, View, flat
from fa_cli.signals import Array


def norms(name: str, arrays: dict[int, Array], xp) -> Columns:
    """Frobenius norm of each matrix."""
    columns = {}
    for l, array in arrays.items():
        columns[f"{name}_{l}"] = xp.sqrt((array * array).sum(axis=(1, 2)))
    return columns


@METRICS.register("delta_norm")
def delta_norm(view: View) -> Columns:
    """Root mean square length of delta_l over the probe's examples.

    Columns: `delta_norm_<l>` of each hidden layer l that learns: 0 and above, in units of the
    error.
    """
    columns = {}
    for l, d in sorted(view.delta.items()):
        columns[f"delta_norm_{l}"] = view.xp.sqrt((d * d).sum(axis=-1).mean(axis=-1))
    return columns


@METRICS.register("mean_slope")
def mean_slope(view: View) -> Columns:
    """Mean of phi'(a_l) over the probe's examples and the units: near 0 they are saturated.

    What a unit without slope is told changes nothing (paper, eq. (8): Psi_h).

    Columns: `mean_slope_<l>` of each layer l: 0 to 1; of logistic units at most 1/4.
    """
    columns = {}
    for l, h in enumerate(view.signals.activations[1:], start=1):
        slope = view.signals.slopes[l] + 0 * h  # linear units have one number for all
        columns[f"mean_slope_{l}"] = slope.mean(axis=(1, 2))
    return columns


@METRICS.register("weight_norm")
def weight_norm(view: View) -> Columns:
    """Frobenius norm of W_l, the weights that leave layer l; l = 0 is the input's.

    Columns: `weight_norm_<l>`: 0 and above.
    """
    return norms("weight_norm", dict(enumerate(view.net.weights)), view.xp)


@METRICS.register("feedback_norm")
def feedback_norm(view: View) -> Columns:
    """Frobenius norm of B_l.

    Columns: `feedback_norm_<l>` of each hidden layer l: 0 and above.
    """
    return norms("feedback_norm", dict(sorted(view.net.feedback.items())), view.xp)


@METRICS.register("weights")
def weights(view: View) -> Columns:
    """All elements of W_l, row by row, (S, n_{l+1} n_l), of b_l and of B_l; kept in arrays.npz.

    For small networks (Supp. Fig. 7, 10).

    Columns: `weights_<l>`, `biases_<l>`, `feedback_<l>`: any number.
    """
    forward = {f"weights_{l}": flat(w).copy() for l, w in enumerate(view.net.weights)}
    biases = {f"biases_{l}": b.copy() for l, b in enumerate(view.net.biases or [])}
    feedback = sorted(view.net.feedback.items())
    return forward | biases | {f"feedback_{l}": flat(b).copy() for l, b in feedback}
