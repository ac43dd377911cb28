"""How each claim of the paper is judged: small functions from finished runs to a `Judgement`.

Three criteria are general (`value`, `order`, `as_good_as`); every other claim has a function of its own under its id.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from fa_cli.record import Run, read_npz
from fa_cli.registry import Registry

CRITERIA = Registry("criterion")
Runs = Mapping[str, Run]  # by the names that the claim's row gives them


class Judgement(NamedTuple):
    """What was measured and whether it meets the criterion."""

    numbers: dict[
        str, np.ndarray
    ]  # name -> one value for each seed; the first is what the row shows
    met: bool
    close: bool  # in the right direction, though not meeting the criterion
    test: str
    p: float | None = None


def criterion(name: str) -> Callable:
    """Decorator that registers a function (runs, **parameters) -> Judgement under a criterion's name or a claim's id."""
    return CRITERIA.register(name)


# ---- measures: one value for each seed ------------------------------------------------------------------------------------


def table(run: Run, column: str) -> pd.DataFrame:
    """A column of metrics.csv by step and seed; raises KeyError if it was not measured."""
    return run.metrics.pivot(index="step", columns="seed", values=column)


def final(run: Run, column: str = "nse") -> np.ndarray:
    """The last value of each seed."""
    return table(run, column).iloc[-1].to_numpy()


def start(run: Run, column: str = "nse") -> np.ndarray:
    """The value of each seed before learning."""
    return table(run, column).iloc[0].to_numpy()


def steps_to(run: Run, level: float, column: str = "nse") -> np.ndarray:
    """The first step at which each seed is below `level`; infinity where none is."""
    below = table(run, column) < level
    return np.where(below.any(), below.idxmax(), np.inf).astype(float)


def at_phase(run: Run, phase: int, which: int, column: str = "nse") -> np.ndarray:
    """The first (which = 0) or last (-1) value of each seed in a phase."""
    return run.metrics[run.metrics["phase"] == phase].groupby("seed")[column].nth(which).to_numpy()


def unit(run: Run, name: str) -> np.ndarray:
    """An array of arrays.npz, (moments, S, ...); raises KeyError if it was not kept."""
    return run.arrays[name]


# ---- the general criteria -------------------------------------------------------------------------------------------------


@criterion("value")
def value(
    runs: Runs, at: float, column: str = "test_error", points: float | None = 0.3
) -> Judgement:
    """The mean is at most `at` plus `points`, or plus 15 % where points is null."""
    (run,) = runs.values()
    values, limit = final(run, column), at + points if points is not None else 1.15 * at
    return Judgement(
        {column: values},
        bool(values.mean() <= limit),
        bool(values.mean() <= 1.5 * at),
        f"mean at most {limit:.3g}",
    )


@criterion("order")
def order(runs: Runs, column: str = "nse") -> Judgement:
    """The first run's values are smaller than the second's: one-sided Welch t-test, p < 0.01."""
    (name_a, a), (name_b, b) = ((name, final(run, column)) for name, run in runs.items())
    p = stats.ttest_ind(a, b, equal_var=False, alternative="less").pvalue
    return Judgement(
        {name_a: a, name_b: b},
        bool(p < 0.01),
        bool(a.mean() < b.mean()),
        "one-sided Welch t-test, p < 0.01",
        p,
    )


@criterion("as_good_as")
def as_good_as(
    runs: Runs, column: str = "nse", points: float | None = None, level: float | None = None
) -> Judgement:
    """The upper 95 % bound of mean(a) - mean(b) is below `points`, or below 10 % of b; of steps to `level` where one is given."""
    measure = (
        (lambda run: steps_to(run, level, column))
        if level is not None
        else (lambda run: final(run, column))
    )
    (name_a, a), (name_b, b) = ((name, measure(run)) for name, run in runs.items())
    margin = points if points is not None else 0.1 * b.mean()
    bound = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9).high
    what = f"Welch: upper 95 % bound of the difference {bound:.3g} below {margin:.3g}"
    return Judgement(
        {name_a: a, name_b: b}, bool(bound < margin), bool(a.mean() < b.mean() + 3 * margin), what
    )


# ---- claims with a shape of their own -------------------------------------------------------------------------------------


def shape(numbers: Mapping[str, np.ndarray], met: np.ndarray, what: str) -> Judgement:
    """A claim that must hold for every seed; close where it holds for most."""
    met = np.atleast_1d(met)
    return Judgement(
        dict(numbers),
        bool(met.all()),
        bool(met.mean() > 0.5),
        f"every seed: {what} ({met.sum()} of {met.size})",
    )


@criterion("F2.1")
def bp_goes_to_zero(runs: Runs) -> Judgement:
    """Final NSE < 1e-3."""
    return shape({"nse": final(runs["bp"])}, final(runs["bp"]) < 1e-3, "final NSE < 1e-3")


@criterion("F2.3")
def perturbation_is_slow(runs: Runs) -> Judgement:
    """Final NSE < 0.2 and > 1000 times BP's; steps to 0.1 at least twice BP's."""
    np_final, bp_final = final(runs["np"]), final(runs["bp"])
    np_steps, bp_steps = (np.median(steps_to(runs[name], 0.1)) for name in ("np", "bp"))
    met = (np_final < 0.2) & (np_final > 1000 * bp_final.mean()) & (np_steps >= 2 * bp_steps)
    return shape(
        {"nse": np_final, "bp": bp_final},
        met,
        "NSE < 0.2, > 1000 x BP's; median steps to NSE 0.1 >= 2 x BP's",
    )


@criterion("F2.4")
def shallow_stays_high(runs: Runs) -> Judgement:
    """Final NSE > 0.2 and > 100 times BP's."""
    values = final(runs["shallow"])
    return shape(
        {"nse": values},
        (values > 0.2) & (values > 100 * final(runs["bp"]).mean()),
        "NSE > 0.2 and > 100 x BP's",
    )


