"""Fig. 3 and Supp. Fig. 5: handwritten digits, depth, receptive fields."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion
from fa_cli.claims.measures import by_step, final, kept


@criterion("F3.5")
def angle_stays_below(runs: Runs) -> Judgement:
    """Mean angle below 70 degrees from the first tenth of training to the end."""
    angles = by_step(runs["fa"], "angle_to_bp_1")
    later = angles[angles.index >= 0.1 * angles.index[-1]].mean(axis=1)
    numbers = {"angle": final(runs["fa"], "angle_to_bp_1")}
    return Judgement(numbers, (later < 70).all(), (later < 90).all(), "mean < 70 after a tenth")


def autocorrelation(fields: np.ndarray) -> np.ndarray:
    """Spatial autocorrelation at lag 1 of square receptive fields, mean of both directions.

    (units, pixels) to (units,).
    """
    side = round(np.sqrt(fields.shape[1]))
    images = fields.reshape(-1, side, side)
    images = images - images.mean(axis=(1, 2), keepdims=True)
    across = (images[:, :, 1:] * images[:, :, :-1]).mean(axis=(1, 2))
    down = (images[:, 1:] * images[:, :-1]).mean(axis=(1, 2))
    return (across + down) / 2 / (images**2).mean(axis=(1, 2))


@criterion("S5.1")
def fields_are_smooth(runs: Runs) -> Judgement:
    """Mean autocorrelation of both sets of fields is more than twice the initial magnitude."""
    before = abs(autocorrelation(kept(runs["fa"], "receptive_fields_before"))).mean()
    fields = {name: kept(run, "receptive_fields_after") for name, run in runs.items()}
    after = {name: autocorrelation(array) for name, array in fields.items()}
    smallest = min(values.mean() for values in after.values())
    numbers = {**after, "initial": np.array([before])}
    test = "means over 100 units: both > 2 x initial magnitude"
    return Judgement(numbers, smallest > 2 * before, smallest > before, test)
