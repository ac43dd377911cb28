"""The figures of `fa-run bench`: throughput against that of others, and growth."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.bench.growth import slope
from fa_cli.bench.measuring import OURS, medians

COSTS = {"us_per_example": "µs per example and seed", "peak_mb": "peak memory, MB"}


def bars(table: pd.DataFrame) -> Figure:
    """This project's throughput over everybody's: bars on a log axis, a group a workload."""
    drawing = Figure(figsize=(10, 4.2), layout="constrained")
    axes = drawing.subplots()
    by_workload = table.groupby("workload", sort=False)
    ratios = pd.DataFrame({name: medians(rows)["ratio"] for name, rows in by_workload})
    others = [name for name in table["contender"].unique() if name != OURS]
    places, shades = np.arange(len(ratios.columns)), np.linspace(0.15, 0.8, len(others))
    for k, (name, shade) in enumerate(zip(others, shades, strict=True)):
        at, height = places + 0.15 * (k - (len(others) - 1) / 2), ratios.loc[name] - 1
        axes.bar(at, height, 0.14, bottom=1, color=str(shade), label=name)
    axes.axhline(1, color="tab:green", linewidth=1)
    axes.set(yscale="log", ylabel=f"throughput of {OURS} / that of others")
    axes.set_xticks(places, labels=[name.replace("_", "\n") for name in ratios.columns])
    if others:
        axes.legend(frameon=False, ncols=3)
    return drawing


def growth_curves(table: pd.DataFrame) -> Figure:
    """A column of panels for each thing that is varied: time above, memory below, with slopes."""
    by_varied = table.groupby("varied", sort=False)
    drawing = Figure(figsize=(10, 5), layout="constrained")
    axes = drawing.subplots(2, len(by_varied), squeeze=False, sharey="row")
    for column, (varied, rows) in zip(axes.T, by_varied, strict=True):
        for panel, cost in zip(column, COSTS, strict=True):
            curve(panel, rows["value"].to_numpy(), rows[cost].to_numpy())
            panel.set(xlabel=varied)
    for panel, label in zip(axes[:, 0], COSTS.values(), strict=True):
        panel.set(ylabel=label)
    return drawing


def curve(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Cost against size, both on log axes."""
    axes.loglog(x, y, "o-", color="tab:green", markersize=4)
    axes.set_title(f"slope {slope(x, y):.2f}", fontsize=9)
    axes.set_xticks(x, labels=map(str, x), fontsize=7)
    axes.minorticks_off()
