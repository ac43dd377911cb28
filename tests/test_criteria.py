"""Each criterion of the claims at its limits: made-up runs just inside and just outside of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fa_cli.claims.criteria import CRITERIA, Judgement, load_criteria
from fa_cli.claims.criteria.fig3 import autocorrelation
from fa_cli.claims.measures import paired_interval
from fa_cli.errors import UserError
from fa_cli.results.reading import Run

load_criteria()
pytestmark = pytest.mark.quick
UNITS = 10000
FEW, MORE = np.linspace(-0.3, 0.3, 5), 10 + np.linspace(-1, 1, 9)  # values of 5 and of 9 seeds

# ---- made-up runs -------------------------------------------------------------------------------


def course(phases=None, steps=None, arrays=None, **columns) -> Run:
    """A run that measured these columns: a row for each moment, in it a value for each seed."""
    tables = {name: np.array(rows).reshape(len(rows), -1) for name, rows in columns.items()}
    moments, seeds = next(iter(tables.values())).shape if tables else (1, 1)
    metrics = pd.DataFrame({name: table.T.ravel() for name, table in tables.items()})
    metrics["seed"] = np.repeat(np.arange(seeds), moments)
    metrics["step"] = np.tile(10 * np.arange(moments) if steps is None else steps, seeds)
    metrics["phase"] = np.tile(np.zeros(moments, int) if phases is None else phases, seeds)
    return Run(Path("x/rule=fa"), {"rule": {"name": "fa"}}, metrics, arrays or {})


def ends(**columns) -> Run:
    """A run with these values of its seeds at the end, and far from them at first."""
    return course(**{name: [np.full(len(end), 1e3), end] for name, end in columns.items()})


def keeps(**arrays) -> Run:
    """A run that kept these arrays, (moments, seeds, ...)."""
    return course(arrays={name: np.array(values, float) for name, values in arrays.items()})


def within(phase, first, last, column="nse") -> dict[str, Run]:
    """A column goes from `first` to `last` in a phase, the other way in those beside it."""
    phases = np.repeat([phase - 1, phase, phase + 1], [2, 3, 2])
    return {"fa": course(phases, **{column: [last, first, first, 9, last, last, first]})}


def spiking(*deviations) -> dict[str, Run]:
    """W_1 of each seed is nearer to B_1 by so many s.d. of random directions; W_2 is as B_2."""
    angles = np.degrees(np.arccos(np.array(deviations) / np.sqrt(30 * 20)))
    run = ends(angle_w_b_1=angles, angle_w_b_2=np.zeros(len(deviations)))
    return {"fa": run._replace(config={"model": {"sizes": [64, 30, 20, 10]}})}


def reaches(level, *steps) -> Run:
    """A run whose seeds are barely below a level from these steps on, and barely above before."""
    moments = np.unique([0, *steps])
    below = moments[:, None] >= np.array(steps)
    return course(steps=moments, nse=np.where(below, 0.995, 1.005) * level)


def never(at, last) -> Run:
    """A run whose first seed is below 0.01 from a step on, whose second is not to its last step."""
    return course(steps=[0, at, last], nse=[[1, 1], [0.009, 1], [0.009, 1]])


def both(a, b, column="nse") -> dict[str, Run]:
    """Two runs with these values at the end."""
    return {"a": ends(**{column: a}), "b": ends(**{column: b})}


def distance(a, b, p) -> float:
    """By how much mean(b) exceeds mean(a) where a one-sided Welch test gives p."""
    parts = np.array([values.var(ddof=1) / values.size for values in (a, b)])
    freedom = parts.sum() ** 2 / (parts**2 / [a.size - 1, b.size - 1]).sum()
    return stats.t.isf(p, freedom) * np.sqrt(parts.sum())


def smaller(a, b, p) -> tuple[np.ndarray, np.ndarray]:
    """`a`, and `b` moved so far up that a one-sided Welch test gives p."""
    return a, b - b.mean() + a.mean() + distance(a, b, p)


def bounded(a, b, bound) -> tuple[np.ndarray, np.ndarray]:
    """`a` moved to where the upper 95 % bound of mean(a) - mean(b) is `bound`, and `b`."""
    return a - a.mean() + b.mean() + bound - distance(a, b, 0.05), b


def ratios(bound) -> dict[str, Run]:
    """Runs the geometric mean of whose ratios has this upper 95 % bound."""
    half = stats.t.isf(0.05, FEW.size - 1) * FEW.std(ddof=1) / np.sqrt(FEW.size)
    return both(10 ** (FEW + np.log10(bound) - half), np.ones(FEW.size))


def late(bound) -> dict[str, Run]:
    """Runs that reach NSE 0.01 in about 10,000 steps, their difference bounded so."""
    a, b = bounded(100 * FEW, 1000 * MORE, bound)
    return {"a": reaches(0.01, *a), "b": reaches(0.01, *b)}


def slow(end=0.15, step=20, bp=1e-6) -> dict[str, Run]:
    """Node perturbation that is below 0.1 from a step on, then ends; backprop is so in step 10."""
    passing = [0.0995, 0.0995, 0.1005]
    bp_nse = [[1, 1, 1], [0.1005, 0.1005, 0.1005], passing, [3 * bp, 0, 0]]
    return {
        "np": course(steps=[0, step, 1000], nse=[[1, 1, 1], passing, [end, end, end]]),
        "bp": course(steps=[0, 5, 10, 1000], nse=bp_nse),
    }


def angles(first, last) -> dict[str, Run]:
    """The mean angle of the first 10 examples and of the last 100; between them quite another."""
    means = [first - 9, first + 9, 170, 1, last + 9, last - 9]
    rows = [[mean - 5, mean + 5] for mean in means]
    return {"fa": course(steps=[0, 9, 10, 900, 901, 1000], angle_to_bp_1=rows)}


def later(step, mean) -> dict[str, Run]:
    """An angle of 60 degrees but for one step."""
    steps = [0, 99, 100, 500, 1000]
    rows = [[mean - 20, mean + 20] if at == step else [60, 60] for at in steps]
    return {"fa": course(steps=steps, angle_to_bp_1=rows)}


def field(r) -> np.ndarray:
    """A receptive field of 4 x 4 pixels with autocorrelation r (-1 to 2/3), mean 5.

    Mixed of a chequerboard, which has -1, and of two halves, which have (1 + 1/3) / 2.
    """
    halves = np.repeat([1, 1, -1, -1], 4)
    board = np.where(np.indices((4, 4)).sum(axis=0) % 2, 1, -1).ravel()
    share = (r + 1) * 3 / 5
    return 5 + 2 * (np.sqrt(share) * halves + np.sqrt(1 - share) * board)


def smooth(fa, bp) -> dict[str, Run]:
    """Two networks of three units whose fields change by patterns of these autocorrelations."""
    before = np.random.default_rng(3).standard_normal((2, 3, 16))
    runs = {}
    for name, values in (("fa", fa), ("bp", bp)):
        change = np.array([[field(r)] * 3 for r in values])
        runs[name] = keeps(receptive_fields_before=before, receptive_fields_after=before + change)
    return runs


def spanning(fa, bp) -> dict[str, Run]:
    """Two networks of 16 units whose fields change in so many dimensions, alike in each."""
    before, runs = np.random.default_rng(3).standard_normal((2, 16, 16)), {}
    for name, dimensions in (("fa", fa), ("bp", bp)):
        change = np.where(np.arange(16) < dimensions, 0.2 * np.eye(16), 0)
        runs[name] = keeps(receptive_fields_before=before, receptive_fields_after=before + change)
    return runs


def shallow(share, end) -> dict[str, Run]:
    """Backprop is below 0.01 at step 20; there shallow learning has this share, then it ends."""
    bp = course(nse=[[1.0], [0.5], [0.00995], [0]])
    return {"shallow": course(nse=[[0.8], [0.79], [0.8 * share], [end]]), "bp": bp}


def growing(**factors) -> dict[str, Run]:
    """Median steps to 0.1 that grow by these factors from the smallest network to the largest."""
    runs = {}
    for rule, factor in factors.items():
        runs[f"{rule} 30-20-10"] = reaches(0.1, 100, 100, 900)
        runs[f"{rule} 120-80-40"] = reaches(0.1, 1, 100 * factor, 100 * factor)
    return runs


def scales(*errors) -> dict[str, Run]:
    """A run for each scale of B."""
    return {f"beta {k}": ends(validation_error=[error]) for k, error in enumerate(errors)}


def dying(relu, piecewise, p) -> dict[str, Run]:
    """Percent of dead units, mean over two layers, and test errors ReLU's of which are higher."""
    lower, higher = smaller(FEW, MORE, p)
    runs = {}
    for name, share, errors in (("relu", relu, higher), ("piecewise", piecewise, lower)):
        dead = {f"dead_units_{l}": np.full(errors.size, share + 4 * l - 6) for l in (1, 2)}
        runs[name] = ends(test_error=errors, **dead)
    return runs


