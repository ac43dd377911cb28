"""Fig. 2: feedback alignment matches backprop on a linear problem."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import (
    ANGLE,
    EXAMPLES,
    Look,
    angle_axes,
    band,
    legend,
    letter,
    log_band,
    looks,
    nse_axes,
    panels,
    with_angles,
)
from fa_cli.figures.found import by_rule, curves, find_runs
from fa_cli.results.reading import Run

PAPER = 4  # rules
WINDOW = 10  # examples


@figure("fig2", "fa-run +sweep=fig2")
def fig2(results: Path) -> Figure:
    """a: NSE on held-out examples; b: angle of the rules' delta to backprop's.

    Band of a: geometric mean and one s.d. over seeds; of b: two s.d.'s over all seeds and a sliding
    window of 10 examples.
    """
    runs = by_rule(find_runs(results, "fig2"))
    drawing, (left, right) = panels((7, 2.8), columns=2)
    shown = looks(runs)
    for rule, run in runs.items():
        log_band(left, run, shown[rule])
    nse_axes(left)
    legend(left, PAPER)
    letter(left, "a")

    angled = with_angles(runs, results / "fig2")
    for rule, run in angled.items():
        sliding_angle(right, run, shown[rule])
    angle_axes(right, angled, EXAMPLES)
    letter(right, "b")
    return drawing


def sliding_angle(axes: Axes, run: Run, look: Look) -> None:
    """The angle of the hidden signal to backprop's, over all seeds and a window of examples."""
    angles = curves(run, ANGLE)
    width = min(WINDOW, len(angles))
    window = np.lib.stride_tricks.sliding_window_view(angles.to_numpy(), width, axis=0)
    middle, spread = np.nanmean(window, axis=(1, 2)), np.nanstd(window, axis=(1, 2))
    x = angles.index[len(angles) - len(middle) :]
    band(axes, look, x, middle, middle - 2 * spread, middle + 2 * spread)
