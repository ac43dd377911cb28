"""Fig. 5, Supp. Figs. 9 and 14: how W comes to align with B."""

import numpy as np
import scipy

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import by_step, final, kept, phase_end, phase_start, start
from fa_cli.results.reading import Run


@criterion("F5.1")
def weights_align(runs: Runs) -> Judgement:
    """The final angle of W to B^T is smaller than the initial one by more than 15 degrees."""
    before, after = start(runs["fa"], "angle_w_b_1"), final(runs["fa"], "angle_w_b_1")
    numbers = {"final angle": after, "initial angle": before}
    what = "final < initial - 15 degrees"
    return in_every_seed(numbers, after < before - 15, what, "initial angle")


def fall(run: Run, phase: int) -> np.ndarray:
    """By which share of its first value NSE falls in a phase, (S,)."""
    before, after = phase_start(run, phase), phase_end(run, phase)
    return (before - after) / before


@criterion("F5.2")
def first_phase_is_useless(runs: Runs) -> Judgement:
    """While only W_0 learns, FA's NSE falls by less than 10 % of its start, BP's by over 20 %.

    Backprop shows that there was something to be learnt.
    """
    fa, bp = fall(runs["fa"], 0), fall(runs["bp"], 0)
    numbers = {"relative fall": fa, "backprop": bp}
    what = "NSE falls by < 10 %, backprop's by > 20 %"
    return in_every_seed(numbers, (fa < 0.1) & (bp > 0.2), what, "backprop")


@criterion("F5.3")
def third_phase_is_useful(runs: Runs) -> Judgement:
    """With W frozen again, NSE falls by more than 20 %, but not where B is a fresh one.

    So it was not enough that W had learnt: it had to align with this B.
    """
    fa, fresh = fall(runs["fa"], 2), fall(runs["fresh"], 2)
    numbers = {"relative fall": fa, "with a fresh B": fresh}
    what = "NSE falls by > 20 %, with a fresh B not at all"
    return in_every_seed(numbers, (fa > 0.2) & (fresh < 0), what, "with a fresh B")


@criterion("S9.1")
def histogram_shifts(runs: Runs) -> Judgement:
    """Angles of hidden units: mean 90 +- 3 degrees, skewness within 0.3 before; 95 % < 90 after."""
    angles = kept(runs["fa"], "angle_w_b_unit_1")
    mean, skewness = angles[0].mean(axis=1), scipy.stats.skew(angles[0], axis=1)
    below = (angles[-1] < 90).mean(axis=1)
    met = (abs(mean - 90) < 3) & (abs(skewness) < 0.3) & (below > 0.95)
    numbers = {
        "share below 90": below,
        "before": (angles[0] < 90).mean(axis=1),
        "mean before": mean,
        "skewness before": skewness,
    }
    what = "mean 90 +- 3, skewness within 0.3 before; > 95 % of units below 90 after"
    return in_every_seed(numbers, met, what, "before")


def pace(run: Run, phase: int) -> np.ndarray:
    """By which share NSE falls in 1,000 steps at a phase's end: a line in its log, last tenth."""
    in_it = run.metrics["phase"] == phase
    logs = np.log(by_step(run._replace(metrics=run.metrics[in_it]), "nse"))
    steps = logs.index.to_numpy()
    late = steps >= steps[-1] - 0.1 * (steps[-1] - steps[0])
    slope = np.polyfit(steps[late], logs[late], 1)[0]
    return 1 - np.exp(1000 * slope)


@criterion("S14.1")
def switch_raises_the_error(runs: Runs) -> Judgement:
    """Backprop (phase 0) is done: NSE falls by less than 0.5 % in 1,000 steps.

    Ten steps after the switch to feedback alignment (phase 1) NSE is higher than before it; and it
    is back below 1.1 times that (phase 2) in fewer steps than backprop took from the start.
    """
    run, falls = runs["fa"], pace(runs["fa"], 0)
    before, at_once = phase_start(run, 1), phase_start(run, 2)
    nse = by_step(run, "nse")
    begin = run.metrics.loc[run.metrics["phase"] == 1, "step"].min()
    later = nse[nse.index > begin]
    peak = later.idxmax()
    back = (later < 1.1 * before) & (later.index.to_numpy()[:, None] > peak.to_numpy())
    took = np.where(back.any(), back.idxmax() - begin, np.inf)
    met = (falls < 0.005) & (at_once > before) & (took < begin)
    numbers = {
        "after 10 steps / before": at_once / before,
        "peak / before": later.max().to_numpy() / before,
        "end / before": final(run) / before,
        "steps to 1.1 x before": took,
        "fall in 1,000 steps before": falls,
    }
    what = "falls by < 0.5 % in 1,000 steps before; higher after 10; back in fewer than before"
    return in_every_seed(numbers, met, what)