def blurred(*ratios) -> dict[str, Run]:
    """Reconstruction errors of three seeds in these ratios."""
    bp = np.array([2.0, 9.0, 30.0])
    return both(bp * ratios, bp, column="test_mse")


def positive(before, after) -> dict[str, Run]:
    """Shares of two seeds at the start and after an epoch; 0 between and 0 later."""
    nothing = np.zeros(len(before))
    run = course(share_positive=[before, nothing, after, nothing])
    run.metrics["epoch"] = np.tile([0, 0.5, 1.0, 2.0], len(before))
    return {"fa": run}


def correlated(before, after, other=(0, 0)) -> dict[str, Run]:
    """Two seeds' correlations of W to B: before and after training, and of backprop's W after."""
    u, v = np.array([1, 1, -1, -1]), np.array([1, -1, 1, -1])
    weights = []
    for r in (before, after, other):
        weights.append(np.outer(r, u) + np.outer(np.sqrt(1 - np.square(r)), v))
    moments, feedback = [weights[0], np.ones((2, 4)), weights[1]], [np.ones((2, 4)), [3 * u, 3 * u]]
    return {
        "fa": keeps(weights_1=moments, feedback_1=feedback),
        "bp": keeps(weights_1=[weights[1], weights[2]]),
    }


def shares(fa, bp) -> dict[str, Run]:
    """So many of 20 starts are solved: their loss ends just below 0.005, others' just above."""
    ends_at = {}
    for rule, solved in (("fa", fa), ("bp", bp)):
        ends_at[rule] = ends(loss=np.where(np.arange(20) < solved, 0.00499, 0.00501))
    return ends_at


def passing(*w, loss=0.00499) -> dict[str, Run]:
    """Two seeds whose W is here when the first has this loss, and elsewhere before and after."""
    moments = [[[0, 0], [0, 0]], [w, [9, 9]], [[9, 9], [9, 9]]]
    losses = [[1, 1], [loss, 1], [loss, 1]]
    return {"fa": course(loss=losses, arrays={"weights_1": np.array(moments, float)})}


