"""Supp. Fig. 10: the flow of feedback alignment in a network of three neurons."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from fa_cli.figures import by_rule, figure, find_runs
from fa_cli.record import Run

COMMAND = "fa-run +sweep=figS10"
SIDE = 2.5


def paths(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """A and W of all starts, (moments, S) each."""
    return run.arrays["weights_0"][:, :, 0], run.arrays["weights_1"][:, :, 0]


@figure("figS10")
def figs10(results: Path) -> plt.Figure:
    """Flow (small arrows), solutions A W = 1 (grey: e W B e > 0; black: < 0; dashed: unstable), bad starts (shaded), a path from near 0.

    The flow is the expected update, Delta A = B (T - W A) and Delta W = (T - W A) A with T = B = 1 (Supp. Note 11, eq. (6)-(7)). On the
    solutions it is stable where A^2 + W B > 0, so that of the lower left branch the part with W < -A^2 is not.
    """
    near, basin = (
        by_rule(find_runs(results, name, COMMAND))["fa"] for name in ("figS10_near", "figS10_basin")
    )
    drawing, axes = plt.subplots(figsize=(4.2, 4), layout="constrained")

    a, w = paths(basin)
    bad = w[-1] < 0
    axes.scatter(a[0][bad], w[0][bad], s=9, color="0.85", label="starts that end on the bad branch")

    grid = np.linspace(-SIDE, SIDE, 21)
    x, y = np.meshgrid(grid, grid)
    dx, dy = 1 - x * y, (1 - x * y) * x
    length = np.hypot(dx, dy) + 1e-12
    axes.quiver(x, y, dx / length, dy / length, color="0.6", scale=38, width=0.003)

    t = np.linspace(1 / SIDE, SIDE, 300)
    stable = t**2 > 1 / t  # on A = -t, W = -1/t: A^2 + W > 0
    axes.plot(t, 1 / t, color="0.45", linewidth=3, label=r"$eWBe > 0$")
    axes.plot(-t[stable], -1 / t[stable], color="black", linewidth=3, label=r"$eWBe < 0$")
    axes.plot(
        -t[~stable], -1 / t[~stable], color="black", linewidth=1.5, linestyle="--", label="unstable"
    )

    a, w = paths(near)
    first = int(np.argmin(np.hypot(a[0], w[0])))
    axes.plot(a[:, first], w[:, first], color="#2ca02c", linewidth=2, label="from near 0")
    axes.annotate(
        "",
        (a[-1, first], w[-1, first]),
        (a[8, first], w[8, first]),
        arrowprops={"color": "#2ca02c", "arrowstyle": "-|>"},
    )
    axes.set(xlabel="A", ylabel="W", xlim=(-SIDE, SIDE), ylim=(-SIDE, SIDE), aspect="equal")
    axes.legend(fontsize=7, loc="upper left", frameon=True, framealpha=0.9)
    return drawing