@criterion("F2.5")
def angle_shrinks(runs: Runs) -> Judgement:
    """Mean over seeds of the first 10 examples in 80..100 degrees, of the last 100 below 60."""
    angles = table(runs["fa"], "angle_to_bp_1")
    first, last = (
        angles[angles.index < 10].mean(),
        angles[angles.index >= angles.index[-1] - 100].mean(),
    )
    met = 80 <= first.mean() <= 100 and last.mean() < 60
    numbers = {"last 100": last.to_numpy(), "first 10": first.to_numpy()}
    return Judgement(
        numbers,
        bool(met),
        bool(last.mean() < first.mean()),
        "means: first 10 examples in 80..100, last 100 < 60",
    )


@criterion("F2.6")
def angle_stays_open(runs: Runs) -> Judgement:
    """Final mean angle > 5 degrees."""
    values = final(runs["fa"], "angle_to_bp_1")
    return Judgement(
        {"angle": values},
        bool(values.mean() > 5),
        bool(values.mean() > 0),
        "final mean > 5 degrees",
    )


@criterion("F3.5")
def angle_stays_below(runs: Runs) -> Judgement:
    """Mean angle below 70 degrees from the first tenth of training to the end."""
    angles = table(runs["fa"], "angle_to_bp_1").mean(axis=1)
    later = angles[angles.index >= 0.1 * angles.index[-1]]
    return Judgement(
        {"angle": final(runs["fa"], "angle_to_bp_1")},
        bool((later < 70).all()),
        bool((later < 90).all()),
        "mean < 70 after a tenth",
    )


@criterion("F5.1")
def weights_align(runs: Runs) -> Judgement:
    """The final angle of W to B^T is smaller than the initial one by more than 15 degrees."""
    first, last = start(runs["fa"], "angle_w_b_1"), final(runs["fa"], "angle_w_b_1")
    return shape(
        {"final angle": last, "initial angle": first},
        last < first - 15,
        "final < initial - 15 degrees",
    )


@criterion("F5.2")
def first_phase_is_useless(runs: Runs) -> Judgement:
    """While only W_0 learns, NSE falls by less than 10 % of its start."""
    first, last = at_phase(runs["fa"], 0, 0), at_phase(runs["fa"], 1, 0)
    fall = (first - last) / first
    return shape({"relative fall": fall}, fall < 0.1, "NSE falls by < 10 %")


@criterion("F5.3")
def third_phase_is_useful(runs: Runs) -> Judgement:
    """With W frozen again, NSE falls by more than 20 % of its value at the phase's start."""
    first, last = at_phase(runs["fa"], 2, 0), at_phase(runs["fa"], 2, -1)
    fall = (first - last) / first
    return shape({"relative fall": fall}, fall > 0.2, "NSE falls by > 20 %")


