"""Supp. Figs. 10-13 and Notes 11-13: the dynamics of small linear networks."""

import numpy as np
import scipy

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.criteria.theorems import halves
from fa_cli.claims.measures import (
    DRAWS,
    by_step,
    final,
    kept,
    p_smaller,
    paired_interval,
    phase_end,
    phase_start,
    welch_interval,
)
from fa_cli.results.reading import Run

ROUNDING = 1e-12  # relative, in double precision
LEVELS = (0.5, 0.1, 0.01)  # of NSE


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


def parabola_drift(run: Run) -> np.ndarray:
    """How far 2 B W - A^2 gets from its start, as a share of the range of A^2, (S,).

    For three neurons and T = 1. Supp. Note 11, eq. (10).
    """
    names = ("weights_0", "weights_1", "feedback_1")
    a, w, b = (kept(run, name)[:, :, 0] for name in names)
    c = 2 * b * w - a**2
    return abs(c - c[0]).max(axis=0) / np.ptp(a**2, axis=0)


@criterion("S10.3")
def paths_are_parabolas(runs: Runs) -> Judgement:
    """On every path the drift of 2 B W - A^2 is < 1 % at the smallest step, and halves with it.

    The drift is a share of the range of A^2; the ratios are one half to 10 %. Under backprop, which
    keeps W^2 - A^2, it is 0.04 to 3.5 and the same at any step.
    """
    return halves(runs, parabola_drift, "the range of A^2")


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


@criterion("S11.4")
def alignment_stays(runs: Runs) -> Judgement:
    """In every run tr(A^T B E) > 0 at all moments but the first, and |A|^2 grows, to rounding.

    Before the first step the sign is that of a random A; d/dt |A|^2 = 2 tr(A^T B E) (Supp. Note 12,
    eq. (25)). Runs of networks of one size start from the same networks: of each the least counts.
    """
    by_size: dict[str, list] = {}
    for run in runs.values():
        trace, size = by_step(run, "trace_a_b_e"), by_step(run, "weight_norm_0") ** 2
        lowest, fall = trace.iloc[1:].min() / trace.max(), size.diff().min() / size.max()
        measured = np.stack([lowest, size.iloc[-1] / size.iloc[0], fall])
        by_size.setdefault(str(run.config["model"]["sizes"]), []).append(measured)
    lowest, growth, fall = np.concatenate(
        [np.min(them, axis=0) for them in by_size.values()], axis=1
    )
    met = (lowest > -ROUNDING) & (growth > 1) & (fall >= -ROUNDING)
    numbers = {"least tr(A'BE) / peak": lowest, "growth of |A|^2": growth}
    return in_every_seed(numbers, met, "tr(A'BE) > 0, |A|^2 never falls")


def when_below(run: Run, level: float) -> np.ndarray:
    """When NSE passes a level, between steps by its logarithm; infinity where it never does."""
    nse = by_step(run, "nse")
    steps, logs, at = nse.index.to_numpy(), np.log(nse.to_numpy() / level), np.arange(nse.shape[1])
    after = (logs < 0).argmax(axis=0)
    before = np.maximum(after - 1, 0)
    share = logs[before, at] / (logs[before, at] - logs[after, at])
    passed = steps[before] + share * (steps[after] - steps[before])
    return np.where((logs < 0).any(axis=0), passed, np.inf)


def milestones(run: Run) -> np.ndarray:
    """The steps to each of LEVELS, and the peak of tr(A^T B E), (4, S)."""
    peak = by_step(run, "trace_a_b_e").max().to_numpy()
    return np.array([*(when_below(run, level) for level in LEVELS), peak])


def variation(values: np.ndarray) -> np.ndarray:
    """Coefficient of variation along the last axis."""
    return values.std(axis=-1, ddof=1) / values.mean(axis=-1)


def resampled(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coefficients of variation of bootstrap samples of the seeds, (4, S) to (4, DRAWS)."""
    return variation(values[:, rng.integers(values.shape[1], size=(DRAWS, values.shape[1]))])


@criterion("S12.1")
def larger_is_steadier(runs: Runs) -> Judgement:
    """Steps to NSE 0.5, 0.1, 0.01 and the peak of tr(A^T B E) vary less in the larger network.

    For each of the four the ratio of the coefficients of variation is below 1, with all of its 95 %
    bootstrap interval. It would be near 1 if size did not matter.
    """
    measured = [milestones(runs[name]) for name in ("large", "small")]
    large, small = map(variation, measured)
    rng = np.random.default_rng(0)
    draws = [resampled(values, rng) for values in measured]
    low, high = np.quantile(draws[0] / draws[1], [0.025, 0.975], axis=-1)
    names = [*(f"steps to {level:g}" for level in LEVELS), "peak"]
    ratios = zip(names, large / small, low, high, strict=True)
    effect = "; ".join(f"{name} x {r:.2g} [{a:.2g}, {b:.2g}]" for name, r, a, b in ratios)
    numbers = {"CV of each, 100-50-20": large, "CV of each, 30-20-10": small}
    test = f"ratios of CVs, upper 95 % bootstrap bounds below 1: highest {high.max():.3g}"
    met, close, n = (high < 1).all(), (large < small).all(), measured[0].shape[1]
    return Judgement(numbers, met, close, test, None, [*numbers][1], effect, n=n)


@criterion("S13.1")
def pseudoinverse_is_nearer(runs: Runs) -> Judgement:
    """For every omega <= 0.01 the final angle to pseudobackprop is smaller than to backprop.

    By one-sided Welch t-tests, p < 0.01. The numbers are means over omegas, which share seeds.
    """
    to_pbp = [final(run, "angle_to_pbp_1") for run in runs.values()]
    to_bp = [final(run, "angle_to_bp_1") for run in runs.values()]
    p = max(map(p_smaller, to_pbp, to_bp))
    pbp, bp = np.mean(to_pbp, axis=0), np.mean(to_bp, axis=0)
    numbers = {"angle to PBP": pbp, "angle to BP": bp}
    test = "one-sided Welch t-test for each omega, p < 0.01"
    effect, nearer = paired_interval(pbp, bp), pbp.mean() < bp.mean()
    return Judgement(numbers, p < 0.01, nearer, test, p, "angle to BP", effect)


@criterion("S13.2")
def nearer_zero_is_nearer(runs: Runs) -> Judgement:
    """The final angle to pseudobackprop, mean over seeds, rises with omega: Spearman's rho > 0.9.

    Where omega does not matter, rho exceeds 0.9 for one order of nine in 2,000.
    """
    omegas = [run.config["model"]["weight_scale"] for run in runs.values()]
    angles = {name: final(run, "angle_to_pbp_1") for name, run in runs.items()}
    rho = scipy.stats.spearmanr(omegas, [values.mean() for values in angles.values()]).statistic
    first, *_, last = angles
    test = f"Spearman's rho of omega and mean angle {rho:.3g} > 0.9"
    effect = welch_interval(angles[first], angles[last])
    return Judgement(angles, rho > 0.9, rho > 0, test, None, last, effect)