def quicker(p, p_large) -> dict[str, Run]:
    """Runs of two nets that are solved in such steps, FA's fewer with this p; one seed never is."""
    runs = {}
    for added, chance in (("", p), (", 25", p_large)):
        for rule, steps in zip(
            ("fa", "bp"), smaller(500 + 100 * FEW, 10 * MORE, chance), strict=True
        ):
            moments = np.unique([0, *steps])
            loss = np.where(moments[:, None] >= [*steps, np.inf], 0.00499, 0.00501)
            runs[rule + added] = course(steps=moments, loss=loss)
    return runs


def phased(phase, other, **falls) -> dict[str, Run]:
    """Two runs whose NSE falls by such shares in a phase, and otherwise in those beside it."""
    runs = {}
    for name, share in zip(("fa", other), falls.values(), strict=True):
        phases = np.repeat([phase - 1, phase, phase + 1], [2, 3, 2])
        nse = [1, 3, 2, 9, 2 * (1 - share), 1, 3]
        runs[name] = course(phases, nse=nse)
    return runs


def switched(pace=0.0049, at_once=1.01, took=9990, end=0.99) -> dict[str, Run]:
    """Backprop of 10,000 steps that ends with this fall in 1,000, then feedback alignment.

    NSE relative to that before the switch: after 10 steps, and where it is low again.
    """
    steps = [0, 9000, 9500, 10000, 10010, 12000, 10000 + took]
    fading = (1 - pace) ** -np.array([1, 0.5, 0])
    nse = [9, *fading, at_once, 3, 1.1 * end]
    phases = [0, 0, 0, 1, 2, 2, 2]
    return {"fa": course(phases, steps, nse=nse)}


def momentum(*steps) -> dict[str, Run]:
    """Runs with less and less momentum, then one with a larger rate, that reach NSE 0.25 then."""
    names = ("0.9", "0.5", "0.0", "2 eta")
    return {name: reaches(0.25, at) for name, at in zip(names, [*steps, 1], strict=True)}


def turned(mean=90, skewed=0.0, below=0.96) -> dict[str, Run]:
    """Angles of a seed's units: of this mean and skewness before, a share below 90 after."""
    few = (1 - skewed / np.sqrt(4 + skewed**2)) / 2  # of two values; those on the skewed side
    values = np.where(np.arange(UNITS) < few * UNITS, 1.0, 0.0)
    before = 20 * (values - values.mean())
    after = np.where(np.arange(UNITS) < below * UNITS, 89, 91)
    return {"fa": keeps(angle_w_b_unit_1=[[mean + before], [0 * before], [after]])}


def product(a, w) -> dict[str, Run]:
    """A 1-1-1 network that ends at these weights."""
    return {"near": keeps(weights_0=[[[9]], [[a]]], weights_1=[[[9]], [[w]]])}


def basin(bad, of) -> dict[str, Run]:
    """A share of the seeds ends at W < 0."""
    ends = np.where(np.arange(of) < bad, -0.5, 0.5)[:, None]
    return {"basin": keeps(weights_1=[-ends, ends])}


def parabolas(*drifts) -> dict[str, Run]:
    """Two paths with B = 2, A from 1 to 3, whose 2 B W - A^2 has these shares of 8 as drift."""
    runs = {}
    for drift in drifts:
        a = np.array([1, 2, 3.0])
        w = (5 + np.array([0, 8 * drift, 0]) + a**2) / 4
        pair = [np.stack([line, line], axis=1)[..., None] for line in (a, w, 0 * a + 2)]
        names = ("weights_0", "weights_1", "feedback_1")
        runs[f"step {len(runs)}"] = keeps(**dict(zip(names, pair, strict=True)))
    return runs


def aligned(lowest=1e-13, size=(1, 2, 2, 3)) -> dict[str, Run]:
    """Two runs: tr(A^T B E) starts at -1 and peaks at 100; in one it is as low as this share of it.

    There |A|^2 takes these values.
    """
    sizes = {"model": {"sizes": [3, 2, 1]}}
    good = course(trace_a_b_e=[[-1, -1], [9, 9], [5, 5]], weight_norm_0=[[1, 1], [2, 2], [3, 3]])
    run = course(trace_a_b_e=[-1, 100, 100 * lowest, 50], weight_norm_0=np.sqrt(size))
    return {
        "a": good._replace(config=sizes),
        "b": run._replace(config={"model": {"sizes": [6, 4, 2]}}),
    }


def varied(cv, seeds, peak_cv=None) -> Run:
    """NSE falls exponentially, times and peaks of tr(A^T B E) vary by these coefficients."""
    spread = np.linspace(-1, 1, seeds) / np.linspace(-1, 1, seeds).std(ddof=1)
    steps = np.arange(0, 200, 10)
    nse = np.exp(-steps[:, None] / (20 * (1 + cv * spread)))
    peaks = np.array([[0.1], [1], [0.3]]) * (1 + (peak_cv or cv) * spread)
    return course(steps=steps, nse=nse, trace_a_b_e=np.resize(peaks, nse.shape))


def steadier(ratio, peak=None) -> dict[str, Run]:
    """The larger network has this share of the smaller one's coefficients of variation."""
    large = varied(0.01 * ratio, 9, 0.01 * (peak or ratio))
    return {"large": large, "small": varied(0.01, 9)}


