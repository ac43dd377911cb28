"""Fig. 5 and Supp. Figs. 9 and 14: how forward weights come to align with the feedback."""

from pathlib import Path

import numpy as np
import pandas as pd
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
from fa_cli.figures.found import array, by_rule, curves, find_runs, of_rule, phases
from fa_cli.figures.schematic import FLOWS, draw_flows
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
    """a: angle of W to B^T, and of single hidden units; b: how that comes about; c: NSE in phases.

    c has all seeds, and two controls: backprop, where it was run, and a fresh B in the third phase.
    """
    options = {"width_ratios": [1, 1.15, 1.15]}
    drawing, (left, middle, right) = panels((10, 3.2), columns=3, gridspec_kw=options)
    draw_angles(left, of_rule(results, "fig5", "fa"))
    letter(left, "a")
    draw_flows(middle)
    for text in middle.texts:
        text.set_fontsize(7)
    told = "\n".join(f"{number}  {text}" for number, text in enumerate(FLOWS, start=1))
    middle.text(0.5, -0.02, told, transform=middle.transAxes, fontsize=7, ha="center", va="top")
    letter(middle, "b")
    draw_phases(right, results)
    letter(right, "c")
    return drawing


def draw_angles(axes: Axes, run: Run) -> None:
    """Fig. 5a."""
    whole = curves(run, "angle_w_b_1").iloc[:, 0]
    units = unit_angles(run)[:, :UNITS]
    lines = axes.plot(whole.index, units, color="black", linewidth=0.4, alpha=0.7)
    lines[0].set_label("of single hidden units")
    axes.plot(whole.index, whole, color="blue", linewidth=2.5, label="of $W$ to $B^T$")
    axes.axhline(90, color="0.7", linestyle=":", linewidth=1)
    axes.set(xlabel=EXAMPLES, ylabel=r"$W\,\angle\,B^T$ (degrees)", xlim=(0, None))
    axes.set(ylim=(0, 180), yticks=QUARTERS)
    axes.legend(fontsize=7)


def draw_phases(axes: Axes, results: Path) -> None:
    """Fig. 5c."""
    run = of_rule(results, "fig5_phases", "fa")
    draw_seeds(axes, curves(run, "nse"), Look("Feedback alignment", GREEN, "-"))
    last = phases(run, "examples")[-1]
    fresh = curves(of_rule(results, "fig5_fresh", "fa"), "nse")
    draw_seeds(axes, fresh[fresh.index >= last.start], Look("the same, a fresh $B$", "0.6", "--"))
    if other := by_rule(find_runs(results, "fig5_phases")).get("bp"):
        draw_seeds(axes, curves(other, "nse"), looks(["bp"])["bp"])
    for start, end, settings in phases(run, "examples"):
        frozen = tuple(sorted(settings.get("freeze") or ()))
        axes.axvline(start, color="0.5", linestyle=":", linewidth=1)
        place = {"ha": "center", "transform": axes.get_xaxis_transform(), "fontsize": 7}
        axes.text((start + end) / 2, 1.02, LEARN.get(frozen, ""), **place)
    axes.set(xlabel=EXAMPLES, ylabel="NSE", ylim=(0, 2), xlim=(0, last.end))
    axes.legend(fontsize=6.5, loc="upper right", bbox_to_anchor=(0.87, 1))  # beside the last phase


def draw_seeds(axes: Axes, nse: pd.DataFrame, look: Look) -> None:
    """The curves of all seeds, as one entry of the legend."""
    lines = axes.plot(nse.index, nse, color=look.colour, linestyle=look.line, linewidth=1)
    lines[0].set_label(look.label)


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
    """NSE with backprop (black), then feedback alignment from there (green).

    Geometric mean and one s.d. over seeds.
    """
    drawing, axes = panels((4.2, 2.8))
    run = of_rule(results, "figS14", "fa")
    for k, (rule, start, end) in enumerate(stretches(run)):
        look = looks([rule])[rule]
        at = run.metrics["examples"]
        part = run._replace(metrics=run.metrics[(at >= start) & (at <= end)])
        log_band(axes, part, look._replace(label=None))
        if k % 2 == 0:
            axes.axvspan(start, end, color="0.93", linewidth=0, zorder=0)
        place = {"ha": "center", "transform": axes.get_xaxis_transform()}
        axes.text((start + end) / 2, 1.02, look.label, **place)
    nse_axes(axes)
    return drawing


def stretches(run: Run) -> list[tuple[str, float, float]]:
    """(rule, start, end) of the phases, those of one rule in a row as one."""
    found: list[tuple[str, float, float]] = []
    for start, end, settings in phases(run, "examples"):
        rule = settings.get("rule") or run.rule
        if found and found[-1][0] == rule:
            start = found.pop()[1]
        found.append((rule, start, end))
    return found
