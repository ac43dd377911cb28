"""Supp. Fig. 10: the flow of feedback alignment in a network of three neurons."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import panels
from fa_cli.figures.found import array, of_rule
from fa_cli.results.reading import Run

SIDE = 2.5
GREEN = "#2ca02c"
HEAD = 8  # the moment from which the arrow points along the path


def paths(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """A and W of all starts, (moments, S) each."""
    return array(run, "weights_0")[:, :, 0], array(run, "weights_1")[:, :, 0]


@figure("figS10", "fa-run +sweep=figS10")
def figs10(results: Path) -> Figure:
    """Flow (small arrows), solutions A W = 1, bad starts (shaded), a path from near 0.

    Of the solutions, grey ones have e W B e > 0, black ones < 0, and dashed ones are unstable. The
    flow is the expected update, Delta A = B (T - W A) and Delta W = (T - W A) A with T = B = 1
    (Supp. Note 11, eq. (6)-(7)). On the solutions it is stable where A^2 + W B > 0, so that of the
    lower left branch the part with W < -A^2 is not.
    """
    near, basin = (of_rule(results, f"figS10_{name}", "fa") for name in ("near", "basin"))
    drawing, axes = panels((4.2, 4))
    a, w = paths(basin)
    bad = w[-1] < 0
    axes.scatter(a[0][bad], w[0][bad], s=9, color="0.85", label="starts that end on the bad branch")
    draw_flow(axes)
    draw_solutions(axes)
    draw_path(axes, *paths(near))
    axes.set(xlabel="A", ylabel="W", xlim=(-SIDE, SIDE), ylim=(-SIDE, SIDE), aspect="equal")
    axes.legend(fontsize=7, loc="upper left", frameon=True, framealpha=0.9)
    return drawing


def draw_flow(axes: Axes) -> None:
    """The direction of the expected update, all over."""
    grid = np.linspace(-SIDE, SIDE, 21)
    x, y = np.meshgrid(grid, grid)
    dx, dy = 1 - x * y, (1 - x * y) * x
    length = np.hypot(dx, dy) + 1e-12
    axes.quiver(x, y, dx / length, dy / length, color="0.6", scale=38, width=0.003)


def draw_solutions(axes: Axes) -> None:
    """The two branches of A W = 1."""
    t = np.linspace(1 / SIDE, SIDE, 300)
    stable = t**2 > 1 / t  # on A = -t, W = -1/t: A^2 + W > 0
    axes.plot(t, 1 / t, color="0.45", linewidth=3, label=r"$eWBe > 0$")
    axes.plot(-t[stable], -1 / t[stable], color="black", linewidth=3, label=r"$eWBe < 0$")
    dashed = {"color": "black", "linewidth": 1.5, "linestyle": "--"}
    axes.plot(-t[~stable], -1 / t[~stable], **dashed, label="unstable")


def draw_path(axes: Axes, a: np.ndarray, w: np.ndarray) -> None:
    """How A and W learn from the start that is nearest to 0."""
    start = int(np.argmin(np.hypot(a[0], w[0])))
    x, y = a[:, start], w[:, start]
    axes.plot(x, y, color=GREEN, linewidth=2, label="from near 0")
    tail = min(HEAD, len(x) - 1)
    arrow = {"color": GREEN, "arrowstyle": "-|>"}
    axes.annotate("", (x[-1], y[-1]), (x[tail], y[tail]), arrowprops=arrow)