def ranked(*angles) -> dict[str, Run]:
    """Runs with growing omega that end at these mean angles."""
    runs = {}
    for k, angle in enumerate(angles):
        run = ends(angle_to_pbp_1=[angle - 20, angle + 20])
        runs[f"omega {k}"] = run._replace(config={"model": {"weight_scale": k / 10}})
    return runs


def omegas(*ps) -> dict[str, Run]:
    """A run for each p of the test that the angle to pseudobackprop is the smaller one."""
    pairs = [smaller(5 + FEW, 4 * FEW, p) for p in ps]
    runs = [ends(angle_to_pbp_1=a, angle_to_bp_1=b) for a, b in pairs]
    return {f"omega {k}": run for k, run in enumerate(runs)}


def halved(first, second, last=0.009) -> dict[str, Run]:
    """A drift that shrinks by these factors when the step halves, and again, to this share."""
    shares = (last / first / second, last / second, last)
    runs = [ends(conserved_1=[70 * share], gram_1=[70]) for share in shares]
    return {f"step {k}": run for k, run in enumerate(runs)}


def on_lines(off_w=0.995e-12, off_h=0.995e-12, s_w=0.01, s_h=0.01) -> dict[str, Run]:
    """W, which is 0 for two steps, and h, for one, on the lines of Lemma 5 but for so much."""
    columns = {"off_w": [np.nan, np.nan, off_w, 0], "off_h": [np.nan, off_h, 0, 0]}
    return fa(**columns, s_w=[0, 0, s_w, 1], s_h=[0, 1, s_h, 1])


def taught(folder, *products) -> dict[str, Run]:
    """Seeds of 3-4-2 networks whose first update had a delta with e^T W delta / e^T e = these."""
    rng, count = np.random.default_rng(1), len(products)
    x, target, w = (rng.normal(size=(count, *shape)) for shape in ((3,), (2,), (2, 4)))
    before = 0.3 * rng.normal(size=(count, 4, 3))
    after = np.empty_like(before)
    for s, wanted in enumerate(products):
        h = np.tanh(before[s] @ x[s])
        delta = wanted * np.linalg.pinv(w[s]) @ (target[s] - w[s] @ h)
        after[s] = before[s] + 0.01 * np.outer(delta * (1 - h**2), x[s])
    folder.mkdir()
    audit = {"0/x": x[:, None], "0/target": target[:, None], "0/W1": w, "0/W0": before}
    np.savez(folder / "audit.npz", **audit, **{"1/W0": after})
    return {"pbp": Run(folder, {"optimizer": {"learning_rate": 0.01}}, pd.DataFrame(), {})}


def at_minimum(bp=0.002, fa=2.01, nse=0.0101) -> dict[str, Run]:
    """At the switch updates of these lengths, and before and after it others."""
    columns = {"gradient_norm": [9, bp, 9], "update_norm": [9, fa, 0], "nse": [1, nse, 0]}
    return {"bp, then fa": course(phases=[0, 1, 1], **columns)}


def audited(folder, *misses) -> dict[str, Run]:
    """Two seeds of 3-4-2 networks whose first update misses Gauss-Newton's by so much."""
    runs, generator = {}, np.random.default_rng(1)
    for miss in misses:
        x, target, w = (generator.normal(size=(2, *shape)) for shape in ((3,), (2,), (2, 4)))
        before = 0.3 * generator.normal(size=(2, 4, 3))
        after = np.empty_like(before)
        for s in range(2):
            sum_in, square = before[s] @ x[s], x[s] @ x[s]
            h = np.tanh(sum_in)
            newton = w[s].T @ np.linalg.solve(w[s] @ w[s].T, target[s] - w[s] @ h)
            moved = h + (1 + miss) * 0.01 * (1 - h**2) ** 2 * square * newton
            after[s] = before[s] + np.outer(np.arctanh(moved) - sum_in, x[s]) / square
        place = folder / f"{len(runs)}"
        place.mkdir(parents=True)
        audit = {"0/x": x[:, None], "0/target": target[:, None], "0/W1": w, "0/W0": before}
        np.savez(place / "audit.npz", **audit, **{"1/W0": after})
        config = {"optimizer": {"learning_rate": 0.01}}
        runs[place.name] = Run(place, config, pd.DataFrame(), {})
    return runs


def flow(point, feedback) -> np.ndarray:
    """FA's changes of W, b, A, c in a 1-1-1 network with x = T = 1."""
    w, b, a, c = point
    h = a + c
    e = 1 - w * h - b
    return np.array([e * h, e, feedback * e, feedback * e])


def jacobians(beside=0.5, miss=0.0, skew=0.0) -> dict[str, Run]:
    """Jacobians by differences, at a point without error, where B = W + `beside`, and another.

    FA's is wrong by `miss`, and BP's asymmetric by `skew`.
    """
    points = np.array([[0.5, 0.8, 0.3, 0.1], [0.7, -0.2, 0.4, 0.3]])
    feedback = np.array([0.5 + beside, -0.6])
    fa, bp = np.empty((2, 4, 4)), np.ones((2, 4, 4))
    for s, k in np.ndindex(2, 4):
        shift = 1e-3 * np.eye(4)[k]
        up, down = flow(points[s] + shift, feedback[s]), flow(points[s] - shift, feedback[s])
        fa[s, :, k] = (up - down) / 2e-3
    fa[:, 2, 1] += miss
    bp[:, 0, 3] += skew
    names = ("weights_1", "biases_1", "weights_0", "biases_0", "feedback_1")
    values = [*points.T[:, :, None], feedback[:, None]]
    kept = {**dict(zip(names, values, strict=True)), "jacobian": fa.reshape(2, 16)}
    bp = bp.reshape(2, 16)
    return {
        "fa": keeps(**{name: [array, array + 1] for name, array in kept.items()}),
        "bp": keeps(jacobian=[bp, np.arange(32).reshape(2, 16)]),
    }


