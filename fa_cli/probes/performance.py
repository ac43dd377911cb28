"""How well a network does on the held-out examples."""

from fa_cli.probes import METRICS, Columns, View, misread
from fa_cli.signals import Array


@METRICS.register("loss")
def loss(view: View) -> Columns:
    """L = e^T e / 2, mean over the held-out examples.

    Columns: `loss`: 0 and above, in units of squared outputs.
    """
    held = view.performance
    return {"loss": held["squared"] / held["count"] / 2}


@METRICS.register("nse")
def nse(view: View) -> Columns:
    """Squared error over that of predicting the sample mean.

    Paper, Methods, "Normalized squared error", eq. (2)-(4).

    Columns: `nse`: 0 and above; 1 is what predicting the mean has.
    """
    held = view.performance
    variation = view.xp.where(held["variation"] > 0, held["variation"], float("nan"))
    return {"nse": held["squared"] / variation}


@METRICS.register("test_mse")
def test_mse(view: View) -> Columns:
    """Squared error of a reconstructed image, summed over its pixels, mean over held-out images.

    `test_mse` is in units of pixels in [0, 1], `test_mse_raw` in those of the network's inputs
    (Supp. Note 9 does not say which). `validation_mse` where the images are a validation set.

    Columns: `test_mse`, `test_mse_raw`: 0 and above.
    """
    grey = getattr(view.data, "grey", None)
    if grey is None:
        return {}
    contrast = 1 / (grey(1.0) - grey(0.0))
    raw = view.performance["squared"] / view.performance["count"]
    name = f"{view.data.heldout_name}_mse"
    return {name: raw / contrast**2, f"{name}_raw": raw}


@METRICS.register("dead_units")
def dead_units(view: View) -> Columns:
    """Percent of each hidden layer's units that answer no held-out example with more than 0.

    Supp. Note 5: feedback alignment can push rectified linear units to where they have no slope.

    Columns: `dead_units_<l>` of each hidden layer l: percent, 0 to 100.
    """
    show = view.net.observer("heldout")
    highest: dict[int, Array] = {}
    for batch in view.data.heldout():
        for l, h in enumerate(show(batch).activations[1:-1], start=1):
            most = h.max(axis=1)
            highest[l] = view.xp.maximum(highest[l], most) if l in highest else most
    return {f"dead_units_{l}": 100 * (most <= 0).mean(axis=1) for l, most in highest.items()}


@METRICS.register("test_error")
def test_error(view: View) -> Columns:
    """Percent of held-out examples whose largest output is not their class.

    The column is `validation_error` where those are a validation set.

    Columns: `test_error`: percent, 0 to 100; of ten classes chance is 90.
    """
    held = view.performance
    if not held["classes"]:
        return {}
    return {f"{view.data.heldout_name}_error": 100 * held["wrong"] / held["count"]}


@METRICS.register("train_error")
def train_error(view: View) -> Columns:
    """Percent of as many training examples as are held out whose largest output is not their class.

    They are shown without distortions and without dropout.

    Columns: `train_error`: percent, 0 to 100.
    """
    some = getattr(view.data, "trained", None)
    if some is None or view.data.probe.labels is None:
        return {}
    show, wrong, count = view.net.observer("trained"), 0, 0
    for batch in some():
        y = view.net.answer(show(batch).activations[-1])
        wrong = wrong + misread(view.xp, y, batch.labels)
        count += len(batch.labels)
    return {"train_error": 100 * wrong / count}
