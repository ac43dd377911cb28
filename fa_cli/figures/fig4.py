"""Fig. 4: neurons that integrate and spike, at three stages of learning; the learning curve."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from fa_cli.figures import Missing, figure
from fa_cli.figures.drawing import error_curves, letter
from fa_cli.figures.found import array, by_rule, curves, find_runs, setting
from fa_cli.results.rasters import SHOWN, STEPS, raster_units
from fa_cli.results.reading import Run

STAGES = ("Early", "Middle", "Late")
NEURON = 2  # the hidden layer whose first neuron's potential is drawn
TRACES = {"psp": ("PSP", "black"), "modulator": (r"$\delta_j$", "#d62728")}  # label, colour
TIME = SHOWN * STEPS
PAPER = 1.8  # % of the test images


class Moment(NamedTuple):
    """A moment of learning of the first seed."""

    run: Run
    sizes: list[int]  # n_0 .. n_L
    row: int  # of the arrays
    first: bool  # whether it is drawn in the first column, which has the labels


@figure("fig4", "fa-run experiment=fig4_spiking")
def fig4(results: Path) -> Figure:
    """a: what the network does; b: error on the test set, mean and one s.d. over seeds.

    a, top to bottom: images, rasters of hidden layers 1 to 3 and of the output, a forward neuron's
    PSP and its signal.
    """
    runs = by_rule(find_runs(results, "fig4_spiking"))
    run = recorded(runs, results / "fig4_spiking")
    drawing = Figure(figsize=(8.5, 7.2), layout="constrained")
    columns = drawing.add_gridspec(1, 4, width_ratios=[1, 1, 1, 0.95])
    for stage, (row, name) in enumerate(zip(moments(run), STAGES, strict=True)):
        moment = Moment(run, setting(run, "model.sizes"), row, first=stage == 0)
        draw_stage(drawing, columns[stage], moment, name)
    drawing.text(0, 1, "a", fontsize=12, fontweight="bold", va="top")

    axes = drawing.add_subplot(columns[3].subgridspec(2, 1, height_ratios=[1, 1.2])[0])
    error_curves(axes, runs)
    axes.axhline(PAPER, color="0.5", linestyle=":", linewidth=1)
    below = {"transform": axes.get_yaxis_transform(), "va": "top"}  # where no curve comes
    axes.text(0.03, 0.84 * PAPER, f"paper: {PAPER} %", fontsize=7, **below)
    axes.legend(fontsize=7)
    letter(axes, "b")
    return drawing


def recorded(runs: Mapping[str, Run], folder: Path) -> Run:
    """A run with all that a shows: that of feedback alignment, or the first other.

    Raises Missing if there is none.
    """
    for run in sorted(runs.values(), key=lambda run: run.rule != "fa"):
        layers = range(1, len(setting(run, "model.sizes")))
        needed = {"raster_images", *(f"raster_{l}" for l in layers)}
        if needed | {f"{trace}_{NEURON}" for trace in TRACES} <= {*run.arrays}:
            return run
    raise Missing(f"no run with rasters and signals of hidden layer {NEURON} in {folder}")


def moments(run: Run) -> tuple[int, int, int]:
    """Rows of the first seed to show: the first, one on the way, and the last.

    On the way is the first whose test error is nearer to the last than to the first, as a ratio.
    """
    error = curves(run, "test_error")[run.metrics["seed"].iloc[0]].dropna().to_numpy()
    nearer = np.flatnonzero(error < np.sqrt(error[0] * error[-1]))
    return 0, int(nearer[0]) if len(nearer) else len(error) // 2, len(error) - 1


def draw_stage(drawing: Figure, where: SubplotSpec, moment: Moment, name: str) -> None:
    """One column: what the network did at one moment of learning."""
    run, depth = moment.run, len(moment.sizes) - 1
    heights = [0.8, *[1.1] * depth, *[0.8] * len(TRACES)]
    parts = where.subgridspec(len(heights), 1, height_ratios=heights)
    panels = [drawing.add_subplot(part) for part in parts]

    draw_images(panels[0], moment)
    seed = run.metrics["seed"].iloc[0]
    epoch = run.metrics.loc[run.metrics["seed"] == seed, "epoch"].iloc[moment.row]
    panels[0].set_title(f"{name} (epoch {epoch:.3g})")
    for l in range(1, depth + 1):
        draw_raster(panels[l], moment, l)
    name_digits(panels[depth], moment)
    for axes, trace in zip(panels[depth + 1 :], TRACES, strict=True):
        draw_trace(axes, moment, trace)
        axes.tick_params(labelbottom=axes is panels[-1])
    panels[-1].set_xlabel("Time steps")
    for axes in panels[1:]:
        between(axes)


def draw_images(axes: Axes, moment: Moment) -> None:
    """The images, each over its time; raises Missing if they are not square."""
    pixels = array(moment.run, "raster_images")[moment.row, 0].reshape(SHOWN, -1)
    side = round(np.sqrt(pixels.shape[1]))
    if side**2 != pixels.shape[1]:
        raise Missing(f"{moment.run.folder} was not shown square images")
    for k, picture in enumerate(pixels.reshape(SHOWN, side, side)):
        middle = (k + 0.5) * STEPS
        extent = (middle - 16, middle + 16, 0, 32)
        axes.imshow(picture, cmap="gray_r", extent=extent, aspect="auto")
    axes.set(xlim=(0, TIME), ylim=(0, 32), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def draw_raster(axes: Axes, moment: Moment, l: int) -> None:
    """The spikes of some units of layer l."""
    spikes = array(moment.run, f"raster_{l}")[moment.row, 0].reshape(TIME, -1)
    when, which = np.nonzero(spikes)
    mark = {"marker": "|", "markersize": 1.3, "markeredgewidth": 0.5, "color": "black"}
    axes.plot(when + 0.5, which, linestyle="", **mark)
    axes.set(xlim=(0, TIME), ylim=(-1, spikes.shape[1]), xticks=[], yticks=[])
    hidden = l < len(moment.sizes) - 1
    if moment.first:
        axes.set_ylabel(f"Hidden {l}" if hidden else "Output", labelpad=8)


def name_digits(axes: Axes, moment: Moment) -> None:
    """Each digit at the middle of its output units."""
    kept = moment.run.arrays.get("raster_classes")
    if kept is not None and np.isfinite(kept[moment.row]).all():
        classes = kept[moment.row, 0].astype(int)
    else:  # of an earlier version, whose output units were any
        seed, depth = int(moment.run.metrics["seed"].iloc[0]), len(moment.sizes) - 1
        units = raster_units(seed, depth, moment.sizes[depth])
        classes = units // setting(moment.run, "model.population")
    digits = np.unique(classes)
    middles = [np.flatnonzero(classes == digit).mean() for digit in digits]
    axes.set_yticks(middles, labels=digits, fontsize=5)
    axes.tick_params(length=0)


def draw_trace(axes: Axes, moment: Moment, trace: str) -> None:
    """A neuron's potential or signal over time, on a scale for all moments."""
    values, (label, colour) = array(moment.run, f"{trace}_{NEURON}"), TRACES[trace]
    axes.plot(np.arange(TIME) + 1, values[moment.row, 0], color=colour, linewidth=0.8)
    limit = 1.05 * np.nanmax(np.abs(values))
    axes.set(xlim=(0, TIME), ylim=(-limit, limit), yticks=[0], xticks=range(0, TIME + 1, STEPS))
    if moment.first:
        axes.set_ylabel(f"{label} (a.u.)")


def between(axes: Axes) -> None:
    """Thin lines where one image gives way to the next."""
    for k in range(1, SHOWN):
        axes.axvline(k * STEPS, color="0.6", linewidth=0.6, linestyle=":")
