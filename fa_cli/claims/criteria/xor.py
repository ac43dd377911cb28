"""Supp. Fig. 7 and Note 4: XOR."""

import numpy as np
from scipy import stats

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import final, kept


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
