"""How each claim of the paper is judged: small functions from finished runs to a `Judgement`.

Three criteria are general (`value`, `order`, `as_good_as`); every other claim has a function of its
own under its id.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from fa_cli.errors import UserError
from fa_cli.registry import Registry
from fa_cli.results.formats import read_npz
from fa_cli.results.reading import Run

CRITERIA = Registry("criterion")
Runs = Mapping[str, Run]  # by the names that the claim's row gives them


class Judgement(NamedTuple):
    """What was measured and whether it meets the criterion."""

    numbers: Mapping[str, np.ndarray]  # a value for each seed; a row shows the first of these
    met: bool | np.bool_
    close: bool | np.bool_  # in the right direction, though it may not meet the criterion
    test: str
    p: float | None = None


def criterion(name: str) -> Callable:
    """Decorator that registers a function (runs, **parameters) -> Judgement.

    `name` is a criterion's name or a claim's id.
    """
    return CRITERIA.register(name)


def in_every_seed(numbers: Mapping[str, np.ndarray], met: np.ndarray, what: str) -> Judgement:
    """The judgement of a claim that must hold for every seed; close where it holds for most."""
    test = f"every seed: {what} ({met.sum()} of {met.size})"
    return Judgement(numbers, met.all(), met.mean() > 0.5, test)


# ---- measures: one value for each seed, (S,) ----------------------------------------------------


def column_of(run: Run, column: str) -> str:
    """The name of a column of metrics.csv; raises UserError where it was not measured."""
    if column not in run.metrics:
        raise UserError(f"{run.folder.name} has not measured {column}")
    return column


def by_step(run: Run, column: str) -> pd.DataFrame:
    """A column of metrics.csv, a row for each step and a column for each seed."""
    return run.metrics.pivot(index="step", columns="seed", values=column_of(run, column))


def start(run: Run, column: str = "nse") -> np.ndarray:
    """The values before learning."""
    return by_step(run, column).iloc[0].to_numpy()


def final(run: Run, column: str = "nse") -> np.ndarray:
    """The last values."""
    return by_step(run, column).iloc[-1].to_numpy()


def steps_to(run: Run, level: float, column: str = "nse") -> np.ndarray:
    """The first step at which each seed is below `level`; infinity where none is."""
    below = by_step(run, column) < level
    return np.where(below.any(), below.idxmax(), np.inf).astype(float)


def in_phase(run: Run, phase: int, column: str = "nse") -> pd.api.typing.SeriesGroupBy:
    """The values in a phase, by seed; raises UserError where the run has no such phase."""
    rows = run.metrics[run.metrics["phase"] == phase]
    if rows.empty:
        raise UserError(f"{run.folder.name} has no phase {phase}")
    return rows.groupby("seed")[column_of(run, column)]


def phase_start(run: Run, phase: int, column: str = "nse") -> np.ndarray:
    """The first values in a phase."""
    return in_phase(run, phase, column).nth(0).to_numpy()


def phase_end(run: Run, phase: int, column: str = "nse") -> np.ndarray:
    """The last values in a phase."""
    return in_phase(run, phase, column).nth(-1).to_numpy()


def kept(run: Run, name: str) -> np.ndarray:
    """An array of arrays.npz, (moments, S, ...); raises UserError if it was not kept."""
    if name not in run.arrays:
        raise UserError(f"{run.folder.name} has kept no {name}")
    return run.arrays[name]


def p_smaller(a: np.ndarray, b: np.ndarray) -> float:
    """How likely a mean of `a` so far below that of `b` is by chance: one-sided Welch t-test."""
    return stats.ttest_ind(a, b, equal_var=False, alternative="less").pvalue


# ---- the general criteria -----------------------------------------------------------------------


@criterion("value")
def value(
    runs: Runs, at: float, column: str = "test_error", points: float | None = 0.3
) -> Judgement:
    """The mean is at most `at` plus `points`, or plus 15 % where points is null."""
    (run,) = runs.values()
    values = final(run, column)
    mean, limit = values.mean(), 1.15 * at if points is None else at + points
    return Judgement({column: values}, mean <= limit, mean <= 1.5 * at, f"mean at most {limit:.3g}")


@criterion("order")
def order(runs: Runs, column: str = "nse") -> Judgement:
    """The first run's values are smaller than the second's: one-sided Welch t-test, p < 0.01."""
    numbers = {name: final(run, column) for name, run in runs.items()}
    a, b = numbers.values()
    p, test = p_smaller(a, b), "one-sided Welch t-test, p < 0.01"
    return Judgement(numbers, p < 0.01, a.mean() < b.mean(), test, p)


@criterion("as_good_as")
def as_good_as(
    runs: Runs, column: str = "nse", points: float | None = None, level: float | None = None
) -> Judgement:
    """The upper 95 % bound of mean(a) - mean(b) is below `points`, or below 10 % of b.

    What is compared are the final values or, where a `level` is given, the steps to it.
    """
    if level is None:
        numbers = {name: final(run, column) for name, run in runs.items()}
    else:
        numbers = {name: steps_to(run, level, column) for name, run in runs.items()}
    a, b = numbers.values()
    margin = 0.1 * b.mean() if points is None else points
    bound = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9).high
    test = f"Welch: upper 95 % bound of the difference {bound:.3g} below {margin:.3g}"
    return Judgement(numbers, bound < margin, a.mean() < b.mean() + 3 * margin, test)


# ---- Fig. 2 -------------------------------------------------------------------------------------


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


# ---- Figs. 3 and 5 ------------------------------------------------------------------------------


@criterion("F3.5")
def angle_stays_below(runs: Runs) -> Judgement:
    """Mean angle below 70 degrees from the first tenth of training to the end."""
    angles = by_step(runs["fa"], "angle_to_bp_1")
    later = angles[angles.index >= 0.1 * angles.index[-1]].mean(axis=1)
    numbers = {"angle": final(runs["fa"], "angle_to_bp_1")}
    return Judgement(numbers, (later < 70).all(), (later < 90).all(), "mean < 70 after a tenth")


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


# ---- supplementary figures ----------------------------------------------------------------------


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


@criterion("S7.1")
def xor_is_solved(runs: Runs) -> Judgement:
    """Final MSE < 0.01 for both rules from some start of W_0, which the paper does not print.

    The share of starts is measured.
    """
    solved = {name: 2 * final(run, "loss") < 0.01 for name, run in runs.items()}
    numbers = {f"solved by {name}": found.astype(float) for name, found in solved.items()}
    by_rule = [found.any() for found in solved.values()]
    test = "final MSE < 0.01 from at least one start, for both rules"
    return Judgement(numbers, all(by_rule), any(by_rule), test)


@criterion("S7.2")
def xor_weights_align(runs: Runs) -> Judgement:
    """W ends within 15 degrees of B, from W = (0.15, -0.13)."""
    angle, w = final(runs["fa"], "angle_w_b_1"), kept(runs["fa"], "weights_1")[-1]
    numbers = {"angle": angle, "W_1": w[:, 0], "W_2": w[:, 1]}
    return in_every_seed(numbers, angle < 15, "angle(W, B) < 15 degrees")


def correlation(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's r of the elements of W and B, (S, n) each to (S,)."""
    return np.array([stats.pearsonr(*pair).statistic for pair in zip(w, b, strict=True)])