def autocorrelation(fields: np.ndarray) -> np.ndarray:
    """Spatial autocorrelation at lag 1 of each square receptive field, (units, pixels) to (units,), mean of both directions."""
    side = round(np.sqrt(fields.shape[1]))
    images = fields.reshape(-1, side, side)
    images = images - images.mean(axis=(1, 2), keepdims=True)
    across = (images[:, :, 1:] * images[:, :, :-1]).mean(axis=(1, 2))
    down = (images[:, 1:] * images[:, :-1]).mean(axis=(1, 2))
    return (across + down) / 2 / (images**2).mean(axis=(1, 2))


@criterion("S5.1")
def fields_are_smooth(runs: Runs) -> Judgement:
    """Mean autocorrelation of both sets of fields is more than twice the initial magnitude."""
    before = np.abs(autocorrelation(unit(runs["fa"], "receptive_fields_before"))).mean()
    after = {
        name: autocorrelation(unit(run, "receptive_fields_after")) for name, run in runs.items()
    }
    met = all(values.mean() > 2 * before for values in after.values())
    numbers = {**after, "initial": np.array([before])}
    return Judgement(
        numbers,
        met,
        all(v.mean() > before for v in after.values()),
        "means over 100 units: both > 2 x initial magnitude",
    )


@criterion("S7.1")
def xor_is_solved(runs: Runs) -> Judgement:
    """Final MSE < 0.01 for both rules from some start of W_0, which the paper does not print; the share of starts is measured."""
    shares = {name: 2 * final(run, "loss") < 0.01 for name, run in runs.items()}
    numbers = {f"solved by {name}": solved.astype(float) for name, solved in shares.items()}
    met = all(solved.any() for solved in shares.values())
    return Judgement(
        numbers,
        met,
        any(s.any() for s in shares.values()),
        "final MSE < 0.01 from at least one start, for both rules",
    )


@criterion("S7.2")
def xor_weights_align(runs: Runs) -> Judgement:
    """W ends within 15 degrees of B, from W = (0.15, -0.13)."""
    angle = final(runs["fa"], "angle_w_b_1")
    w = unit(runs["fa"], "weights_1")[-1]
    return shape(
        {"angle": angle, "W_1": w[:, 0], "W_2": w[:, 1]}, angle < 15, "angle(W, B) < 15 degrees"
    )


@criterion("S7.3")
def xor_weights_correlate(runs: Runs) -> Judgement:
    """Over the elements of all seeds: r > 0.5 after, |r| < 0.4 before."""
    w, b = unit(runs["fa"], "weights_1"), unit(runs["fa"], "feedback_1")[-1]
    before, after = (
        np.array([stats.pearsonr(w[row, s], b[s]).statistic for s in range(len(b))])
        for row in (0, -1)
    )
    met = after.mean() > 0.5 and abs(before.mean()) < 0.4
    return Judgement(
        {"r after": after, "r before": before},
        bool(met),
        bool(after.mean() > before.mean()),
        "means: r > 0.5 after, |r| < 0.4 before",
    )


@criterion("S8.1")
def momentum_is_faster(runs: Runs, level: float) -> Judgement:
    """Steps to the same NSE: 0.9 < 0.5 < 0.0, in every seed."""
    steps = {name: steps_to(run, level) for name, run in runs.items()}
    fast, middle, slow = (steps[name] for name in ("0.9", "0.5", "0.0"))
    return shape(
        steps, (fast < middle) & (middle < slow), f"steps to NSE {level:g}: 0.9 < 0.5 < 0.0"
    )


@criterion("S9.1")
def histogram_shifts(runs: Runs) -> Judgement:
    """Mean angle of hidden units 90 +- 3 degrees before, < 80 after."""
    before, after = (unit(runs["fa"], "angle_w_b_unit_1")[row].mean(axis=1) for row in (0, -1))
    return shape(
        {"after": after, "before": before},
        (abs(before - 90) < 3) & (after < 80),
        "mean 90 +- 3 before, < 80 after",
    )


@criterion("S10.1")
def near_zero_is_good(runs: Runs) -> Judgement:
    """Every start within 0.1 of 0 reaches A W = 1 with W > 0."""
    a, w = unit(runs["near"], "weights_0")[-1, :, 0], unit(runs["near"], "weights_1")[-1, :, 0]
    return shape(
        {"A W": a * w, "W": w}, (abs(a * w - 1) < 1e-3) & (w > 0), "A W = 1 (to 1e-3), W > 0"
    )


