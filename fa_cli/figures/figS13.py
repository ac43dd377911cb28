"""Supp. Fig. 13: from small weights, W learns to act like a pseudoinverse of B."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import (
    EXAMPLES,
    Look,
    angle_label,
    legend,
    letter,
    looks,
    panels,
)
from fa_cli.figures.found import curves, find_runs, setting, short
from fa_cli.results.reading import Run, order

PAPER = 9  # ranges
SCALE = "model.weight_scale"
ANGLES = {"angle_to_bp_1": "BP", "angle_to_pbp_1": "PBP"}


@figure("figS13", "fa-run +sweep=figS13")
def figs13(results: Path) -> Figure:
    """a: NSE, b: angle to backprop, c: to pseudobackprop, for nine ranges of the initial weights.

    Blue (small) to red; means over seeds.
    """
    runs = sorted(find_runs(results, "figS13"), key=lambda run: order(setting(run, SCALE)))
    shown = looks(run.rule for run in runs)
    drawing, row = panels((7.2, 2.6), columns=3)
    for run, colour in zip(runs, shades(runs), strict=True):
        label, _, line = shown[run.rule]
        text = short(setting(run, SCALE))
        draw_run(row, run, Look(text if len(shown) == 1 else f"{text}, {label}", colour, line))
    row[0].set(yscale="log", ylabel="NSE")
    for axes, to in zip(row[1:], ANGLES.values(), strict=True):
        axes.set(ylabel=angle_label(shown, to), ylim=(0, 95), yticks=range(0, 91, 15))
    for axes, name in zip(row, "abc", strict=True):
        axes.set(xlabel=EXAMPLES, xlim=(0, None))
        letter(axes, name)
    legend(row[2], PAPER, title=r"$\omega$", fontsize=6, title_fontsize=7, ncols=2)
    return drawing


def shades(runs: list[Run]) -> list[str]:
    """A colour for each run, by the range of its initial weights."""
    scales = list(dict.fromkeys(short(setting(run, SCALE)) for run in runs))
    colours = matplotlib.colormaps["turbo"](np.linspace(0.08, 0.92, len(scales)))
    return [to_hex(colours[scales.index(short(setting(run, SCALE)))]) for run in runs]


def draw_run(row: np.ndarray, run: Run, look: Look) -> None:
    """One run's means over seeds, in all panels."""
    for axes, column in zip(row, ("nse", *ANGLES), strict=True):
        table = curves(run, column)
        middle = 10 ** np.log10(table).mean(axis=1) if column == "nse" else table.mean(axis=1)
        style = {"color": look.colour, "linestyle": look.line, "linewidth": 1.2}
        axes.plot(table.index, middle, label=look.label, **style)