@criterion("S7.3")
def xor_weights_correlate(runs: Runs) -> Judgement:
    """Correlation of the elements of W and B, mean over seeds: r > 0.5 after, |r| < 0.4 before."""
    w, b = kept(runs["fa"], "weights_1"), kept(runs["fa"], "feedback_1")[-1]
    before, after = correlation(w[0], b), correlation(w[-1], b)
    met = after.mean() > 0.5 and abs(before.mean()) < 0.4
    test = "means: r > 0.5 after, |r| < 0.4 before"
    return Judgement(
        {"r after": after, "r before": before}, met, after.mean() > before.mean(), test
    )


@criterion("S8.1")
def momentum_is_faster(runs: Runs, level: float) -> Judgement:
    """Steps to the same NSE: 0.9 < 0.5 < 0.0, in every seed."""
    steps = {name: steps_to(run, level) for name, run in runs.items()}
    met = (steps["0.9"] < steps["0.5"]) & (steps["0.5"] < steps["0.0"])
    return in_every_seed(steps, met, f"steps to NSE {level:g}: 0.9 < 0.5 < 0.0")


@criterion("S9.1")
def histogram_shifts(runs: Runs) -> Judgement:
    """Mean angle of hidden units 90 +- 3 degrees before, < 80 after."""
    angles = kept(runs["fa"], "angle_w_b_unit_1")
    before, after = angles[0].mean(axis=1), angles[-1].mean(axis=1)
    met = (abs(before - 90) < 3) & (after < 80)
    numbers = {"after": after, "before": before}
    return in_every_seed(numbers, met, "mean 90 +- 3 before, < 80 after")


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


@criterion("S14.1")
def switch_raises_the_error(runs: Runs) -> Judgement:
    """After the switch to FA the error peaks above 1.5 times its value before, but ends below."""
    before, after = phase_start(runs["fa"], 1), final(runs["fa"])
    peak = in_phase(runs["fa"], 1).max().to_numpy()
    met = (peak > 1.5 * before) & (after < 1.5 * before)
    numbers = {"peak / before": peak / before, "end / before": after / before}
    return in_every_seed(numbers, met, "peak > 1.5 x before, end < 1.5 x before")


# ---- theorems and other notes -------------------------------------------------------------------


def is_half(ratio: np.ndarray) -> np.ndarray:
    """Whether a ratio is one half, to 10 %."""
    return abs(ratio - 0.5) < 0.05