@criterion("S10.2")
def bad_basin_is_small(runs: Runs) -> Judgement:
    """The share of starts in [-2, 2]^2 that reach A W = 1 with W < 0 is above 0 and below 25 %."""
    bad = (unit(runs["basin"], "weights_1")[-1, :, 0] < 0).astype(float)
    return Judgement(
        {"ends on the bad branch": bad},
        bool(0 < bad.mean() < 0.25),
        bool(bad.mean() < 0.5),
        "share above 0, below 25 %",
    )


@criterion("S11.1")
def a_aligns_first(runs: Runs) -> Judgement:
    """While A learns alone, tr(A^T B E) becomes positive and the error changes by less than 10 %."""
    trace, change = (
        at_phase(runs["fa"], 1, 0, "trace_a_b_e"),
        at_phase(runs["fa"], 1, 0) / at_phase(runs["fa"], 0, 0) - 1,
    )
    return shape(
        {"tr(A'BE)": trace, "change of NSE": change},
        (trace > 0) & (abs(change) < 0.1),
        "tr(A'BE) > 0, NSE changes by < 10 %",
    )


@criterion("S11.2")
def then_w_aligns(runs: Runs) -> Judgement:
    """When W learns, tr(B W) rises."""
    rise = at_phase(runs["fa"], 1, -1, "trace_b_w_1") - at_phase(runs["fa"], 1, 0, "trace_b_w_1")
    return shape({"rise of tr(BW)": rise}, rise > 0, "tr(BW) rises")


@criterion("S11.3")
def second_turn_helps(runs: Runs) -> Judgement:
    """In turns: the error falls in the second phase of A."""
    fall = at_phase(runs["fa"], 2, 0) - at_phase(runs["fa"], 2, -1)
    return shape({"fall of NSE": fall}, fall > 0, "NSE falls in the second A phase")


@criterion("S12.1")
def larger_is_steadier(runs: Runs) -> Judgement:
    """The coefficient of variation of tr(B W) at the end is smaller in the larger network."""
    large, small = (final(runs[name], "trace_b_w_1") for name in ("large", "small"))
    cv = [values.std(ddof=1) / values.mean() for values in (large, small)]
    return Judgement(
        {"100-50-20": large, "30-20-10": small},
        cv[0] < cv[1],
        cv[0] < 1.1 * cv[1],
        f"coefficient of variation {cv[0]:.3f} < {cv[1]:.3f}",
    )


@criterion("S13.1")
def pseudoinverse_is_nearer(runs: Runs) -> Judgement:
    """For every omega <= 0.01 the final angle to pseudobackprop is smaller than to backprop: one-sided Welch t-test, p < 0.01."""
    pbp, bp = (
        np.concatenate([final(run, column) for run in runs.values()])
        for column in ("angle_to_pbp_1", "angle_to_bp_1")
    )
    p = max(
        stats.ttest_ind(
            final(r, "angle_to_pbp_1"),
            final(r, "angle_to_bp_1"),
            equal_var=False,
            alternative="less",
        ).pvalue
        for r in runs.values()
    )
    return Judgement(
        {"angle to PBP": pbp, "angle to BP": bp},
        bool(p < 0.01),
        bool(pbp.mean() < bp.mean()),
        "one-sided Welch t-test for each omega, p < 0.01",
        p,
    )


@criterion("S14.1")
def switch_raises_the_error(runs: Runs) -> Judgement:
    """After the switch to FA the error peaks above 1.5 times its value before, and ends below 1.5 times."""
    before, after = at_phase(runs["fa"], 1, 0), final(runs["fa"])
    fa = runs["fa"].metrics[runs["fa"].metrics["phase"] == 1]
    peak = fa.groupby("seed")["nse"].max().to_numpy()
    numbers = {"peak / before": peak / before, "end / before": after / before}
    return shape(
        numbers,
        (peak > 1.5 * before) & (after < 1.5 * before),
        "peak > 1.5 x before, end < 1.5 x before",
    )


