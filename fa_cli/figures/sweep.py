"""Any sweep: a final metric against one config key, as lines, or against two, as a heat map."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fa_cli import terminal
from fa_cli.errors import UserError, suggest
from fa_cli.figures import Missing, figure
from fa_cli.figures.drawing import LINES, Look, looks, panels
from fa_cli.options import listed
from fa_cli.results.reading import order
from fa_cli.results.runs import Runs, collect
from fa_cli.rules import RULES

BESIDE = 0.12  # between the points of two groups, in steps of the axis
DECADES = 20  # an axis whose largest value is so many times the smallest is logarithmic


class Group(NamedTuple):
    """The runs of one line, or of one map."""

    look: Look
    rows: pd.DataFrame  # a row for each run and seed


@figure("sweep")
def draw(results: Path, x: Any, y: str, hue: str | None) -> Figure:
    """`y` (a metric, mean and s.d. over seeds) against `x`, a config key or two.

    A line or a map for each value of the key `hue`. Raises Missing without `x`, UserError for keys
    and metrics by which no runs differ.
    """
    if x is None:
        raise Missing("type x=KEY y=METRIC, such as x=rule.feedback_scale y=test_error hue=rule")
    found, keys = collect(results), listed(x)
    done = found.table[found.table["status"] == "done"]
    if (count := done.groupby(["experiment", "run"]).ngroups) < 2:
        raise UserError(
            f"{results} has {count or 'no'} finished run{'' if count else 's'}: a sweep has two at "
            "least; `fa-run runs` lists those that are there"
        )
    check(found, keys, y, hue)
    table = done.dropna(subset=[*keys, y, *([hue] if hue else [])])
    if table.empty:
        raise UserError(f"x={x} y={y}: no run has a value of each: choose another y")
    tell_others(found.keys, table, {*keys, hue})
    there, drawn = (some.groupby(["experiment", "run"]).ngroups for some in (found.table, table))
    left_out = there - drawn
    if left_out:
        lacking = " or ".join([*keys, y, *([hue] if hue else [])])
        terminal.out.print(
            f"not drawn: {left_out}, unfinished, damaged or without {lacking}; `fa-run runs` lists "
            "all"
        )
    groups = grouped(table, hue)
    if len(keys) == 2:
        return maps(groups, keys[0], keys[1], y)
    drawing, axes = panels((4.2, 3))
    lines(axes, groups, keys[0], y)
    return drawing


def check(found: Runs, keys: list, y: Any, hue: Any) -> None:
    """Raise UserError for a key in which no two runs differ, and for a metric not measured."""
    named = [*(("x", key) for key in keys), *([("hue", hue)] if hue else [])]
    for option, key in named:
        if key not in found.keys:
            hint = suggest(str(key), found.keys)
            raise UserError(f"{option}={key}: no two runs differ in it; {hint}")
    if y not in found.metrics:
        raise UserError(f"y={y}: no run has measured it; {suggest(str(y), found.metrics)}")
    if len(set(keys)) != len(keys) or len(keys) not in (1, 2):
        raise UserError(f"x=[{','.join(keys)}]: expected one key, or two for a heat map")


def tell_others(keys: Iterable[str], table: pd.DataFrame, used: set) -> None:
    """Print in which keys the runs differ that no axis shows."""
    others = [key for key in keys if key not in used and table[key].nunique() > 1]
    if others:
        told = ", ".join(others)
        terminal.out.print(f"the runs differ in {told} too: each point takes them together")


def grouped(table: pd.DataFrame, hue: str | None) -> list[Group]:
    """The rows for each value of `hue`; rules in the look that they have everywhere."""
    if hue is None:
        return [Group(Look(None, to_hex(matplotlib.colormaps["viridis"](0.0)), "-"), table)]
    parts = list(table.groupby(hue))
    if hue == "rule":
        shown = looks(value for value, _ in parts)
        return [Group(shown[value], rows) for value, rows in parts]
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(parts)))
    groups = []
    for k, (value, rows) in enumerate(parts):
        look = Look(f"{hue} = {value}", to_hex(colours[k]), LINES[k % len(LINES)])
        groups.append(Group(look, rows))
    return groups


def lines(axes: Axes, groups: list[Group], x: str, y: str) -> None:
    """Mean over seeds and one s.d., for each group: along numbers a line, at words points."""
    values = sorted(set(pd.concat([group.rows[x] for group in groups])), key=order)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        for group in groups:
            line(axes, group, *course(group, x, y))
        axes.set_xscale(scale(values))
    else:
        places = {value: place for place, value in enumerate(values)}
        for k, group in enumerate(groups):
            at, middle, spread = course(group, x, y)
            aside = BESIDE * (k - (len(groups) - 1) / 2)
            points(axes, group, at.map(places) + aside, middle, spread)
        axes.set_xlim(-0.5, len(values) - 0.5)
        axes.set_xticks(range(len(values)), labels=[shown(x, value) for value in values])
    axes.set(xlabel=x, ylabel=f"{y}, mean and s.d. over seeds")
    heights = pd.concat([course(group, x, y)[1] for group in groups])
    axes.set_yscale(scale(heights[np.isfinite(heights)].tolist()))
    if groups[0].look.label:
        axes.legend(fontsize=7)


def shown(key: str, value: Any) -> str:
    """A value of a key on an axis: a rule as in legends."""
    return RULES[value].label if key == "rule" and value in RULES else str(value)


def course(group: Group, x: str, y: str) -> tuple[pd.Index, pd.Series, pd.Series]:
    """The values of x in their order, and the mean and s.d. of y at each."""
    final = group.rows.groupby(x)[y].agg(["mean", "std"])
    final = final.sort_index(key=lambda values: values.map(order))
    return final.index, final["mean"], final["std"].fillna(0)


def points(axes: Axes, group: Group, at: pd.Index, middle: pd.Series, spread: pd.Series) -> None:
    """One group at words, between which there is nothing."""
    label, colour, _ = group.look
    axes.errorbar(at, middle, yerr=spread, fmt="o", color=colour, capsize=3, label=label)


def line(axes: Axes, group: Group, at: pd.Index, middle: pd.Series, spread: pd.Series) -> None:
    """One group along numbers."""
    label, colour, style = group.look
    axes.plot(at, middle, color=colour, linestyle=style, marker="o", markersize=3, label=label)
    axes.fill_between(at, middle - spread, middle + spread, color=colour, alpha=0.2, linewidth=0)


def maps(groups: list[Group], x: str, y: str, metric: str) -> Figure:
    """Mean over seeds for each pair of values, a map for each group, all with one scale."""
    grids = [grid(group.rows, x, y, metric) for group in groups]
    low, high = min(g.min().min() for g in grids), max(g.max().max() for g in grids)
    drawing, row = panels((1.2 + 3.2 * len(grids), 3), columns=len(grids), squeeze=False)
    limits = {"vmin": low, "vmax": high}
    for axes, values, group in zip(row[0], grids, groups, strict=True):
        shown = axes.imshow(values, **limits, cmap="viridis_r", aspect="auto", origin="lower")
        axes.set_xticks(range(len(values.columns)), labels=[str(v) for v in values.columns])
        axes.set_yticks(range(len(values.index)), labels=[str(v) for v in values.index])
        axes.set(xlabel=x, ylabel=y, title=group.look.label)
        write_numbers(axes, values, (low + high) / 2)
    drawing.colorbar(shown, ax=row[0], label=metric)
    return drawing


def grid(rows: pd.DataFrame, x: str, y: str, metric: str) -> pd.DataFrame:
    """Means over seeds, a row for each value of y and a column for each of x."""
    table = rows.pivot_table(index=y, columns=x, values=metric)
    for axis in (0, 1):
        table = table.sort_index(axis=axis, key=lambda values: values.map(order))
    return table


def write_numbers(axes: Axes, values: pd.DataFrame, middle: float) -> None:
    """The value of each cell, dark on the light ones below `middle`."""
    for (row, column), number in np.ndenumerate(values.to_numpy()):
        place = {"ha": "center", "va": "center", "fontsize": 7}
        colour = "black" if number < middle else "white"
        axes.text(column, row, f"{number:.3g}", color=colour, **place)


def scale(values: list[float]) -> str:
    """Of an axis with these values."""
    return (
        "log" if values and min(values) > 0 and max(values) / min(values) >= DECADES else "linear"
    )