# ---- what is judged of them ---------------------------------------------------------------------

MET, CLOSE, NOT_MET = "met", "close", "not met"
STEADY = 0.5791  # the ratio of coefficients of variation whose bootstrap interval ends at 1


def fa(**columns) -> dict[str, Run]:
    """One run, of feedback alignment."""
    return {"fa": course(**columns)}


CASES = {  # criterion: (what it is, runs[, parameters]), ..
    "value": [
        (MET, {"a": ends(test_error=[1, 3.598])}, {"at": 2}),  # mean 2.299
        (CLOSE, {"a": ends(test_error=[1, 3.602])}, {"at": 2}),
        (CLOSE, {"a": ends(test_error=[2, 4])}, {"at": 2}),
        (NOT_MET, {"a": ends(test_error=[2, 4.02])}, {"at": 2}),
        (MET, {"a": ends(test_error=[2.5])}, {"at": 2, "points": 0.5}),
        (CLOSE, {"a": ends(test_error=[2.51])}, {"at": 2, "points": 0.5}),
        (MET, {"a": ends(loss=[11.49])}, {"at": 10, "points": None, "column": "loss"}),
        (CLOSE, {"a": ends(loss=[11.51])}, {"at": 10, "points": None, "column": "loss"}),
    ],
    "order": [
        (MET, both(*smaller(FEW, MORE, 0.00995))),
        (CLOSE, both(*smaller(FEW, MORE, 0.01005))),
        (CLOSE, both(*smaller(FEW, MORE, 0.495))),
        (NOT_MET, both(*smaller(FEW, MORE, 0.505))),
        (MET, both(*smaller(FEW, MORE, 0.00995), "loss"), {"column": "loss"}),
    ],
    "as_good_as": [
        (MET, both(*bounded(FEW, MORE, 0.995))),  # mean of b: 10
        (CLOSE, both(*bounded(FEW, MORE, 1.005))),
        (CLOSE, both(FEW + 12.99, MORE)),
        (NOT_MET, both(FEW + 13.01, MORE)),
        (MET, both(*bounded(FEW, MORE, 0.398)), {"points": 0.4}),
        (CLOSE, both(*bounded(FEW, MORE, 0.402)), {"points": 0.4}),
        (MET, late(995), {"level": 0.01}),
        (CLOSE, late(1005), {"level": 0.01}),
        (NOT_MET, {"a": reaches(0.02, 1, 2), "b": reaches(0.01, 1, 2)}, {"level": 0.01}),
        (MET, {"a": reaches(0.01, 1, 2), "b": never(900, 1000)}, {"level": 0.01}),
    ],
    "alike": [
        (MET, both(*bounded(FEW, FEW, 0.995), "test_error"), {"points": 1}),
        (CLOSE, both(*bounded(FEW, FEW, 1.005), "test_error"), {"points": 1}),
        (MET, both(*bounded(FEW, FEW, 0.995)[::-1], "test_error"), {"points": 1}),
        (CLOSE, both(*bounded(FEW, FEW, 1.005)[::-1], "test_error"), {"points": 1}),
        (NOT_MET, both(FEW + 3.01, FEW, "test_error"), {"points": 1}),
        (NOT_MET, both(FEW, FEW + 3.01, "test_error"), {"points": 1}),
    ],
    "as_good_as_log": [
        (MET, ratios(1.245), {"ratio": 1.25}),
        (CLOSE, ratios(1.255), {"ratio": 1.25}),
        (NOT_MET, both([2, 2, 2.01], [1, 1, 1]), {"ratio": 1.25}),
        (MET, both([1e-6, 1e-4], [1e-6, 1e-4]), {"ratio": 1.01}),
    ],
    "F2.1": [
        (MET, {"bp": ends(nse=[0.995e-3, 0])}),
        (CLOSE, {"bp": ends(nse=[0.995e-3] * 101 + [1.005e-3] * 100)}),
        (NOT_MET, {"bp": ends(nse=[0, 1.005e-3])}),
    ],
    "F2.3": [
        (MET, slow()),
        (MET, slow(end=0.199)),
        (NOT_MET, slow(end=0.201)),
        (MET, slow(end=0.15, bp=0.149e-3)),
        (NOT_MET, slow(end=0.15, bp=0.151e-3)),
        (NOT_MET, slow(step=19)),
    ],
    "F2.4": [
        (MET, shallow(0.505, 0.305)),
        (NOT_MET, shallow(0.495, 0.305)),
        (NOT_MET, shallow(0.505, 0.295)),
    ],
    "F2.5": [
        (MET, angles(80, 59.9)),
        (MET, angles(100, 59.9)),
        (CLOSE, angles(79.9, 59.9)),
        (CLOSE, angles(100.1, 59.9)),
        (CLOSE, angles(90, 60.1)),
        (CLOSE, angles(90, 89.9)),
        (NOT_MET, angles(90, 90.1)),
    ],
    "F2.6": [
        (MET, {"fa": ends(angle_to_bp_1=[0, 10.02])}),
        (CLOSE, {"fa": ends(angle_to_bp_1=[0, 9.98])}),
        (CLOSE, {"fa": ends(angle_to_bp_1=[0, 0.01])}),
        (NOT_MET, {"fa": ends(angle_to_bp_1=[0, 0])}),
    ],
    "F2.7": [
        (MET, growing(np=6.05, fa=3)),
        (CLOSE, growing(np=5.95, fa=3)),
        (CLOSE, growing(np=3.05, fa=3)),
        (NOT_MET, growing(np=2.95, fa=3)),
    ],
    "F3.12": [
        (MET, scales(2, 2.49, 2.49, 9, 9)),
        (CLOSE, scales(2, 2.49, 2.51, 9, 9)),
        (NOT_MET, scales(2, 2.51, 2.51, 9, 9)),
    ],
    "F3.14": [
        (MET, positive([0.2, 0.42], [0.951, 0.99])),
        (MET, positive([0.6, 0.79], [0.951, 0.99])),
        (NOT_MET, positive([0.2, 0.38], [0.951, 0.99])),
        (NOT_MET, positive([0.6, 0.81], [0.951, 0.99])),
        (NOT_MET, positive([0.5, 0.5], [0.949, 0.99])),
        (CLOSE, positive([0.5] * 3, [0.949, 0.99, 0.99])),
    ],
    "F3.5": [
        (MET, later(99, 95)),
        (MET, later(100, 69.9)),
        (CLOSE, later(100, 70.1)),
        (CLOSE, later(1000, 89.9)),
        (NOT_MET, later(1000, 90.1)),
    ],
    "F4.2": [
        (MET, spiking(10.1, 10.1)),
        (CLOSE, spiking(10.1, 10.1, 9.9)),
        (NOT_MET, spiking(9.9, 9.9, 10.1)),
        (NOT_MET, spiking(-10.1, -10.1)),
    ],
    "F5.1": [
        (MET, fa(angle_w_b_1=[90, 99, 74.9])),
        (NOT_MET, fa(angle_w_b_1=[90, 99, 75.1])),
    ],
    "F5.2": [
        (MET, phased(0, "bp", fa=0.099, bp=0.201)),
        (MET, phased(0, "bp", fa=-0.5, bp=0.201)),
        (NOT_MET, phased(0, "bp", fa=0.101, bp=0.3)),
        (NOT_MET, phased(0, "bp", fa=0, bp=0.199)),
    ],
    "F5.3": [
        (MET, phased(2, "fresh", fa=0.201, fresh=-0.001)),
        (NOT_MET, phased(2, "fresh", fa=0.199, fresh=-0.1)),
        (NOT_MET, phased(2, "fresh", fa=0.3, fresh=0.001)),
    ],
    "N5.4": [
        (MET, dying(30.1, 10, 0.009)),
        (CLOSE, dying(29.9, 10, 0.009)),
        (CLOSE, dying(30.1, 10, 0.011)),
        (NOT_MET, dying(9.9, 10, 0.009)),
        (NOT_MET, dying(30.1, 10, 0.51)),
    ],
    "N9.5": [
        (MET, blurred(2.01, 2.01, 2.01)),
        (CLOSE, blurred(2.01, 2.01, 1.99)),
        (NOT_MET, blurred(1.99, 1.99, 2.01)),
    ],
    "S5.1": [
        (MET, smooth([0.3, 0.5], [0.305, 0.3])),
        (CLOSE, smooth([0.3, 0.5], [0.295, 0.3])),
        (CLOSE, smooth([0.3, 0.3], [0.3, -0.09])),
        (NOT_MET, smooth([0.3, 0.3], [0.3, -0.11])),
    ],
    "S5.1b": [
        (MET, spanning(11, 16)),
        (CLOSE, spanning(10, 16)),
        (NOT_MET, spanning(8, 16)),
        (MET, spanning(13, 10)),
        (CLOSE, spanning(14, 10)),
        (NOT_MET, spanning(15, 10)),
    ],
    "S7.1": [
        (MET, shares(5, 10)),
        (CLOSE, shares(4, 20)),
        (CLOSE, shares(20, 9)),
        (NOT_MET, shares(0, 20)),
        (NOT_MET, shares(20, 0)),
    ],
    "S7.2": [
        (MET, passing(-4.65 + 0.299, -4.55 - 0.299)),
        (NOT_MET, passing(-4.65 + 0.301, -4.55)),
        (NOT_MET, passing(-4.65, -4.55 - 0.301)),
        (NOT_MET, passing(-4.65, -4.55, loss=0.00501)),
    ],
    "S7.3": [
        (MET, correlated([-0.2, 0.298], [0.3, 0.702])),
        (MET, correlated([0, 0], [0.3, 0.702], [-0.2, 0.298])),
        (CLOSE, correlated([-0.2, 0.302], [0.3, 0.702])),
        (CLOSE, correlated([0, 0], [0.3, 0.702], [-0.2, 0.302])),
        (CLOSE, correlated([0.2, 0.2], [0.3, 0.698])),
        (NOT_MET, correlated([0.31, 0.31], [0.5, 0.1])),
    ],
    "S7.4": [
        (MET, quicker(0.00995, 0.00995)),
        (CLOSE, quicker(0.01005, 0.001)),
        (CLOSE, quicker(0.001, 0.01005)),
        (NOT_MET, quicker(0.001, 0.505)),
        (NOT_MET, quicker(0.505, 0.001)),
    ],
    "S8.1": [
        (MET, momentum(1, 2, 3), {"level": 0.25}),
        (NOT_MET, momentum(2, 2, 3), {"level": 0.25}),
        (NOT_MET, momentum(1, 2, 2), {"level": 0.25}),
    ],
    "S9.1": [
        (MET, turned(92.9, below=0.951)),
        (MET, turned(87.1, skewed=0.29)),
        (MET, turned(skewed=-0.29)),
        (NOT_MET, turned(93.1)),
        (NOT_MET, turned(86.9)),
        (NOT_MET, turned(skewed=0.31)),
        (NOT_MET, turned(skewed=-0.31)),
        (NOT_MET, turned(below=0.949)),
    ],
    "S10.1": [
        (MET, product(2, 0.5 * 1.00099)),
        (MET, product(2, 0.5 * 0.99901)),
        (NOT_MET, product(2, 0.5 * 1.00101)),
        (NOT_MET, product(2, 0.5 * 0.99899)),
        (NOT_MET, product(-2, -0.5)),
    ],
    "S10.2": [
        (CLOSE, basin(0, of=200)),
        (MET, basin(1, of=200)),
        (MET, basin(249, of=1000)),
        (CLOSE, basin(1, of=4)),
        (CLOSE, basin(499, of=1000)),
        (NOT_MET, basin(1, of=2)),
    ],
    "S11.1": [
        (MET, fa(phases=[0, 0, 1, 1], nse=[2, 9, 2.199, 9], trace_a_b_e=[-1, -1, 0.01, -1])),
        (MET, fa(phases=[0, 0, 1, 1], nse=[2, 9, 1.801, 9], trace_a_b_e=[-1, -1, 0.01, -1])),
        (NOT_MET, fa(phases=[0, 0, 1, 1], nse=[2, 2, 2.201, 2], trace_a_b_e=[1, 1, 1, 1])),
        (NOT_MET, fa(phases=[0, 0, 1, 1], nse=[2, 2, 1.799, 2], trace_a_b_e=[1, 1, 1, 1])),
        (NOT_MET, fa(phases=[0, 0, 1, 1], nse=[2, 2, 2, 2], trace_a_b_e=[1, 1, -0.01, 1])),
    ],
    "S11.2": [
        (MET, within(1, first=1, last=1.01, column="trace_b_w_1")),
        (NOT_MET, within(1, first=1, last=0.99, column="trace_b_w_1")),
    ],
    "S11.3": [
        (MET, within(2, first=1, last=0.99)),
        (NOT_MET, within(2, first=1, last=1.01)),
    ],
    "S10.3": [
        (MET, parabolas(0.0398, 0.0199, 0.00995)),
        (NOT_MET, parabolas(0.0402, 0.0201, 0.01005)),
        (MET, parabolas(0.02 / 0.9, 0.01, 0.00455)),
        (NOT_MET, parabolas(0.02 / 0.9, 0.01, 0.00445)),
        (MET, parabolas(0.01 / 0.545, 0.01, 0.005)),
        (NOT_MET, parabolas(0.01 / 0.555, 0.01, 0.005)),
    ],
    "S11.4": [
        (MET, aligned()),
        (MET, aligned(lowest=-0.995e-12)),
        (CLOSE, aligned(lowest=-1.005e-12)),
        (MET, aligned(size=(1, 3, 3 - 2.9e-12, 3))),
        (CLOSE, aligned(size=(1, 3, 3 - 3.1e-12, 3))),
        (CLOSE, aligned(size=(1, 1, 1, 1))),
        (NOT_MET, {"a": aligned(lowest=-1.005e-12)["b"]}),
    ],
    "S12.1": [
        (MET, steadier(0.995 * STEADY)),
        (CLOSE, steadier(1.005 * STEADY)),
        (CLOSE, steadier(0.9 * STEADY, peak=1.005 * STEADY)),
        (CLOSE, steadier(0.995)),
        (NOT_MET, steadier(1.005)),
        (NOT_MET, steadier(0.5, peak=1.005)),
    ],
    "S13.1": [
        (MET, omegas(0.001, 0.00995, 0.001)),
        (CLOSE, omegas(0.001, 0.01005, 0.001)),
        (CLOSE, omegas(0.495, 0.495, 0.495)),
        (NOT_MET, omegas(0.505, 0.505, 0.505)),
    ],
    "S13.2": [
        (MET, ranked(1, 2, 3, 4, 5, 6, 7, 8, 9)),
        (MET, ranked(2, 1, 4, 3, 6, 5, 8, 7, 9)),  # rho 0.933
        (CLOSE, ranked(4, 2, 1, 3, 5, 6, 7, 8, 9)),  # 0.883
        (CLOSE, ranked(5, 2, 3, 4, 9, 6, 7, 8, 1)),
        (NOT_MET, ranked(9, 8, 7, 6, 5, 4, 3, 2, 1)),
    ],
    "S14.1": [
        (MET, switched()),
        (NOT_MET, switched(pace=0.0051)),
        (NOT_MET, switched(at_once=0.999)),
        (NOT_MET, switched(took=10010)),
        (MET, switched(end=0.999)),
        (NOT_MET, switched(end=1.001)),
    ],
    "T1.1": [
        (MET, halved(0.5498, 0.4502)),
        (MET, halved(0.4502, 0.5498)),
        (NOT_MET, halved(0.5502, 0.5)),
        (NOT_MET, halved(0.4498, 0.5)),
        (NOT_MET, halved(0.5, 0.5502)),
        (NOT_MET, halved(0.5, 0.4498)),
        (MET, halved(0.5, 0.5, last=0.00995)),
        (NOT_MET, halved(0.5, 0.5, last=0.01005)),
    ],
    "T1.2": [(MET, {"fa": ends(nse=[0.995e-6])}), (NOT_MET, {"fa": ends(nse=[1.005e-6])})],
    "T2.1": [
        (MET, fa(angle_to_pbp_1=[np.nan, 0.995e-3, 0])),
        (NOT_MET, fa(angle_to_pbp_1=[np.nan, 1.005e-3, 0])),
    ],
    "T2.2": [
        (MET, on_lines()),
        (NOT_MET, on_lines(off_w=1.005e-12)),
        (NOT_MET, on_lines(off_h=1.005e-12)),
        (NOT_MET, on_lines(s_w=-0.01)),
        (NOT_MET, on_lines(s_h=-0.01)),
    ],
    "T3.2": lambda folder: [
        (MET, taught(folder / "a", 1, 0.01, 1)),
        (CLOSE, taught(folder / "b", 1, -0.01, 1)),
        (NOT_MET, taught(folder / "c", -1, -0.01)),
    ],
    "T3.1": lambda folder: [
        (MET, audited(folder / "a", 0.1, 0.0549, 0.0549 * 0.451)),
        (MET, audited(folder / "b", 0.1, 0.0451, 0.0451 * 0.549)),
        (NOT_MET, audited(folder / "c", 0.1, 0.0551, 0.0275)),
        (NOT_MET, audited(folder / "d", 0.1, 0.05, 0.0224)),
    ],
    "T4.1": [
        (MET, jacobians()),
        (MET, jacobians(beside=1.005e-3)),
        (NOT_MET, jacobians(beside=0.995e-3)),
        (MET, jacobians(miss=0.995e-6)),
        (NOT_MET, jacobians(miss=1.005e-6)),
        (NOT_MET, jacobians(miss=-1.005e-6)),
        (MET, jacobians(skew=0.995e-6)),
        (NOT_MET, jacobians(skew=1.005e-6)),
    ],
    "T4.2": [
        (MET, at_minimum()),
        (NOT_MET, at_minimum(fa=1.99)),
        (NOT_MET, at_minimum(nse=0.0099)),
    ],
}


