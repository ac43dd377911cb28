"""A toy metric: the largest weight of each layer."""

from fa_cli.probes import METRICS


@METRICS.register("toy")
def toy(view):
    """max |W_l|."""
    weights = enumerate(view.net.weights)
    return {f"toy_{l}": abs(w).max(axis=(1, 2)) for l, w in weights}
