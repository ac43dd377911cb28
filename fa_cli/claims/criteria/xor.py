"""Supp. Fig. 7 and Note 4: XOR."""

import numpy as np
import scipy

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import (
    by_step,
    final,
    kept,
    p_smaller,
    paired_interval,
    steps_to,
    welch_interval,
)
from fa_cli.results.reading import Run

SOLVED = 0.005  # loss = MSE / 2
PRINTED = (-4.65, -4.55)  # W after training, Supp. Note 4


@criterion("S7.1")
def xor_is_solved(runs: Runs) -> Judgement:
    """Final MSE < 0.01 from at least 1/4 of the starts of W_0 by FA, and from 1/2 by BP.

    The paper shows one run and does not print its W_0.
    """
    solved = {name: final(run, "loss") < SOLVED for name, run in runs.items()}
    numbers = {f"solved by {name}": found.astype(float) for name, found in solved.items()}
    fa, bp = solved["fa"].mean(), solved["bp"].mean()
    test = "final MSE < 0.01 from at least 1/4 of the starts by FA, 1/2 by BP"
    met, close = fa >= 0.25 and bp >= 0.5, fa > 0 and bp > 0
    effect = paired_interval(*numbers.values())
    return Judgement(numbers, met, close, test, None, "solved by bp", effect)


@criterion("S7.2")
def xor_weights_align(runs: Runs) -> Judgement:
    """Where MSE passes 0.01, both elements of W are within 0.3 of the printed ones.

    In every seed that is solved; W began at (0.15, -0.13).
    """
    below = by_step(runs["fa"], "loss") < SOLVED
    solved = below.any().to_numpy()
    if not solved.any():
        return Judgement({"W_1": np.array([])}, False, False, "no seed is solved")
    passed = below.to_numpy().argmax(axis=0)[solved]
    w = kept(runs["fa"], "weights_1")[passed, solved.nonzero()[0]]
    off = abs(w - PRINTED).max(axis=1)
    numbers = {"W_1": w[:, 0], "W_2": w[:, 1], "off": off}
    return in_every_seed(numbers, off < 0.3, "W within 0.3 of (-4.65, -4.55) at MSE 0.01")


def correlation(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's r of the elements of W and B, (S, n) each to (S,)."""
    return np.array([scipy.stats.pearsonr(*pair).statistic for pair in zip(w, b, strict=True)])


@criterion("S7.3")
def xor_weights_correlate(runs: Runs) -> Judgement:
    """Correlation of the elements of W and B, means over seeds: r > 0.5 after.

    |r| < 0.25 before, and after where backprop trained W, which does not know of B.
    """
    w, b = kept(runs["fa"], "weights_1"), kept(runs["fa"], "feedback_1")[-1]
    before, after = correlation(w[0], b), correlation(w[-1], b)
    other = correlation(kept(runs["bp"], "weights_1")[-1], b)
    small = max(abs(before).mean(), abs(other).mean())
    test = "means: r > 0.5 after, |r| < 0.25 before and with backprop's W"
    numbers = {"r after": after, "r before": before, "r of backprop's W": other}
    met, close = after.mean() > 0.5 and small < 0.25, after.mean() > before.mean()
    effect = paired_interval(after, before)
    return Judgement(numbers, met, close, test, None, "r before", effect)


def steps_of_solved(run: Run) -> np.ndarray:
    """Steps, each with all four cases, until MSE < 0.01, of the seeds that get there."""
    steps = steps_to(run, SOLVED, "loss")
    return steps[np.isfinite(steps)]


@criterion("S7.4")
def xor_is_quicker(runs: Runs) -> Judgement:
    """Steps until MSE < 0.01, of solved seeds: FA's are fewer, in both nets.

    One-sided Welch t-tests, p < 0.01.
    """
    steps = {name: steps_of_solved(run) for name, run in runs.items()}
    small, large = (steps["fa"], steps["bp"]), (steps["fa, 25"], steps["bp, 25"])
    ps, close = [], True
    for fa, bp in (small, large):
        ps.append(p_smaller(fa, bp))
        close &= bool(fa.mean() < bp.mean())
    test = "one-sided Welch t-test in 2-2-1 and in 2-25-1, p < 0.01"
    effect = f"{welch_interval(*small)}; {welch_interval(*large)}"
    return Judgement(steps, max(ps) < 0.01, close, test, max(ps), "bp", effect)
