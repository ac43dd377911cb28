"""Theorems and Supp. Notes 11, 14-16."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import by_step, final, kept
from fa_cli.results.formats import read_npz
from fa_cli.results.reading import Run


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
