"""Fig. 3 and Supp. Fig. 5: handwritten digits, depth, receptive fields."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import by_step, final, kept, start, welch_interval
from fa_cli.results.reading import Run, by_network


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
def fields_resemble(runs: Runs) -> Judgement:
    """Autocorrelation of the change of W_0: the means of FA and BP differ by less than 0.1.

    Over networks, each the mean of its units. Before learning it is 0 on average; but random
    signals for hidden units, which add random images to W_0, leave 0.80 to 0.82 on MNIST.
    """
    numbers = {name: smoothness_of_change(run) for name, run in runs.items()}
    fa, bp = numbers.values()
    difference = abs(fa.mean() - bp.mean())
    test = f"means differ by {difference:.2g} < 0.1"
    effect, near = welch_interval(fa, bp), difference < 0.2
    return Judgement(numbers, difference < 0.1, near, test, None, [*numbers][1], effect)


def smoothness_of_change(run: Run) -> np.ndarray:
    """Mean autocorrelation of what learning has added to receptive fields, (networks,)."""
    return np.array([autocorrelation(fields).mean() for fields in change_of_fields(run)])


def change_of_fields(run: Run) -> np.ndarray:
    """What learning has added to receptive fields, (networks, units, pixels)."""
    names = ("receptive_fields_before", "receptive_fields_after")
    before, after = (by_network(kept(run, name)) for name in names)
    return after - before


@criterion("S5.1b")
def fields_are_as_many(runs: Runs) -> Judgement:
    """The change of W_0 spans as many dimensions: FA's mean is within a third of BP's.

    Dimensions are the participation ratio of its singular values squared, over 100 units. Random
    signals for hidden units leave 6 to 10 on MNIST, however many images they add.
    """
    numbers = {name: dimensions_of_change(run) for name, run in runs.items()}
    fa, bp = numbers.values()
    off = abs(fa.mean() / bp.mean() - 1)
    test = f"means differ by {100 * off:.2g} % of the second < 33 %"
    effect, met, close = welch_interval(fa, bp), off < 1 / 3, off < 1 / 2
    return Judgement(numbers, met, close, test, None, [*numbers][1], effect)


def dimensions_of_change(run: Run) -> np.ndarray:
    """Participation ratio of what learning has added to receptive fields, (networks,)."""
    power = np.linalg.svd(change_of_fields(run), compute_uv=False) ** 2
    return power.sum(axis=1) ** 2 / (power**2).sum(axis=1)


# ---- what the text says of Fig. 3's network -----------------------------------------------------


@criterion("F3.12")
def many_scales_work(runs: Runs) -> Judgement:
    """Of five scales of B at least three end within 0.5 points of the best (validation error)."""
    errors = {name: final(run, "validation_error") for name, run in runs.items()}
    means = np.array([values.mean() for values in errors.values()])
    near = int((means <= means.min() + 0.5).sum())
    test = f"at least 3 of {len(means)} within 0.5 points of the best ({near})"
    return Judgement(errors, near >= 3, near >= 2, test)


@criterion("F3.14")
def pushes_the_right_way(runs: Runs) -> Judgement:
    """e^T W B e > 0 for 30 to 70 % of the probe at first, for > 95 % after an epoch.

    The probe has 100 held-out examples. The first on average over seeds, the second in every seed.
    """
    first = start(runs["fa"], "share_positive")
    shares = runs["fa"].metrics.pivot(index="epoch", columns="seed", values="share_positive")
    later = shares[shares.index >= 1].iloc[0].to_numpy()
    numbers = {"after an epoch": later, "before learning": first}
    met = (later > 0.95) & (0.3 <= first.mean() <= 0.7)
    return in_every_seed(
        numbers, met, "> 95 % after an epoch; 30 to 70 % before", "before learning"
    )
