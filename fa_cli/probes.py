"""What is measured: each metric is a function of a `View` that returns its columns of metrics.csv, one value a seed.

A metric that does not apply (an angle to feedback that the rule does not have) returns no column, and one that cannot be computed
(the angle to a zero vector) returns nan: both are empty cells in the CSV.
"""

from collections.abc import Callable
from functools import cached_property

from fa_cli.backend import Array
from fa_cli.network import Deltas, Network, Signals, observe, transpose
from fa_cli.registry import Registry
from fa_cli.rules.bp import bp
from fa_cli.rules.pseudobackprop import pseudobackprop

METRICS = Registry("metric")
Columns = dict[str, Array]  # name in metrics.csv -> one value a seed, (S,)


class View:
    """A network at one moment of learning, seen on held-out examples.

    `deltas(net, signals)` is the learning rule of the moment. Whatever several metrics share is computed once.
    """

    def __init__(self, net: Network, data, deltas: Callable[[Network, Signals], Deltas]):
        self.net, self.data, self.deltas, self.xp = net, data, deltas, net.backend.xp

    @cached_property
    def signals(self) -> Signals:
        """The forward pass of the probe batch."""
        return self.net.observer("probe")(self.data.probe)

    @cached_property
    def delta(self) -> dict[int, Array]:
        """The rule's signals for the hidden layers that learn, (S, N, n_l) by layer."""
        return {
            l: delta
            for l, delta in self.deltas(self.net, self.signals).items()
            if l < self.net.depth
        }

    @cached_property
    def performance(self) -> dict[str, Array]:
        """Squared error, its normalisation and the number of wrong answers, summed over all held-out examples."""
        xp, double, show = self.xp, "float64", self.net.observer("heldout")
        squared = wrong = count = total = total_squared = 0
        for batch in self.data.heldout():
            _, target, labels = batch
            signals = self.signals if batch is self.data.probe else show(batch)
            y = self.net.answer(signals.activations[-1])
            squared = squared + ((target - y) ** 2).sum(axis=(1, 2), dtype=double)
            total = total + target.sum(axis=1, dtype=double)
            total_squared = total_squared + (target**2).sum(axis=(1, 2), dtype=double)
            count += target.shape[1]
            if labels is not None:
                wrong = wrong + (xp.argmax(y, axis=-1) != labels).sum(axis=1)
        variation = total_squared - (total**2).sum(axis=1) / count
        return {
            "squared": squared,
            "variation": variation,
            "wrong": wrong,
            "count": count,
            "classes": labels is not None,
        }


def angle(xp, a: Array, b: Array) -> Array:
    """Angle in degrees between the vectors along the last axis, signed arccos: 0 to 180; nan where one is zero.

    The paper's formula (Methods, "Angle measures") prints |a^T b|; its figures need the sign.
    """
    lengths = xp.sqrt((a * a).sum(axis=-1)) * xp.sqrt((b * b).sum(axis=-1))
    return xp.degrees(xp.arccos(xp.clip((a * b).sum(axis=-1) / lengths, -1, 1)))


def flat(matrices: Array) -> Array:
    """Each seed's matrix as one vector, (S, m, n) to (S, m n)."""
    return matrices.reshape(len(matrices), -1)


@METRICS.register("loss")
def loss(view: View) -> Columns:
    """L = e^T e / 2, mean over the held-out examples."""
    held = view.performance
    return {"loss": held["squared"] / held["count"] / 2}


@METRICS.register("nse")
def nse(view: View) -> Columns:
    """Squared error over that of predicting the sample mean. Paper, Methods, "Normalized squared error", eq. (2)-(4)."""
    held = view.performance
    return {
        "nse": held["squared"]
        / view.xp.where(held["variation"] > 0, held["variation"], float("nan"))
    }


@METRICS.register("test_error")
def test_error(view: View) -> Columns:
    """Percent of held-out examples whose largest output is not their class; `validation_error` where those are a validation set."""
    held = view.performance
    if not held["classes"]:
        return {}
    return {f"{view.data.heldout_name}_error": 100 * held["wrong"] / held["count"]}


def angles_to(view: View, name: str, reference: dict[int, Array]) -> Columns:
    """Mean over the probe's examples of the angle between the rule's hidden signals and a reference rule's."""
    return {
        f"{name}_{l}": angle(view.xp, view.delta[l], reference[l]).mean(axis=-1)
        for l in sorted(view.delta)
    }


@METRICS.register("angle_to_bp")
def angle_to_bp(view: View) -> Columns:
    """Angle between the rule's delta_l and backprop's. Paper, Fig. 2b and 3b."""
    return angles_to(view, "angle_to_bp", bp(view.net, view.signals))


@METRICS.register("angle_to_pbp")
def angle_to_pbp(view: View) -> Columns:
    """Angle between the rule's delta_l and pseudobackprop's. Paper, Supp. Fig. 13."""
    return angles_to(view, "angle_to_pbp", pseudobackprop(view.net, view.signals))


