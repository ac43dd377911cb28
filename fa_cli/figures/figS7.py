"""Supp. Fig. 7: feedback alignment on the XOR problem."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from fa_cli.figures import (
    COLOURS,
    LABELS,
    STYLES,
    Missing,
    by_rule,
    curves,
    figure,
    find_runs,
    letter,
)

COMMAND = "fa-run +sweep=figS7"


@figure("figS7")
def figs7(results: Path) -> plt.Figure:
    """a: mean squared error of a 2-2-1 network, b: of a 2-25-1 network, median and quartiles over seeds; c: W against B there."""
    drawing, (left, middle, right) = plt.subplots(1, 3, figsize=(7.2, 2.5), layout="constrained")
    for axes, experiment, name in ((left, "figS7_small", "a"), (middle, "figS7_large", "b")):
        runs = by_rule(find_runs(results, experiment, COMMAND))
        for rule, run in runs.items():
            mse = 2 * curves(run, "loss")
            low, half, high = mse.quantile([0.25, 0.5, 0.75], axis=1).to_numpy()
            axes.plot(
                run.metrics["step"].unique(),
                half,
                color=COLOURS[rule],
                linestyle=STYLES[rule],
                label=LABELS[rule],
            )
            axes.fill_between(
                run.metrics["step"].unique(),
                low,
                high,
                color=COLOURS[rule],
                alpha=0.25,
                linewidth=0,
            )
        axes.set(
            xlabel="Presentations of all four cases", ylabel="MSE", ylim=(0, None), xlim=(0, None)
        )
        letter(axes, name)
    left.legend(fontsize=7)

    if "fa" not in runs:
        raise Missing(
            f"no finished run of feedback alignment in {results / experiment}: type `{COMMAND}`"
        )
    arrays = runs["fa"].arrays
    before, after, b = (
        arrays[name][row].ravel()
        for name, row in (("weights_1", 0), ("weights_1", -1), ("feedback_1", -1))
    )
    right.scatter(b, before, s=4, color="0.7", label=f"before, r = {correlation(b, before):.2f}")
    right.scatter(
        b, after, s=4, color=COLOURS["fa"], label=f"after, r = {correlation(b, after):.2f}"
    )
    right.set(xlabel="Elements of B", ylabel="Elements of W")
    right.legend(fontsize=7)
    letter(right, "c")
    return drawing


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r over the elements of all seeds."""
    return stats.pearsonr(a, b).statistic
