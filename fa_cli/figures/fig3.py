"""Fig. 3: nonlinear networks, on handwritten digits (a, b) and with more layers (c, d)."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import Missing, fig3d, figure, schematic
from fa_cli.figures.drawing import (
    ANGLE,
    EPOCHS,
    angle_axes,
    draw_learning_curves,
    error_curves,
    legend,
    letter,
    looks,
    panels,
    with_angles,
)
from fa_cli.figures.found import by_rule, curves, find_runs

COMMAND = "fa-run +sweep=fig3"


@figure("fig3", COMMAND)
def fig3(results: Path) -> Figure:
    """a: error on the 10,000 test images; b: angle of the rules' delta to backprop's.

    Both mean and one s.d. over seeds. c: feedback alignment in a deep network; d: Fig. 3d, where
    its runs are there.
    """
    drawing, ((left, right), (deep, fitting)) = panels((8, 6), rows=2, columns=2)
    draw_digits(left, right, results, "fig3_mnist")
    schematic.draw(deep, "fa", 3)
    for text in deep.texts:
        text.set_fontsize(6.5)  # it is drawn for a larger panel
    letter(deep, "c")
    draw_fitting(fitting, results)
    letter(fitting, "d")
    return drawing


@figure("fig3_small_rate", "fa-run +sweep=fig3_small_rate")
def fig3_small_rate(results: Path) -> Figure:
    """Fig. 3a,b once more, with a small rate."""
    drawing, (left, right) = panels((8, 3), columns=2)
    draw_digits(left, right, results, "fig3_small_rate")
    return drawing


def draw_digits(left: Axes, right: Axes, results: Path, experiment: str) -> None:
    """Panels a and b: the rules' errors, and the angles of their deltas to backprop's."""
    runs = by_rule(find_runs(results, experiment))
    error_curves(left, runs)
    legend(left, 5, loc="upper right", bbox_to_anchor=(0.97, 0.93), fontsize=7)
    letter(left, "a")
    angled, shown = with_angles(runs, results / experiment), looks(runs)
    for rule, run in angled.items():
        angles = curves(run, ANGLE, across="epoch")
        style = {"color": shown[rule].colour, "linestyle": shown[rule].line, "capsize": 2}
        right.errorbar(angles.index, angles.mean(axis=1), angles.std(axis=1), **style)
    angle_axes(right, angled, EPOCHS)
    letter(right, "b")


def draw_fitting(axes: Axes, results: Path) -> None:
    """Panel d, or what to type for it."""
    try:
        draw_learning_curves(axes, results, *fig3d.experiments_of("fig3d"))
        axes.legend(fontsize=7)
    except Missing:
        axes.axis("off")
        text = "type `fa-run +sweep=fig3d` for Fig. 3d"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", fontsize=7)