@criterion("T1.1")
def drift_shrinks(runs: Runs) -> Judgement:
    """The drift of B W + W^T B^T - A A^T halves with the step size, to 10 %."""
    coarse, middle, fine = (final(run, "conserved_1") for run in runs.values())
    ratios = {
        "drift(0.002) / drift(0.004)": middle / coarse,
        "drift(0.001) / drift(0.002)": fine / middle,
    }
    return shape(
        ratios,
        np.all([abs(ratio - 0.5) < 0.05 for ratio in ratios.values()], axis=0),
        "drift halves with the step, to 10 %",
    )


@criterion("T1.2")
def theorem_1(runs: Runs) -> Judgement:
    """Final NSE < 1e-6 for 100 random (T, B)."""
    return shape({"nse": final(runs["fa"])}, final(runs["fa"]) < 1e-6, "final NSE < 1e-6")


@criterion("T2.1")
def theorem_2(runs: Runs) -> Judgement:
    """The angle of B e to W^+ e is below 1e-3 degrees at every step with W != 0."""
    largest = table(runs["fa"], "angle_to_pbp_1").max().to_numpy()
    return shape(
        {"largest angle": largest}, largest < 1e-3, "angle < 1e-3 degrees at every step with W != 0"
    )


def distance_to_gauss_newton(run: Run) -> np.ndarray:
    """Relative difference between the change of h in the first update and eta phi'^2 (x^T x) W^+ e, for each seed. Supp. Note 15."""
    with read_npz(run.folder / "audit.npz") as audit:
        x, target, before, after, w = (
            audit[key] for key in ("0/x", "0/target", "0/W0", "1/W0", "0/W1")
        )
    h, moved = (np.tanh(np.einsum("sji,sni->sj", a, x)) for a in (before, after))
    e = target[:, 0] - np.einsum("skj,sj->sk", w, h)
    newton = np.einsum("sjk,sk->sj", np.linalg.pinv(w), e)
    expected = (
        run.config["optimizer"]["learning_rate"]
        * (1 - h**2) ** 2
        * (x**2).sum(axis=(1, 2))[:, None]
        * newton
    )
    return np.linalg.norm(moved - h - expected, axis=1) / np.linalg.norm(expected, axis=1)


@criterion("T3.1")
def theorem_3(runs: Runs) -> Judgement:
    """The relative difference halves with eta, to 10 %."""
    coarse, middle, fine = (distance_to_gauss_newton(run) for run in runs.values())
    met = (abs(fine / middle - 0.5) < 0.05) & (abs(middle / coarse - 0.5) < 0.05)
    return shape(
        {"eta 0.00025": fine, "eta 0.0005": middle, "eta 0.001": coarse},
        met,
        "halves with eta, to 10 %",
    )


def scalar_jacobian(run: Run, feedback: np.ndarray) -> np.ndarray:
    """Eq. (79) with its misprints corrected, (S, 4, 4): derivative of (e h, e, B e x, B e) by (W, b, A, c) with x = T = 1.

    e = 1 - W h - b and h = A + c, so that d(e h)/dW = -h^2 and d(e h)/dc = e - W h.
    """
    w, b, a, c = (
        unit(run, name)[0, :, 0] for name in ("weights_1", "biases_1", "weights_0", "biases_0")
    )
    h = a + c
    e = 1 - w * h - b
    rows = [[-h * h, -h, e - w * h, e - w * h], [-h, -np.ones_like(h), -w, -w]]
    hidden = [-feedback * h, -feedback, -feedback * w, -feedback * w]
    return np.moveaxis(np.array([*rows, hidden, hidden]), -1, 0)


@criterion("T4.1")
def flow_is_no_gradient(runs: Runs) -> Judgement:
    """FA's numeric Jacobian equals eq. (79) to 1e-6 and is not symmetric; BP's is symmetric."""
    fa, bp = (unit(run, "jacobian")[0].reshape(-1, 4, 4) for run in (runs["fa"], runs["bp"]))
    difference = abs(fa - scalar_jacobian(runs["fa"], unit(runs["fa"], "feedback_1")[0, :, 0])).max(
        axis=(1, 2)
    )
    skew = [abs(j - j.swapaxes(1, 2)).max(axis=(1, 2)) for j in (fa, bp)]
    numbers = {
        "difference to eq. (79)": difference,
        "asymmetry of FA": skew[0],
        "asymmetry of BP": skew[1],
    }
    return shape(
        numbers,
        (difference < 1e-6) & (skew[0] > 1e-3) & (skew[1] < 1e-6),
        "equal to 1e-6; FA's not symmetric, BP's symmetric",
    )
