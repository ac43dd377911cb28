"""Supp. Fig. 10: the flow of feedback alignment in a network of three neurons."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import letter, panels
from fa_cli.figures.found import array, of_rule
from fa_cli.figures.schematic import BLUE, CENTRE, GOLD, GREY, THICK, neurons, synapse
from fa_cli.results.reading import Run

SIDE = 2.5
GREEN = "#2ca02c"
CONSTANTS = range(-8, 6)  # 2 W - A^2 of the parabolas that are drawn
PLACES = {"x": (0, 0), "h": (1.5, 0), "y": (3, 0), "e": (3, -1.5), "y^*": (4.5, -1.5)}
HEAD = 8  # the moment from which the arrow points along the path


def paths(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """A and W of all starts, (moments, S) each."""
    return array(run, "weights_0")[:, :, 0], array(run, "weights_1")[:, :, 0]


@figure("figS10", "fa-run +sweep=figS10")
def figs10(results: Path) -> Figure:
    """a: three neurons. b: flow (small arrows), solutions A W = 1, bad starts, a path from near 0.

    Of the solutions, grey ones have e W B e > 0, black ones < 0, and dashed ones are unstable. The
    flow is the expected update, Delta A = B (T - W A) and Delta W = (T - W A) A with T = B = 1
    (Supp. Note 11, eq. (6)-(7)), along parabolas on which 2 W - A^2 is constant (eq. (10)). On the
    solutions it is stable where A^2 + W B > 0, so that of the lower left branch the part with
    W < -A^2 is not. All starts that end on the other part are shaded; dots are those of the run.
    """
    near, basin = (of_rule(results, f"figS10_{name}", "fa") for name in ("near", "basin"))
    drawing, (left, axes) = panels((7.2, 4.6), columns=2, width_ratios=[1, 1.6])
    draw_network(left)
    draw_basin(axes, *paths(basin))
    draw_flow(axes)
    draw_solutions(axes)
    draw_path(axes, *paths(near))
    axes.set(
        xlabel="A", ylabel="W", xlim=(-SIDE, SIDE), ylim=(-SIDE, SIDE), aspect="equal", anchor="N"
    )
    drawing.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7
    )
    letter(left, "a")
    letter(axes, "b")
    return drawing


def draw_network(axes: Axes) -> None:
    """The network and its feedback: y = W h, h = A x, and B e for h."""
    at = {name: np.array(place) for name, place in PLACES.items()}
    for names, colour in ((("x", "h", "y"), BLUE), (("e",), GOLD), (("y^*",), GREY)):
        neurons(axes, [at[name] for name in names], colour)
    for start, end, kind in (("x", "h", "learning"), ("h", "y", "learning"), ("e", "h", "random")):
        synapse(axes, at[start], at[end], kind, THICK)
    for start in ("y", "y^*"):
        synapse(axes, at[start], at["e"], "given", 1.2)
    for name, place in at.items():
        rise = -0.3 if name == "e" else 0.3
        axes.text(place[0], place[1] + rise, f"${name}$", va="center", **CENTRE)
    for name, (x, y) in {"A": (0.75, 0.25), "W": (2.25, 0.25), "B": (2.05, -0.95)}.items():
        axes.text(x, y, f"${name}$", va="center", fontsize=11, **CENTRE)
    axes.text(2.25, -2.4, "$e = Tx - y$,  $T = B = 1$", va="center", **CENTRE)
    axes.set(xlim=(-0.5, 5), ylim=(-2.7, 0.7), aspect="equal", anchor="N")
    axes.axis("off")


def bad_edge(a: np.ndarray) -> np.ndarray:
    """The W below which a start at A < 0 ends on the bad branch.

    Along the parabola 2 W = A^2 + c the flow is dA/dt = 1 - A (A^2 + c) / 2, whose zeros are the
    solutions on it: one at A > 0 and, where c < -3, two more, a stable one at A < -1 and an
    unstable one at A > -1. Whatever is left of the latter ends at the former. So the edge is the
    unstable branch and, from (-1, -1) on, the parabola with c = -3.
    """
    return np.where(a < -1, (a**2 - 3) / 2, 1 / a)


def draw_basin(axes: Axes, a: np.ndarray, w: np.ndarray) -> None:
    """All starts that end on the bad branch, and those of a run that did."""
    edge, bad = np.linspace(-SIDE, -1 / SIDE, 400), w[-1] < 0
    shade = {"color": "0.88", "linewidth": 0}
    axes.fill_between(
        edge, -SIDE, bad_edge(edge), **shade, label="starts that reach the bad branch"
    )
    label = f"of {bad.size:,} trained, those that did"
    axes.scatter(a[0][bad], w[0][bad], s=3, color="0.6", linewidth=0, label=label)


def draw_flow(axes: Axes) -> None:
    """The direction of the expected update, all over, and the parabolas that it follows."""
    a = np.linspace(-SIDE, SIDE, 200)
    for c in CONSTANTS:
        label = "$2W - A^2$ constant" if c == 0 else None
        axes.plot(a, (a**2 + c) / 2, color="#a6c8e8", linewidth=0.7, label=label)
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
