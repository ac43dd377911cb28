"""Supp. Fig. 7: feedback alignment on the XOR problem."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from fa_cli.figures import figure
from fa_cli.figures.drawing import band, legend, letter, looks, panels
from fa_cli.figures.found import array, by_rule, curves, find_runs, of_rule
from fa_cli.results.reading import Run


@figure("figS7", "fa-run +sweep=figS7")
def figs7(results: Path) -> Figure:
    """a: mean squared error of a 2-2-1 network, b: of a 2-25-1 network; c: W against B there.

    Median and quartiles over seeds.
    """
    drawing, (left, middle, right) = panels((7.2, 2.5), columns=3)
    small, large = (by_rule(find_runs(results, f"figS7_{name}")) for name in ("small", "large"))
    shown = looks([*small, *large])
    for axes, runs, name in ((left, small, "a"), (middle, large, "b")):
        for rule, run in runs.items():
            mse = 2 * curves(run, "loss", across="step")
            low, half, high = mse.quantile([0.25, 0.5, 0.75], axis=1).to_numpy()
            band(axes, shown[rule], mse.index, half, low, high)
        axes.set(xlabel="Presentations of all four cases", ylabel="MSE")
        axes.set(ylim=(0, None), xlim=(0, None))
        letter(axes, name)
    legend(left, 4, fontsize=7)
    if not {*large} <= {*small}:
        legend(middle, 4, fontsize=7)
    draw_alignment(right, of_rule(results, "figS7_large", "fa"))
    letter(right, "c")
    return drawing


def draw_alignment(axes: Axes, run: Run) -> None:
    """The elements of W, before and after learning, against those of B, over all seeds."""
    b, w = array(run, "feedback_1")[-1].ravel(), array(run, "weights_1")
    for moment, name, colour in ((0, "before", "0.7"), (-1, "after", looks(["fa"])["fa"].colour)):
        values = w[moment].ravel()
        label = f"{name}, r = {correlation(b, values):.2f}"
        axes.scatter(b, values, s=4, color=colour, label=label)
    axes.set(xlabel="Elements of B", ylabel="Elements of W")
    axes.legend(fontsize=7)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r over the elements of all seeds."""
    return stats.pearsonr(a, b).statistic
