"""Angles between a rule's hidden signals and another's, and between forward and feedback."""

from fa_cli.layers.dense import Dense
from fa_cli.probes import METRICS, Columns, View, angle, flat
from fa_cli.rules.bp import bp
from fa_cli.rules.pseudobackprop import pseudobackprop
from fa_cli.signals import Deltas


def angles_to(view: View, name: str, reference: Deltas) -> Columns:
    """Mean over the probe of the angle between the rule's hidden signals and a reference rule's."""
    columns = {}
    for l, delta in sorted(view.delta.items()):
        columns[f"{name}_{l}"] = angle(view.xp, delta, reference[l]).mean(axis=-1)
    return columns


@METRICS.register("angle_to_bp")
def angle_to_bp(view: View) -> Columns:
    """Angle between the rule's delta_l and backprop's. Paper, Fig. 2b and 3b.

    Columns: `angle_to_bp_<l>` of each hidden layer l that learns: degrees, 0 to 180; 90 is no
    relation.
    """
    return angles_to(view, "angle_to_bp", bp(view.net, view.signals))


@METRICS.register("angle_to_pbp")
def angle_to_pbp(view: View) -> Columns:
    """Angle between the rule's delta_l and pseudobackprop's, of dense layers. Supp. Fig. 13.

    Columns: `angle_to_pbp_<l>` of each hidden layer l that learns: degrees, 0 to 180.
    """
    if not all(isinstance(layer, Dense) for layer in view.net.layers[1:]):
        return {}
    return angles_to(view, "angle_to_pbp", pseudobackprop(view.net, view.signals))


@METRICS.register("angle_w_b")
def angle_w_b(view: View) -> Columns:
    """Angle between W_l^T and B_l, each taken as one vector. Paper, Fig. 5a, blue line.

    Columns: `angle_w_b_<l>` of each hidden layer l: degrees, 0 to 180; 90 is no alignment.
    """
    return {f"angle_w_b_{l}": angle(view.xp, flat(w), flat(b)) for l, (w, b) in view.pairs.items()}


@METRICS.register("angle_w_b_unit")
def angle_w_b_unit(view: View) -> Columns:
    """The same for each hidden unit: column j of W_l and row j of B_l, (S, n_l). Paper, Fig. 5a.

    Kept in arrays.npz; dense layers only.

    Columns: `angle_w_b_unit_<l>`: degrees, 0 to 180.
    """
    return {f"angle_w_b_unit_{l}": angle(view.xp, w, b) for l, (w, b) in view.matrices.items()}


@METRICS.register("share_positive")
def share_positive(view: View) -> Columns:
    """Share of the probe for which e^T W B e > 0, from 0 to 1; W, B of the output layer.

    Where it is positive on average, feedback alignment's update of the layer below decreases the
    error. Paper, Results: "any matrix B will suffice, so long as on average, e^T W B e > 0".

    Columns: `share_positive`: 0 to 1; about a half before learning.
    """
    l = view.net.depth - 1
    if l not in view.matrices:
        return {}
    e = view.signals.error
    w, b = view.matrices[l]
    forward, back = (view.net.backend.matmul(e, m.swapaxes(1, 2)) for m in (w, b))
    return {"share_positive": ((forward * back).sum(axis=-1) > 0).mean(axis=-1)}
