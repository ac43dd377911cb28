"""Fig. 3a,b: a 784-1000-10 network of logistic units learns to recognise handwritten digits."""

from pathlib import Path

from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import (
    ANGLE,
    EPOCHS,
    angle_axes,
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

    Both mean and one s.d. over seeds.
    """
    runs = by_rule(find_runs(results, "fig3_mnist"))
    drawing, (left, right) = panels((7, 2.8), columns=2)
    error_curves(left, runs)
    legend(left, 5)
    letter(left, "a")

    angled, shown = with_angles(runs, results / "fig3_mnist"), looks(runs)
    for rule, run in angled.items():
        angles = curves(run, ANGLE, across="epoch")
        style = {"color": shown[rule].colour, "linestyle": shown[rule].line, "capsize": 2}
        right.errorbar(angles.index, angles.mean(axis=1), angles.std(axis=1), **style)
    angle_axes(right, angled, EPOCHS)
    letter(right, "b")
    return drawing
