"""Fig. 4: a network of neurons that integrate and spike, at three stages of learning, and its learning curve."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.gridspec import SubplotSpec

from fa_cli.figures import (
    COLOURS,
    Missing,
    by_rule,
    curves,
    figure,
    find_runs,
    letter,
    line_with_band,
)
from fa_cli.record import Run
from fa_cli.spiking import SHOWN, STEPS, raster_units

COMMAND = "fa-run experiment=fig4_spiking"
STAGES = ("Early", "Middle", "Late")
NEURON = 2  # the hidden layer whose first neuron's potential is drawn
MODULATOR = "#d62728"


@figure("fig4")
def fig4(results: Path) -> plt.Figure:
    """a, top to bottom: images, rasters of hidden layers 1 to 3 and of the output, a forward neuron's PSP and its signal; b: test error."""
    runs = by_rule(find_runs(results, "fig4_spiking", COMMAND))
    run = runs.get("fa") or next(iter(runs.values()), None)
    if run is None or not {"raster_1", f"psp_{NEURON}", f"modulator_{NEURON}"} <= {*run.arrays}:
        raise Missing(
            f"no run with rasters and signals of hidden layer {NEURON} in {results / 'fig4_spiking'}: type `{COMMAND}`"
        )
    drawing = plt.figure(figsize=(8.5, 7.2), layout="constrained")
    columns = drawing.add_gridspec(1, 4, width_ratios=[1, 1, 1, 0.95])
    for stage, (row, name) in enumerate(zip(moments(run), STAGES, strict=True)):
        draw_stage(drawing, columns[stage], run, row, name, first=stage == 0)

    axes = drawing.add_subplot(columns[3].subgridspec(2, 1, height_ratios=[1, 1.2])[0])
    for rule, shown in runs.items():
        error = curves(shown, "test_error", across="epoch")
        middle, spread = error.mean(axis=1), error.std(axis=1).fillna(0)
        line_with_band(axes, rule, error.index, middle, middle - spread, middle + spread)
    axes.axhline(1.8, color="0.5", linestyle=":", linewidth=1)
    axes.text(error.index[-1], 1.8, "paper: 1.8 %", ha="right", va="bottom", fontsize=7)
    axes.set(
        yscale="log",
        xlabel="Epochs (60,000 examples)",
        ylabel="Error on test set (%)",
        xlim=(0, None),
        ylim=(1, 100),
    )
    axes.set_yticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    axes.legend(fontsize=7)
    letter(axes, "b")
    drawing.text(0, 1, "a", fontsize=12, fontweight="bold", va="top")
    return drawing


def moments(run: Run) -> tuple[int, int, int]:
    """Rows of the first seed to show: first, last, and the first whose test error is below a fifth of the start's, or half-way."""
    error = curves(run, "test_error")[run.metrics["seed"].iloc[0]].dropna().to_numpy()
    below = np.flatnonzero(error < error[0] / 5)
    return 0, int(below[0]) if len(below) else len(error) // 2, len(error) - 1


def draw_stage(
    drawing: plt.Figure, where: SubplotSpec, run: Run, row: int, name: str, first: bool
) -> None:
    """One column: what the network did at one moment of learning."""
    sizes, time = run.config["model"]["sizes"], SHOWN * STEPS
    seed = int(run.metrics["seed"].iloc[0])
    parts = where.subgridspec(
        len(sizes) + 2, 1, height_ratios=[0.8, *[1.1] * (len(sizes) - 1), 0.8, 0.8]
    )
    images = drawing.add_subplot(parts[0])
    side = int(np.sqrt(sizes[0]))
    pixels = run.arrays["raster_images"][row, 0].reshape(SHOWN, side, side)
    for k, picture in enumerate(pixels):
        images.imshow(
            picture,
            cmap="gray_r",
            extent=((k + 0.5) * STEPS - 16, (k + 0.5) * STEPS + 16, 0, 32),
            aspect="auto",
        )
    epoch = run.metrics.loc[run.metrics["seed"] == seed, "epoch"].iloc[row]
    images.set(
        xlim=(0, time), ylim=(0, 32), xticks=[], yticks=[], title=f"{name} (epoch {epoch:g})"
    )
    images.spines[:].set_visible(False)

    for l in range(1, len(sizes)):
        axes = drawing.add_subplot(parts[l])
        spikes = run.arrays[f"raster_{l}"][row, 0].reshape(time, -1)
        when, which = np.nonzero(spikes)
        axes.plot(
            when + 0.5,
            which,
            linestyle="",
            marker="|",
            markersize=1.3,
            markeredgewidth=0.5,
            color="black",
        )
        axes.set(xlim=(0, time), ylim=(-1, spikes.shape[1]), xticks=[], yticks=[])
        if first:
            axes.set_ylabel(
                f"{l}" if l < len(sizes) - 1 else "Output",
                rotation=0 if l < len(sizes) - 1 else 90,
                labelpad=8,
            )
        if l == len(sizes) - 1:
            classes = raster_units(seed, l, sizes[l]) // run.config["model"]["population"]
            digits = np.unique(classes)
            axes.set_yticks(
                [np.flatnonzero(classes == digit).mean() for digit in digits],
                labels=digits,
                fontsize=5,
            )
            axes.tick_params(length=0)
        between(axes)

    for part, (key, label, colour) in enumerate(
        (("psp", "PSP", COLOURS["bp"]), ("modulator", r"$\delta_j$", MODULATOR)), start=len(sizes)
    ):
        axes = drawing.add_subplot(parts[part])
        axes.plot(
            np.arange(time) + 1, run.arrays[f"{key}_{NEURON}"][row, 0], color=colour, linewidth=0.8
        )
        limit = 1.05 * np.abs(run.arrays[f"{key}_{NEURON}"]).max()
        axes.set(xlim=(0, time), ylim=(-limit, limit), yticks=[0], xticks=range(0, time + 1, STEPS))
        axes.tick_params(labelbottom=part > len(sizes))
        if first:
            axes.set_ylabel(f"{label} (a.u.)")
        between(axes)
    axes.set_xlabel("Time steps")


def between(axes: plt.Axes) -> None:
    """Thin lines where one image gives way to the next."""
    for k in range(1, SHOWN):
        axes.axvline(k * STEPS, color="0.6", linewidth=0.6, linestyle=":")
