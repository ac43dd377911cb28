"""Fig. 2: the linear problem."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import by_step, final, steps_to


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
    return in_every_seed({"nse": nse, "bp": bp}, met, what)


@criterion("F2.4")
def shallow_stays_high(runs: Runs) -> Judgement:
    """Final NSE > 0.2 and > 100 times BP's."""
    nse, bp = final(runs["shallow"]), final(runs["bp"])
    met = (nse > 0.2) & (nse > 100 * bp.mean())
    return in_every_seed({"nse": nse}, met, "NSE > 0.2 and > 100 x BP's")


@criterion("F2.5")
def angle_shrinks(runs: Runs) -> Judgement:
    """Mean angle in 80..100 degrees in the first 10 examples, below 60 in the last 100."""
    angles = by_step(runs["fa"], "angle_to_bp_1")
    first = angles[angles.index < 10].mean()
    last = angles[angles.index >= angles.index[-1] - 100].mean()
    numbers = {"last 100": last.to_numpy(), "first 10": first.to_numpy()}
    before, after = first.mean(), last.mean()
    test = "means: first 10 examples in 80..100, last 100 < 60"
    return Judgement(numbers, 80 <= before <= 100 and after < 60, after < before, test)


@criterion("F2.6")
def angle_stays_open(runs: Runs) -> Judgement:
    """Final mean angle > 5 degrees."""
    angle = final(runs["fa"], "angle_to_bp_1")
    return Judgement({"angle": angle}, angle.mean() > 5, angle.mean() > 0, "final mean > 5 degrees")
