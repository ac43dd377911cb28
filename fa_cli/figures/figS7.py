"""Supp. Fig. 7: feedback alignment on the XOR problem."""

from pathlib import Path

import numpy as np
import scipy
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import Look, band, letter, looks, panels
from fa_cli.figures.found import array, by_rule, curves, find_runs, of_rule
from fa_cli.results.reading import Run

SOLVED = 0.01  # mean squared error, at the end


@figure("figS7", "fa-run +sweep=figS7")
def figs7(results: Path) -> Figure:
    """a: mean squared error of a 2-2-1 network, b: of a 2-25-1 network; c: W against B there.

    Median and quartiles over the seeds that are solved, whose share the legend says.
    """
    drawing, (left, middle, right) = panels((7.2, 2.6), columns=3)
    small, large = (by_rule(find_runs(results, f"figS7_{name}")) for name in ("small", "large"))
    shown = looks([*small, *large])
    for axes, runs, name in ((left, small, "a"), (middle, large, "b")):
        for rule, run in runs.items():
            draw_solved(axes, run, shown[rule])
        axes.set(xlabel="Presentations of all four cases", ylabel="MSE")
        axes.set(ylim=(0, 1.25 * axes.get_ylim()[1]), xlim=(0, None))
        letter(axes, name)
        axes.legend(fontsize=6, title="Runs that are solved", title_fontsize=6)
    draw_alignment(right, of_rule(results, "figS7_large", "fa"))
    letter(right, "c")
    return drawing


def draw_solved(axes: Axes, run: Run, look: Look) -> None:
    """Median and quartiles over the seeds that are solved; over all where none is."""
    mse = 2 * curves(run, "loss", across="step")
    solved = mse.iloc[-1] < SOLVED
    label = f"{look.label}: {solved.sum()} of {solved.size}"
    some = mse.loc[:, solved] if solved.any() else mse
    low, half, high = some.quantile([0.25, 0.5, 0.75], axis=1).to_numpy()
    band(axes, look._replace(label=label), mse.index, half, low, high)


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
    return scipy.stats.pearsonr(a, b).statistic
