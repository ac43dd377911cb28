"""Any sweep: a final metric against one config key, as lines with their spread, or against two, as a heat map."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fa_cli import terminal
from fa_cli.errors import UserError, suggest
from fa_cli.figures import COLOURS, LABELS, STYLES, Missing, figure
from fa_cli.runs import Runs, collect

LINES = ("-", "--", "-.", ":")
DECADES = 20  # an axis whose largest value is so many times the smallest is logarithmic


@figure("sweep")
def draw(results, x, y, hue) -> plt.Figure:
    """`y` (a metric, mean and s.d. over seeds) against `x`, a config key or two; a line or a map for each value of the key `hue`."""
    if x is None:
        raise Missing("type x=KEY y=METRIC, such as x=rule.feedback_scale y=test_error hue=rule")
    found = collect(results)
    axes = [x] if isinstance(x, str) else list(x)
    check(found, axes, y, hue)
    table = found.table.dropna(subset=[*axes, y])
    other = [key for key in found.keys if key not in (*axes, hue) and table[key].nunique() > 1]
    if other:
        terminal.out.print(
            f"the runs differ in {', '.join(other)} too: each point takes them together"
        )
    groups = list(table.groupby(hue)) if hue else [(None, table)]
    if len(axes) == 2:
        return maps(groups, *axes, y, hue)
    drawing, only = plt.subplots(figsize=(4.2, 3), layout="constrained")
    lines(only, groups, axes[0], y, hue)
    return drawing


def check(found: Runs, axes: list[str], y: str, hue: str | None) -> None:
    """Raise UserError for a key in which no two runs differ, and for a metric that was not measured."""
    for option, key in [*(("x", key) for key in axes), *([("hue", hue)] if hue else [])]:
        if key not in found.keys:
            raise UserError(f"{option}={key}: no two runs differ in it; {suggest(key, found.keys)}")
    if y not in found.metrics:
        raise UserError(f"y={y}: no run has measured it; {suggest(y, found.metrics)}")
    if len(axes) > 2:
        raise UserError(f"x=[{','.join(axes)}]: expected one key, or two for a heat map")


def lines(axes: Axes, groups: list, x: str, y: str, hue: str | None) -> None:
    """Mean over seeds and one s.d., a line for each group."""
    ticks = {
        value: place
        for place, value in enumerate(
            sorted({value for _, rows in groups for value in rows[x]}, key=order)
        )
    }
    numeric = all(isinstance(value, int | float) for value in ticks)
    greys = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(groups)))
    for index, (value, rows) in enumerate(groups):
        final = (
            rows.groupby(x)[y].agg(["mean", "std"]).sort_index(key=lambda column: column.map(order))
        )
        at = final.index if numeric else final.index.map(ticks)
        look = {
            "color": COLOURS.get(value, greys[index]),
            "linestyle": STYLES.get(value, LINES[index % len(LINES)]),
        }
        axes.plot(
            at,
            final["mean"],
            marker="o",
            markersize=3,
            label=LABELS.get(value, f"{hue} = {value}") if hue else None,
            **look,
        )
        spread = final["std"].fillna(0)
        axes.fill_between(
            at,
            final["mean"] - spread,
            final["mean"] + spread,
            color=look["color"],
            alpha=0.2,
            linewidth=0,
        )
    axes.set(xlabel=x, ylabel=y)
    if numeric:
        axes.set_xscale(scale(list(ticks)))
    else:
        axes.set_xticks(range(len(ticks)), labels=[str(value) for value in ticks])
    if hue:
        axes.legend(fontsize=7)


def maps(groups: list, x: str, y: str, metric: str, hue: str | None) -> plt.Figure:
    """Mean over seeds for each pair of values, a map for each group, all with one scale of colours."""
    grids = [
        rows.pivot_table(index=y, columns=x, values=metric)
        .sort_index(key=lambda c: c.map(order))
        .sort_index(axis=1, key=lambda c: c.map(order))
        for _, rows in groups
    ]
    low, high = min(grid.min().min() for grid in grids), max(grid.max().max() for grid in grids)
    drawing, panels = plt.subplots(
        1, len(grids), figsize=(1.2 + 3.2 * len(grids), 3), layout="constrained", squeeze=False
    )
    for axes, grid, (value, _) in zip(panels[0], grids, groups, strict=True):
        shown = axes.imshow(
            grid, vmin=low, vmax=high, cmap="viridis_r", aspect="auto", origin="lower"
        )
        axes.set_xticks(range(len(grid.columns)), labels=[str(v) for v in grid.columns])
        axes.set_yticks(range(len(grid.index)), labels=[str(v) for v in grid.index])
        axes.set(xlabel=x, ylabel=y, title=LABELS.get(value, f"{hue} = {value}") if hue else None)
        for (row, column), number in np.ndenumerate(grid.to_numpy()):
            dark = number < (low + high) / 2
            axes.text(
                column,
                row,
                f"{number:.3g}",
                ha="center",
                va="center",
                fontsize=7,
                color="black" if dark else "white",
            )
    drawing.colorbar(shown, ax=panels[0], label=metric)
    return drawing


def order(value) -> tuple:
    """Numbers by size, then texts."""
    return (
        (0, value, "")
        if isinstance(value, int | float) and not pd.isna(value)
        else (1, 0, str(value))
    )


def scale(values: list[float]) -> str:
    """Of an axis with these values."""
    return "log" if min(values) > 0 and max(values) / min(values) >= DECADES else "linear"