def word(judgement: Judgement) -> str:
    """A judgement in a word."""
    return MET if judgement.met else CLOSE if judgement.close else NOT_MET


@pytest.mark.parametrize("criterion", CRITERIA)
def test_limits(criterion, tmp_path):
    """Met, close or not met on either side of each limit."""
    cases = CASES[criterion]
    for expected, runs, *parameters in cases(tmp_path) if callable(cases) else cases:
        judgement = CRITERIA[criterion](runs, **dict(*parameters))
        assert word(judgement) == expected, judgement


def test_autocorrelation():
    """Of known fields, in one direction as in the other."""
    across, down = field(0.3), field(0.3).reshape(4, 4).T.ravel()
    assert np.allclose(autocorrelation(np.array([across, down, field(-0.7)])), [0.3, 0.3, -0.7])


def test_effects():
    """Known pairs: the mean difference or ratio, and its 95 % interval."""
    three = np.array([1.0, 2, 3])
    assert paired_interval(three, np.zeros(3)) == "+2 [-0.484, 4.48]"
    assert paired_interval(np.zeros(3), three) == "-2 [-4.48, 0.484]"
    steps = {"np": [100, 100, 100, 800, 800, 900], "fa": [10, 10, 10, 20, 20, 20]}
    runs = {}
    for rule, (*first, a, b, c) in steps.items():
        runs[f"{rule} 30-20-10"] = reaches(0.1, *first)
        runs[f"{rule} 120-80-40"] = reaches(0.1, a, b, c)
    assert CRITERIA["F2.7"](runs).effect == "x 4 [4, 4.5]"


