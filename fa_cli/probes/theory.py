"""Quantities of the paper's proofs (Supp. Notes 11, 12, 14 and 16)."""

from collections.abc import Callable, Iterator

from fa_cli.errors import UserError
from fa_cli.layers.dense import Dense, transpose
from fa_cli.network import Network
from fa_cli.probes import METRICS, Columns, View, flat
from fa_cli.probes.norms import norms
from fa_cli.rules.bp import bp
from fa_cli.signals import Array, Deltas, Signals

NUDGE = 1e-4  # of a parameter, for central differences
MOST = 2000  # parameters


@METRICS.register("jacobian")
def jacobian(view: View) -> Columns:
    """Jacobian of the flow of all parameters, (S, P * P), by central differences. Supp. Note 16.

    Kept in arrays.npz. For tiny dense networks with biases, of rates.

    Columns: `jacobian`: any number.
    """
    if view.net.biases is None or not has_flow(view.net):
        return {}
    if (count := sum(1 for _ in elements(view))) > MOST:
        raise UserError(
            f"record.metrics=[jacobian]: of {count} parameters it has {count**2} numbers: expected "
            f"at most {MOST} parameters: type a smaller model.sizes"
        )
    columns = [slope_along(view, element) for element in elements(view)]
    return {"jacobian": flat(view.xp.stack(columns, axis=-1))}


@METRICS.register("update_norm")
def update_norm(view: View) -> Columns:
    """Norm of the flow by the rule, and of backprop's, minus the gradient of the loss.

    Of the parameters that learn. Paper, Supp. Note 16; for dense networks, of rates.

    Columns: `update_norm`, `gradient_norm`: 0 and above.
    """
    if not has_flow(view.net):
        return {}
    flows = {"update_norm": flow(view, view.deltas), "gradient_norm": flow(view, bp)}
    return {name: length(view.xp, changes) for name, changes in flows.items()}


def has_flow(net: Network) -> bool:
    """Whether all layers are dense, and nothing but the parameters lives on."""
    return not net.state() and all(isinstance(layer, Dense) for layer in net.layers)


def length(xp, vectors: Array) -> Array:
    """Euclidean, (S, n) to (S,)."""
    return xp.sqrt((vectors * vectors).sum(axis=-1))


def flow(view: View, deltas: Callable[[Network, Signals], Deltas]) -> Array:
    """What an update at eta = 1 on the probe adds to the parameters, (S, P).

    In the order W_{L-1}, b_{L-1}, .. W_0, b_0; 0 for those that do not learn.
    """
    net, xp, changes = view.net, view.xp, []
    signals = net.observe(view.data.probe.x, view.data.probe.target)
    delta = deltas(net, signals)
    for l in reversed(range(net.depth)):
        change = [net.weights[l], *([] if net.biases is None else [net.biases[l]])]
        if l in view.frozen or l + 1 not in delta:
            change = [xp.zeros_like(array) for array in change]
        else:
            d = signals.carried(delta, l + 1)
            w = xp.matmul(transpose(d), signals.activations[l])
            mask = net.masks.get(f"W{l}")
            change = [w if mask is None else w * mask, d.sum(axis=1)][: len(change)]
        changes += [flat(array) for array in change]
    return xp.concatenate(changes, axis=1)


def elements(view: View) -> Iterator[Array]:
    """Views of all single parameters, (S,) each."""
    weights, biases = view.net.weights, view.net.biases
    assert biases is not None  # of networks with biases
    for l in reversed(range(view.net.depth)):
        for array in (weights[l], biases[l]):
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
    changes = flow(view, view.deltas)
    element[...] = before  # to the last bit: measuring leaves no trace
    return changes


@METRICS.register("traces")
def traces(view: View) -> Columns:
    """tr(B_l W_l) for each dense hidden layer, and tr(A^T B E). Paper, Supp. Note 12.

    The latter is the sum of delta_1^T A x over the probe.

    Columns: `trace_b_w_<l>`, `trace_a_b_e`: any number; feedback alignment keeps the latter
    above 0.
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

    And that of A A^T, to compare it with. Paper, Supp. Note 11, eq. (10); for dense networks with
    one hidden layer.

    Columns: `conserved_1`, `gram_1`: 0 and above.
    """
    if 1 not in view.matrices or view.net.depth != 2 or not isinstance(view.net.layers[0], Dense):
        return {}
    _, b = view.matrices[1]
    a, w = view.net.weights
    bw = view.xp.matmul(b, w)
    gram = view.xp.matmul(a, transpose(a))
    c = bw + transpose(bw) - gram
    return norms("conserved", {1: c}, view.xp) | norms("gram", {1: gram}, view.xp)


@METRICS.register("lemma_5")
def lemma_5(view: View) -> Columns:
    """s_h and s_w of h = s_h B y* and W = s_w y* (B y*)^T, and how far h and W are off these.

    The latter as shares of their norms, nan where these are 0. Paper, Supp. Note 14, eq. (39)-(40);
    for a single example and dense networks with one hidden layer.

    Columns: `s_h`, `s_w`: any number; `off_h`, `off_w`: 0 and above.
    """
    if view.data.probe.target.shape[1] != 1 or view.net.depth != 2 or 1 not in view.matrices:
        return {}
    w, b = view.matrices[1]
    target = view.data.probe.target
    by = view.xp.matmul(b, transpose(target))[..., 0]
    h, outer = view.signals.activations[1][:, 0], by[:, :, None] * target
    columns: Columns = {}
    for name, vectors, line in (("h", h, by), ("w", flat(w), flat(outer))):
        scale = (vectors * line).sum(axis=-1) / (line * line).sum(axis=-1)
        off = length(view.xp, vectors - scale[:, None] * line) / length(view.xp, vectors)
        columns |= {f"s_{name}": scale, f"off_{name}": off}
    return columns
