"""Fig. 5, Supp. Figs. 9 and 14: how W comes to align with B."""

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import final, in_phase, kept, phase_end, phase_start, start


@criterion("F5.1")
def weights_align(runs: Runs) -> Judgement:
    """The final angle of W to B^T is smaller than the initial one by more than 15 degrees."""
    before, after = start(runs["fa"], "angle_w_b_1"), final(runs["fa"], "angle_w_b_1")
    numbers = {"final angle": after, "initial angle": before}
    return in_every_seed(numbers, after < before - 15, "final < initial - 15 degrees")


@criterion("F5.2")
def first_phase_is_useless(runs: Runs) -> Judgement:
    """While only W_0 learns, NSE falls by less than 10 % of its start."""
    before, after = phase_start(runs["fa"], 0), phase_start(runs["fa"], 1)
    fall = (before - after) / before
    return in_every_seed({"relative fall": fall}, fall < 0.1, "NSE falls by < 10 %")


@criterion("F5.3")
def third_phase_is_useful(runs: Runs) -> Judgement:
    """With W frozen again, NSE falls by more than 20 % of its value at the phase's start."""
    before, after = phase_start(runs["fa"], 2), phase_end(runs["fa"], 2)
    fall = (before - after) / before
    return in_every_seed({"relative fall": fall}, fall > 0.2, "NSE falls by > 20 %")


@criterion("S9.1")
def histogram_shifts(runs: Runs) -> Judgement:
    """Mean angle of hidden units 90 +- 3 degrees before, < 80 after."""
    angles = kept(runs["fa"], "angle_w_b_unit_1")
    before, after = angles[0].mean(axis=1), angles[-1].mean(axis=1)
    met = (abs(before - 90) < 3) & (after < 80)
    numbers = {"after": after, "before": before}
    return in_every_seed(numbers, met, "mean 90 +- 3 before, < 80 after")


@criterion("S14.1")
def switch_raises_the_error(runs: Runs) -> Judgement:
    """After the switch to FA the error peaks above 1.5 times its value before, but ends below."""
    before, after = phase_start(runs["fa"], 1), final(runs["fa"])
    peak = in_phase(runs["fa"], 1).max().to_numpy()
    met = (peak > 1.5 * before) & (after < 1.5 * before)
    numbers = {"peak / before": peak / before, "end / before": after / before}
    return in_every_seed(numbers, met, "peak > 1.5 x before, end < 1.5 x before")
