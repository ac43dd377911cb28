"""Quantities of the paper's proofs (Supp. Notes 11, 12 and 16)."""

from collections.abc import Iterator

from fa_cli.layers.dense import Dense, transpose
from fa_cli.probes import METRICS, Columns, View, flat
from fa_cli.probes.norms import norms
from fa_cli.signals import Array

NUDGE = 1e-4  # of a parameter, for central differences


@METRICS.register("jacobian")
def jacobian(view: View) -> Columns:
    """Jacobian of the flow of all parameters, (S, P * P), by central differences. Supp. Note 16.

    The flow is what an update at eta = 1 on the probe adds to the parameters, in the order W_{L-1},
    b_{L-1}, .. W_0, b_0. Kept in arrays.npz. For tiny dense networks with biases, of rates.
    """
    net = view.net
    dense = all(isinstance(layer, Dense) for layer in net.layers)
    if net.state() or net.biases is None or not dense:
        return {}
    columns = [slope_along(view, element) for element in elements(view)]
    return {"jacobian": flat(view.xp.stack(columns, axis=-1))}


def elements(view: View) -> Iterator[Array]:
    """Views of all single parameters, (S,) each."""
    for l in reversed(range(view.net.depth)):
        for array in (view.net.weights[l], view.net.biases[l]):
            vectors = array.reshape(len(array), -1)
            yield from (vectors[:, k] for k in range(vectors.shape[1]))


def slope_along(view: View, element: Array) -> Array:
    """How the flow changes with one parameter, (S, P)."""
    ahead, behind = (flow_after(view, element, by) for by in (NUDGE, -NUDGE))
    return (ahead - behind) / (2 * NUDGE)


def flow_after(view: View, element: Array, by: float) -> Array:
    """The flow while one parameter is off by so much, (S, P)."""
    before = element.copy()
    element += by
    net, changes = view.net, []
    signals = net.observe(view.data.probe.x, view.data.probe.target)
    delta = view.deltas(net, signals)
    for l in reversed(range(net.depth)):
        d = signals.carried(delta, l + 1)
        changes += [flat(view.xp.matmul(transpose(d), signals.activations[l])), d.sum(axis=1)]
    element[...] = before  # to the last bit: measuring leaves no trace
    return view.xp.concatenate(changes, axis=1)


@METRICS.register("traces")
def traces(view: View) -> Columns:
    """tr(B_l W_l) for each dense hidden layer, and tr(A^T B E). Paper, Supp. Note 12.

    The latter is the sum of delta_1^T A x over the probe.
    """
    columns = {f"trace_b_w_{l}": (w * b).sum(axis=(1, 2)) for l, (w, b) in view.matrices.items()}
    if 1 in view.delta:
        net, x = view.net, view.signals.activations[0]
        ax = net.layers[0].forward(net.backend, net.weights[0], x)
        columns["trace_a_b_e"] = (view.delta[1] * ax).sum(axis=(1, 2))
    return columns


@METRICS.register("conserved")
def conserved(view: View) -> Columns:
    """Norm of C = B W + W^T B^T - A A^T, which the continuous dynamics keep constant.

    Paper, Supp. Note 11, eq. (10); for dense networks with one hidden layer.
    """
    if 1 not in view.matrices or view.net.depth != 2 or not isinstance(view.net.layers[0], Dense):
        return {}
    _, b = view.matrices[1]
    a, w = view.net.weights
    bw = view.xp.matmul(b, w)
    c = bw + transpose(bw) - view.xp.matmul(a, transpose(a))
    return norms("conserved", {1: c}, view.xp)
