"""Other ways to read a guess from neurons that spike. Paper, Methods, "A deep network that .."."""

from fa_cli.models.spiking import EXTREME, SpikingNetwork
from fa_cli.probes import METRICS, Columns, View, misread
from fa_cli.signals import Array
from fa_cli.units import logistic


@METRICS.register("readouts")
def readouts(view: View) -> Columns:
    """Percent of held-out images misread from all time steps of an image, by two read-outs.

    "The class with highest activity ... after M = 5 time steps" is that of the last step in
    `test_error`; here it is the one with most spikes in all of them, and the one whose neurons were
    most likely to spike, which leaves out the noise of the output's own spikes. `validation_..`
    where the images are a validation set.

    Columns: `test_error_sum`, `test_error_rate`: percent, 0 to 100.
    """
    net, xp = view.net, view.xp
    if not isinstance(net, SpikingNetwork) or view.data.probe.labels is None:
        return {}
    streams: SpikingNetwork | None = None
    wrong: dict[str, Array] = {}
    count = 0
    for number, batch in enumerate(view.data.heldout()):
        streams = (streams or net.at_rest(batch.x.shape[1])).first(batch.x.shape[1])
        activity = {"sum": 0, "rate": 0}
        for signals in streams.run(batch, "heldout", number, net.dynamics.steps_per_image):
            potential = xp.clip(streams.v[-1], -EXTREME, EXTREME)
            activity["sum"] += net.answer(signals.activations[-1])
            activity["rate"] += net.answer(logistic(xp, potential))
        for name, shown in activity.items():
            wrong[name] = wrong.get(name, 0) + misread(xp, shown, batch.labels)
        count += batch.x.shape[1]
    error = f"{view.data.heldout_name}_error"
    return {f"{error}_{name}": 100 * missed / count for name, missed in wrong.items()}
