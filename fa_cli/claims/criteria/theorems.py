"""Theorems and Supp. Notes 11, 14-16."""

from collections.abc import Callable

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import by_step, final, kept, phase_start
from fa_cli.results.formats import read_npz
from fa_cli.results.reading import Run


def is_half(ratio: np.ndarray) -> np.ndarray:
    """Whether a ratio is one half, to 10 %."""
    return abs(ratio - 0.5) < 0.05


def halves(runs: Runs, drift: Callable[[Run], np.ndarray], of: str) -> Judgement:
    """Whether a drift is below 1 % at the smallest of three step sizes and halves with each."""
    coarse, middle, fine = map(drift, runs.values())
    met = (fine < 0.01) & is_half(fine / middle) & is_half(middle / coarse)
    *_, last = runs
    numbers = {last: fine, "ratio to twice the step": fine / middle, "before": middle / coarse}
    return in_every_seed(numbers, met, f"drift < 1 % of {of}, halves with the step, to 10 %")


@criterion("T1.1")
def drift_shrinks(runs: Runs) -> Judgement:
    """The drift of B W + W^T B^T - A A^T over the same time halves with the step size, to 10 %.

    It is a share of the norm of A A^T, and below 1 % at the smallest step. From A = W = 0 the drift
    is the norm itself. Where B learns, too (Kolen-Pollack), it is 0.37 at any step.
    """
    return halves(runs, lambda run: final(run, "conserved_1") / final(run, "gram_1"), "A A^T")


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


@criterion("T2.2")
def lemma_5(runs: Runs) -> Judgement:
    """At every step h and W are s_h B y* and s_w y* (B y*)^T, s_h and s_w > 0, to 1e-12 of them.

    But where they are 0. A random W has about all of its length elsewhere.
    """
    off = {name: by_step(runs["fa"], f"off_{name}").max().to_numpy() for name in "wh"}
    least = {name: by_step(runs["fa"], f"s_{name}").iloc[2:].min().to_numpy() for name in "wh"}
    met = np.logical_and.reduce([*(off[k] < 1e-12 for k in "wh"), *(least[k] > 0 for k in "wh")])
    numbers = {"W off its line": off["w"], "h off its line": off["h"]}
    numbers |= {f"least s_{name}": values for name, values in least.items()}
    return in_every_seed(numbers, met, "W and h on their lines to 1e-12, s_w and s_h > 0")


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


def agreement(run: Run) -> np.ndarray:
    """e^T W delta / e^T e of the first update, delta from the change of A, (S,).

    Delta A = eta (delta * phi'(A x)) x^T. Supp. Note 15, eq. (57).
    """
    with read_npz(run.folder / "audit.npz") as audit:
        x, target, w = audit["0/x"][:, 0], audit["0/target"][:, 0], audit["0/W1"]
        before, after = audit["0/W0"], audit["1/W0"]
    h = np.tanh(np.einsum("sji,si->sj", before, x))
    e = target - np.einsum("skj,sj->sk", w, h)
    change = np.einsum("sji,si->sj", after - before, x) / (x**2).sum(axis=1, keepdims=True)
    delta = change / run.config["optimizer"]["learning_rate"] / (1 - h**2)
    return np.einsum("sk,skj,sj->s", e, w, delta) / (e**2).sum(axis=1)


@criterion("T3.2")
def pseudoinverse_teaches(runs: Runs) -> Judgement:
    """e^T W delta > 0 for every draw of e and W, where delta = W^+ e as the first update had it.

    It is e^T e where W has full rank. Half of all random B fail.
    """
    (run,) = runs.values()
    found = agreement(run)
    return in_every_seed({"e'W delta / e'e": found}, found > 0, "e'W W^+ e > 0")


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


@criterion("T4.2")
def minima_are_no_fixed_points(runs: Runs) -> Judgement:
    """Where BP has ended with NSE > 0.01, FA's update is more than 1,000 times as long as BP's."""
    (run,) = runs.values()
    nse, fa, bp = (phase_start(run, 1, name) for name in ("nse", "update_norm", "gradient_norm"))
    numbers = {"FA's update": fa, "BP's update": bp, "NSE": nse}
    met = (fa > 1000 * bp) & (nse > 0.01)
    return in_every_seed(numbers, met, "FA's update > 1000 x BP's, NSE > 0.01", "BP's update")
