"""Supp. Fig. 13: from small weights, W learns to act like a pseudoinverse of B."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
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
from fa_cli.figures.found import by_setting, curves, find_runs, setting, short
from fa_cli.results.reading import Run

PAPER = 9  # ranges
SCALE = "model.weight_scale"
ANGLES = {"angle_to_bp_1": "BP", "angle_to_pbp_1": "PBP"}
LINE = {"nse": 0.05, **dict.fromkeys(ANGLES, 1)}  # about a curve's width, in log10 and degrees


@figure("figS13", "fa-run +sweep=figS13")
def figs13(results: Path) -> Figure:
    """a: NSE, b: angle to backprop, c: to pseudobackprop, for nine ranges of the initial weights.

    Blue (small) to red; means over seeds. Curves that lie on that of the smallest range are named.
    """
    runs = by_setting(find_runs(results, "figS13"), SCALE)
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
    tell_coinciding(row[2], runs)
    legend(row[2], PAPER, title=r"$\omega$", fontsize=6, title_fontsize=7, ncols=2)
    return drawing


def shades(runs: list[Run]) -> list[str]:
    """A colour for each run, by the range of its initial weights."""
    scales = list(dict.fromkeys(short(setting(run, SCALE)) for run in runs))
    colours = matplotlib.colormaps["turbo"](np.linspace(0.08, 0.92, len(scales)))
    return [to_hex(colours[scales.index(short(setting(run, SCALE)))]) for run in runs]


def middle(run: Run, column: str) -> pd.Series:
    """The mean over seeds at each moment, of NSE that of log10."""
    table = curves(run, column)
    return (np.log10(table) if column == "nse" else table).mean(axis=1)


def tell_coinciding(axes: Axes, runs: list[Run]) -> None:
    """Name the ranges whose curves are on average no further from the smallest's than LINE."""
    first, names = runs[0], []
    for run in [run for run in runs if run.rule == first.rule]:
        gaps = {column: abs(middle(run, column) - middle(first, column)).mean() for column in LINE}
        if all(gaps[column] < width for column, width in LINE.items()):
            names.append(short(setting(run, SCALE)))
    if len(names) > 1:
        text = rf"$\omega$ = {', '.join(names)} coincide"
        axes.text(0.04, 0.04, text, transform=axes.transAxes, fontsize=6)


def draw_run(row: np.ndarray, run: Run, look: Look) -> None:
    """One run's means over seeds, in all panels."""
    for axes, column in zip(row, ("nse", *ANGLES), strict=True):
        shown = middle(run, column)
        style = {"color": look.colour, "linestyle": look.line, "linewidth": 1.2}
        axes.plot(shown.index, 10**shown if column == "nse" else shown, label=look.label, **style)
