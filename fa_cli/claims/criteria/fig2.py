"""Fig. 2: the linear problem."""

from collections.abc import Mapping

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import DRAWS, by_step, final, start, steps_to


@criterion("F2.1")
def bp_goes_to_zero(runs: Runs) -> Judgement:
    """Final NSE < 1e-3."""
    nse = final(runs["bp"])
    return in_every_seed({"nse": nse}, nse < 1e-3, "final NSE < 1e-3")


@criterion("F2.3")
def perturbation_is_slow(runs: Runs) -> Judgement:
    """Final NSE < 0.2 and > 1000 times BP's; steps to 0.1 at least twice BP's."""
    nse, bp = final(runs["np"]), final(runs["bp"])
    steps, bp_steps = (np.median(steps_to(runs[name], 0.1)) for name in ("np", "bp"))
    met = (nse < 0.2) & (nse > 1000 * bp.mean()) & (steps >= 2 * bp_steps)
    what = "NSE < 0.2, > 1000 x BP's; median steps to NSE 0.1 >= 2 x BP's"
    return in_every_seed({"nse": nse, "bp": bp}, met, what, "bp")


@criterion("F2.4")
def shallow_stays_high(runs: Runs) -> Judgement:
    """NSE above half of its start in the time that BP needs for 0.01, and above 0.3 at the end.

    Linear algebra alone gives a floor of about 1/3: 20 random features of 30 inputs.
    """
    curve, times = by_step(runs["shallow"], "nse"), steps_to(runs["bp"], 0.01)
    until = np.stack([curve[s][curve.index <= t].min() for s, t in zip(curve, times, strict=True)])
    share, nse = until / start(runs["shallow"]), final(runs["shallow"])
    met = (share > 0.5) & (nse > 0.3)
    numbers = {"final NSE": nse, "share of the start left when BP is at 0.01": share}
    return in_every_seed(numbers, met, "> 0.5 of its start when BP is at 0.01, > 0.3 at the end")


@criterion("F2.5")
def angle_shrinks(runs: Runs) -> Judgement:
    """Mean angle in 80..100 degrees in the first 10 examples, below 60 in the last 100."""
    angles = by_step(runs["fa"], "angle_to_bp_1")
    first = angles[angles.index < 10].mean()
    last = angles[angles.index > angles.index[-1] - 100].mean()
    numbers = {"last 100": last.to_numpy(), "first 10": first.to_numpy()}
    before, after = first.mean(), last.mean()
    test = "means: first 10 examples in 80..100, last 100 < 60"
    return Judgement(numbers, 80 <= before <= 100 and after < 60, after < before, test)


@criterion("F2.6")
def angle_stays_open(runs: Runs) -> Judgement:
    """Final mean angle > 5 degrees."""
    angle = final(runs["fa"], "angle_to_bp_1")
    return Judgement({"angle": angle}, angle.mean() > 5, angle.mean() > 0, "final mean > 5 degrees")


@criterion("F2.7")
def reward_slows_with_size(runs: Runs) -> Judgement:
    """Median steps to NSE 0.1 grow more than twice as much for node perturbation as for FA.

    From the smallest network to the largest, each rule and size with its best steady rate. The
    interval of the ratio of growths is of bootstrap samples of the seeds.
    """
    steps = {name: steps_to(run, 0.1) for name, run in runs.items()}
    medians = {name: np.median(values) for name, values in steps.items()}
    np_growth, fa_growth = growth(medians, "np"), growth(medians, "fa")
    rng = np.random.default_rng(0)
    draws = {name: resampled_medians(values, rng) for name, values in steps.items()}
    low, high = np.quantile(growth(draws, "np") / growth(draws, "fa"), [0.025, 0.975])
    test = f"growth of median steps {np_growth:.3g} > 2 x {fa_growth:.3g}"
    met, close = bool(np_growth > 2 * fa_growth), bool(np_growth > fa_growth)
    effect = f"x {np_growth / fa_growth:.3g} [{low:.3g}, {high:.3g}]"
    return Judgement(steps, met, close, test, against="fa 120-80-40", effect=effect)


def growth(medians: Mapping[str, np.ndarray], rule: str) -> np.ndarray:
    """By which factor a rule's median steps grow from the smallest network to the largest."""
    return medians[f"{rule} 120-80-40"] / medians[f"{rule} 30-20-10"]


def resampled_medians(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Medians of bootstrap samples of the seeds, (DRAWS,)."""
    return np.median(values[rng.integers(values.size, size=(DRAWS, values.size))], axis=1)