@criterion("T1.1")
def drift_shrinks(runs: Runs) -> Judgement:
    """The drift of B W + W^T B^T - A A^T halves with the step size, to 10 %."""
    coarse, middle, fine = (final(run, "conserved_1") for run in runs.values())
    first, second = middle / coarse, fine / middle
    numbers = {"drift(0.002) / drift(0.004)": first, "drift(0.001) / drift(0.002)": second}
    met = is_half(first) & is_half(second)
    return in_every_seed(numbers, met, "drift halves with the step, to 10 %")


@criterion("T1.2")
def theorem_1(runs: Runs) -> Judgement:
    """Final NSE < 1e-6 for 100 random (T, B)."""
    nse = final(runs["fa"])
    return in_every_seed({"nse": nse}, nse < 1e-6, "final NSE < 1e-6")


@criterion("T2.1")
def theorem_2(runs: Runs) -> Judgement:
    """The angle of B e to W^+ e is below 1e-3 degrees at every step with W != 0."""
    largest = by_step(runs["fa"], "angle_to_pbp_1").max().to_numpy()
    what = "angle < 1e-3 degrees at every step with W != 0"
    return in_every_seed({"largest angle": largest}, largest < 1e-3, what)


def distance_to_gauss_newton(run: Run) -> np.ndarray:
    """Relative difference between the first change of h and eta phi'^2 (x^T x) W^+ e, (S,).

    Supp. Note 15.
    """
    with read_npz(run.folder / "audit.npz") as audit:
        x, target, w = (audit[f"0/{name}"] for name in ("x", "target", "W1"))
        before, after = audit["0/W0"], audit["1/W0"]
    h, moved = (np.tanh(np.einsum("sji,sni->sj", a, x)) for a in (before, after))
    e = target[:, 0] - np.einsum("skj,sj->sk", w, h)
    newton = np.einsum("sjk,sk->sj", np.linalg.pinv(w), e)
    size = (x**2).sum(axis=(1, 2))[:, None]
    expected = run.config["optimizer"]["learning_rate"] * (1 - h**2) ** 2 * size * newton
    return np.linalg.norm(moved - h - expected, axis=1) / np.linalg.norm(expected, axis=1)


@criterion("T3.1")
def theorem_3(runs: Runs) -> Judgement:
    """The relative difference halves with eta, to 10 %."""
    coarse, middle, fine = (distance_to_gauss_newton(run) for run in runs.values())
    met = is_half(fine / middle) & is_half(middle / coarse)
    numbers = {"eta 0.00025": fine, "eta 0.0005": middle, "eta 0.001": coarse}
    return in_every_seed(numbers, met, "halves with eta, to 10 %")


def scalar_jacobian(run: Run, feedback: np.ndarray) -> np.ndarray:
    """Eq. (79) with its misprints corrected: derivative of the flow of a 1-1-1 network, (S, 4, 4).

    Of (e h, e, B e x, B e) by (W, b, A, c) with x = T = 1: e = 1 - W h - b and h = A + c, so that
    d(e h)/dW = -h^2 and d(e h)/dc = e - W h.
    """
    names = ("weights_1", "biases_1", "weights_0", "biases_0")
    w, b, a, c = (kept(run, name)[0, :, 0] for name in names)
    h = a + c
    e = 1 - w * h - b
    rows = [[-h * h, -h, e - w * h, e - w * h], [-h, -np.ones_like(h), -w, -w]]
    hidden = [-feedback * h, -feedback, -feedback * w, -feedback * w]
    return np.moveaxis(np.array([*rows, hidden, hidden]), -1, 0)


def magnitude(matrices: np.ndarray) -> np.ndarray:
    """The largest magnitude in each of some matrices, (S, n, m) to (S,)."""
    return abs(matrices).max(axis=(1, 2))


@criterion("T4.1")
def flow_is_no_gradient(runs: Runs) -> Judgement:
    """FA's numeric Jacobian equals eq. (79) to 1e-6 and is not symmetric; BP's is symmetric."""
    fa, bp = (kept(runs[name], "jacobian")[0].reshape(-1, 4, 4) for name in ("fa", "bp"))
    formula = scalar_jacobian(runs["fa"], kept(runs["fa"], "feedback_1")[0, :, 0])
    difference = magnitude(fa - formula)
    skew_fa, skew_bp = (magnitude(matrix - matrix.swapaxes(1, 2)) for matrix in (fa, bp))
    met = (difference < 1e-6) & (skew_fa > 1e-3) & (skew_bp < 1e-6)
    numbers = {
        "difference to eq. (79)": difference,
        "asymmetry of FA": skew_fa,
        "asymmetry of BP": skew_bp,
    }
    return in_every_seed(numbers, met, "equal to 1e-6; FA's not symmetric, BP's symmetric")
