"""A toy rule: the sign of the error, through B."""

from fa_cli.rules import downward, layer_by_layer, rule


@rule("toy", feedback=layer_by_layer, label="Toy rule", colour="#123456")
def toy(net, signals, gain: float = 1.0):
    """delta_l = gain B_l sign(delta_{l+1})."""
    sign = net.backend.xp.sign
    return downward(
        net, signals, lambda l, delta: gain * net.back(l, net.feedback[l], sign(delta[l + 1]))
    )
