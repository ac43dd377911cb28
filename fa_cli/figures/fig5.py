"""Fig. 5a,c and Supp. Figs. 9 and 14: how forward weights come to align with the feedback."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import (
    EXAMPLES,
    Look,
    letter,
    log_band,
    looks,
    nse_axes,
    panels,
)
from fa_cli.figures.found import array, curves, of_rule, phases
from fa_cli.results.reading import Run

COMMAND = "fa-run +sweep=fig5"
UNITS = 20  # hidden units drawn one by one
GREEN = "#2ca02c"
LEARN = {(1,): r"$W_0$ learns", (0,): r"$W$ learns", (): r"$W_0$, $W$ learn"}  # what is frozen
QUARTERS = range(0, 181, 45)


def unit_angles(run: Run) -> np.ndarray:
    """Angle of each hidden unit's W column to its B row, (moments, units), of the first seed."""
    return array(run, "angle_w_b_unit_1")[:, 0]


@figure("fig5", COMMAND)
def fig5(results: Path) -> Figure:
    """a: angle of W to B^T (thin lines: of single hidden units); c: NSE in phases, all seeds."""
    drawing, (left, right) = panels((7, 2.8), columns=2)
    draw_angles(left, of_rule(results, "fig5", "fa"))
    letter(left, "a")
    draw_phases(right, of_rule(results, "fig5_phases", "fa"))
    letter(right, "c")
    return drawing


def draw_angles(axes: Axes, run: Run) -> None:
    """Fig. 5a."""
    whole = curves(run, "angle_w_b_1").iloc[:, 0]
    units = unit_angles(run)[:, :UNITS]
    axes.plot(whole.index, units, color="black", linewidth=0.4, alpha=0.7)
    axes.plot(whole.index, whole, color="blue", linewidth=2.5)
    axes.axhline(90, color="0.7", linestyle=":", linewidth=1)
    axes.set(xlabel=EXAMPLES, ylabel=r"$W\,\angle\,B^T$ (degrees)", xlim=(0, None))
    axes.set(ylim=(0, 180), yticks=QUARTERS)


def draw_phases(axes: Axes, run: Run) -> None:
    """Fig. 5c."""
    nse = curves(run, "nse")
    axes.plot(nse.index, nse, color=GREEN, linewidth=1)
    for start, end, settings in phases(run, "examples"):
        frozen = tuple(sorted(settings.get("freeze") or ()))
        axes.axvline(start, color="0.5", linestyle=":", linewidth=1)
        axes.text((start + end) / 2, 1.18, LEARN.get(frozen, ""), ha="center", fontsize=7)
    axes.set(xlabel=EXAMPLES, ylabel="NSE", ylim=(0, 1.25), xlim=(0, nse.index[-1]))


@figure("figS9", COMMAND)
def figs9(results: Path) -> Figure:
    """a: NSE; b: angles of single hidden units before and after learning, of the first seed."""
    drawing, (left, right) = panels((7, 2.8), columns=2)
    run = of_rule(results, "fig5", "fa")
    log_band(left, run, looks(["fa"])["fa"])
    nse_axes(left)
    letter(left, "a")
    bins, angles = np.arange(0, 181, 5), unit_angles(run)
    angles = angles[np.isfinite(angles).any(axis=1)]
    right.hist(angles[0], bins, color="0.7", label="before learning")
    right.hist(angles[-1], bins, color=GREEN, alpha=0.7, label="after learning")
    right.set(xlabel=r"$W_j\,\angle\,B_j$ (degrees)", ylabel="Hidden units", xticks=QUARTERS)
    right.legend()
    letter(right, "b")
    return drawing


@figure("figS14", COMMAND)
def figs14(results: Path) -> Figure:
    """NSE with backprop, then feedback alignment from there.

    Geometric mean and one s.d. over seeds.
    """
    drawing, axes = panels((4.2, 2.8))
    run = of_rule(results, "figS14", "fa")
    log_band(axes, run, Look(None, GREEN, "-"))
    for k, (start, end, settings) in enumerate(phases(run, "examples")):
        rule = settings.get("rule") or run.rule
        if k % 2 == 0:
            axes.axvspan(start, end, color="0.93", linewidth=0, zorder=0)
        place = {"ha": "center", "transform": axes.get_xaxis_transform()}
        axes.text((start + end) / 2, 1.02, looks([rule])[rule].label, **place)
    nse_axes(axes)
    return drawing