def test_networks_that_several_runs_share_count_once():
    """The least of runs from the same start; the mean over omegas."""
    shared = {"model": {"sizes": [3, 2, 1]}}
    runs = {name: run._replace(config=shared) for name, run in aligned(lowest=-2e-12).items()}
    runs["a"].metrics.drop(runs["a"].metrics[runs["a"].metrics["seed"] == 1].index, inplace=True)
    numbers = CRITERIA["S11.4"](runs).numbers
    assert numbers["growth of |A|^2"].round(9).tolist() == [3]
    pair = {k: ends(angle_to_pbp_1=FEW + k, angle_to_bp_1=FEW + 50 + k) for k in (1, 3)}
    judged = CRITERIA["S13.1"](pair)
    assert np.allclose(judged.numbers["angle to PBP"], FEW + 2) and judged.effect.startswith("-50 ")


def test_what_is_listed():
    """Where a claim's numbers are several, each has its own name."""
    numbers = CRITERIA["S7.2"](passing(-4.5, -4.25)).numbers
    assert {name: values.round(9).tolist() for name, values in numbers.items()} == {
        "W_1": [-4.5],
        "W_2": [-4.25],
        "off": [0.3],
    }


def test_what_was_not_measured_is_named():
    """A column, an array or a phase that a run does not have."""
    known = {"F2.6": "angle_to_bp_1", "S9.1": "angle_w_b_unit_1", "S11.2": "phase 1"}
    for criterion, told in known.items():
        with pytest.raises(UserError, match=f"rule=fa has .*{told}"):
            CRITERIA[criterion](fa(nse=[1, 2]))