def forward_and_back(view: View) -> dict[int, tuple[Array, Array]]:
    """(W_l^T, B_l) for the hidden layers l whose B_l has the shape of W_l^T."""
    pairs = {
        l: (transpose(view.net.weights[l]), view.net.feedback[l]) for l in sorted(view.net.feedback)
    }
    return {l: pair for l, pair in pairs.items() if pair[0].shape == pair[1].shape}


@METRICS.register("angle_w_b")
def angle_w_b(view: View) -> Columns:
    """Angle between W_l^T and B_l, each taken as one vector. Paper, Fig. 5a, blue line."""
    return {
        f"angle_w_b_{l}": angle(view.xp, flat(w), flat(b))
        for l, (w, b) in forward_and_back(view).items()
    }


@METRICS.register("angle_w_b_unit")
def angle_w_b_unit(view: View) -> Columns:
    """The same for each hidden unit: column j of W_l and row j of B_l, (S, n_l); kept in arrays.npz. Paper, Fig. 5a."""
    return {
        f"angle_w_b_unit_{l}": angle(view.xp, w, b) for l, (w, b) in forward_and_back(view).items()
    }


@METRICS.register("weights")
def weights(view: View) -> Columns:
    """All elements of W_l, row by row, (S, n_{l+1} n_l), of b_l and of B_l; kept in arrays.npz. For small networks (Supp. Fig. 7, 10)."""
    forward = {f"weights_{l}": flat(w).copy() for l, w in enumerate(view.net.weights)}
    biases = {f"biases_{l}": b.copy() for l, b in enumerate(view.net.biases or [])}
    return (
        forward | biases | {f"feedback_{l}": flat(b) for l, b in sorted(view.net.feedback.items())}
    )


@METRICS.register("jacobian")
def jacobian(view: View) -> Columns:
    """Jacobian of the flow of all parameters, (S, P * P), by central differences; kept in arrays.npz. Paper, Supp. Note 16.

    The flow is what an update at eta = 1 on the probe adds to the parameters, in the order W_{L-1}, b_{L-1}, .. W_0, b_0. For tiny networks
    with biases, of rates.
    """
    net, size = view.net, 1e-4
    if net.state():
        return {}
    ordered = [
        array for l in reversed(range(net.depth)) for array in (net.weights[l], net.biases[l])
    ]

    def flow() -> Array:
        signals = observe(net, view.data.probe.x, view.data.probe.target)
        delta, changes = view.deltas(net, signals), []
        for l in reversed(range(net.depth)):
            d = delta[l + 1] * signals.slopes[l + 1]
            changes += [flat(view.xp.matmul(transpose(d), signals.activations[l])), d.sum(axis=1)]
        return view.xp.concatenate(changes, axis=1)

    def nudged(element: Array, by: float) -> Array:
        element += by
        moved = flow()
        element -= by
        return moved

    views = [array.reshape(len(array), -1)[:, k] for array in ordered for k in range(array[0].size)]
    columns = [(nudged(element, size) - nudged(element, -size)) / (2 * size) for element in views]
    return {"jacobian": flat(view.xp.stack(columns, axis=-1))}


@METRICS.register("traces")
def traces(view: View) -> Columns:
    """tr(B_l W_l) for each hidden layer, and tr(A^T B E) = sum of delta_1^T A x over the probe. Paper, Supp. Note 12."""
    columns = {
        f"trace_b_w_{l}": (w * b).sum(axis=(1, 2)) for l, (w, b) in forward_and_back(view).items()
    }
    if 1 in view.delta:
        ax = view.net.backend.matmul(view.signals.activations[0], transpose(view.net.weights[0]))
        columns["trace_a_b_e"] = (view.delta[1] * ax).sum(axis=(1, 2))
    return columns


@METRICS.register("conserved")
def conserved(view: View) -> Columns:
    """Norm of C = B W + W^T B^T - A A^T, which the continuous dynamics keep constant. Paper, Supp. Note 11, eq. (10)."""
    pairs, a = forward_and_back(view), view.net.weights[0]
    if 1 not in pairs or view.net.depth != 2:
        return {}
    bw = view.xp.matmul(pairs[1][1], view.net.weights[1])
    c = bw + transpose(bw) - view.xp.matmul(a, transpose(a))
    return norms("conserved", {1: c}, view.xp)


def norms(name: str, arrays: dict[int, Array], xp) -> Columns:
    """Frobenius norm of each matrix."""
    return {f"{name}_{l}": xp.sqrt((array * array).sum(axis=(1, 2))) for l, array in arrays.items()}


@METRICS.register("delta_norm")
def delta_norm(view: View) -> Columns:
    """Root mean square length of delta_l over the probe's examples."""
    return {
        f"delta_norm_{l}": view.xp.sqrt((d * d).sum(axis=-1).mean(axis=-1))
        for l, d in sorted(view.delta.items())
    }


@METRICS.register("weight_norm")
def weight_norm(view: View) -> Columns:
    """Frobenius norm of W_l, the weights that leave layer l; l = 0 is the input's."""
    return norms("weight_norm", dict(enumerate(view.net.weights)), view.xp)


@METRICS.register("feedback_norm")
def feedback_norm(view: View) -> Columns:
    """Frobenius norm of B_l."""
    return norms("feedback_norm", dict(sorted(view.net.feedback.items())), view.xp)
