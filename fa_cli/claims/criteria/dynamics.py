"""Supp. Figs. 10-13 and Notes 11-13: the dynamics of small linear networks."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import final, kept, p_smaller, phase_end, phase_start


@criterion("S10.1")
def near_zero_is_good(runs: Runs) -> Judgement:
    """Every start within 0.1 of 0 reaches A W = 1 with W > 0."""
    a, w = (kept(runs["near"], name)[-1, :, 0] for name in ("weights_0", "weights_1"))
    met = (abs(a * w - 1) < 1e-3) & (w > 0)
    return in_every_seed({"A W": a * w, "W": w}, met, "A W = 1 (to 1e-3), W > 0")


@criterion("S10.2")
def bad_basin_is_small(runs: Runs) -> Judgement:
    """The share of starts in [-2, 2]^2 that end at W < 0 is above 0 and below 25 %."""
    bad = (kept(runs["basin"], "weights_1")[-1, :, 0] < 0).astype(float)
    share, test = bad.mean(), "share above 0, below 25 %"
    return Judgement({"ends on the bad branch": bad}, 0 < share < 0.25, share < 0.5, test)


@criterion("S11.1")
def a_aligns_first(runs: Runs) -> Judgement:
    """While A learns alone, tr(A^T B E) becomes positive; the error changes by less than 10 %."""
    trace = phase_start(runs["fa"], 1, "trace_a_b_e")
    change = phase_start(runs["fa"], 1) / phase_start(runs["fa"], 0) - 1
    met = (trace > 0) & (abs(change) < 0.1)
    numbers = {"tr(A'BE)": trace, "change of NSE": change}
    return in_every_seed(numbers, met, "tr(A'BE) > 0, NSE changes by < 10 %")


@criterion("S11.2")
def then_w_aligns(runs: Runs) -> Judgement:
    """When W learns, tr(B W) rises."""
    before, after = (at(runs["fa"], 1, "trace_b_w_1") for at in (phase_start, phase_end))
    return in_every_seed({"rise of tr(BW)": after - before}, after > before, "tr(BW) rises")


@criterion("S11.3")
def second_turn_helps(runs: Runs) -> Judgement:
    """In turns: the error falls in the second phase of A."""
    before, after = phase_start(runs["fa"], 2), phase_end(runs["fa"], 2)
    numbers = {"fall of NSE": before - after}
    return in_every_seed(numbers, after < before, "NSE falls in the second A phase")


@criterion("S12.1")
def larger_is_steadier(runs: Runs) -> Judgement:
    """The coefficient of variation of tr(B W) at the end is smaller in the larger network."""
    traces = [final(runs[name], "trace_b_w_1") for name in ("large", "small")]
    large, small = (values.std(ddof=1) / values.mean() for values in traces)
    numbers = dict(zip(("100-50-20", "30-20-10"), traces, strict=True))
    test = f"coefficient of variation {large:.3f} < {small:.3f}"
    return Judgement(numbers, large < small, large < 1.1 * small, test)


@criterion("S13.1")
def pseudoinverse_is_nearer(runs: Runs) -> Judgement:
    """For every omega <= 0.01 the final angle to pseudobackprop is smaller than to backprop.

    By one-sided Welch t-tests, p < 0.01.
    """
    to_pbp = [final(run, "angle_to_pbp_1") for run in runs.values()]
    to_bp = [final(run, "angle_to_bp_1") for run in runs.values()]
    p = max(map(p_smaller, to_pbp, to_bp))
    numbers = {"angle to PBP": np.concatenate(to_pbp), "angle to BP": np.concatenate(to_bp)}
    nearer = numbers["angle to PBP"].mean() < numbers["angle to BP"].mean()
    return Judgement(
        numbers, p < 0.01, nearer, "one-sided Welch t-test for each omega, p < 0.01", p
    )
