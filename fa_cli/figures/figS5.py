"""Supp. Fig. 5: receptive fields of hidden units before learning, and after it by each rule."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import Incomplete, figure
from fa_cli.figures.drawing import looks, panels
from fa_cli.figures.fig3 import COMMAND
from fa_cli.figures.found import by_rule, find_runs
from fa_cli.results.reading import Run, load_runs, receptive_fields
from fa_cli.rules import RULES

GAP = 1  # pixels between two fields


@figure("figS5", COMMAND)
def figs5(results: Path) -> Figure:
    """Incoming weights of 100 randomly chosen hidden units of one network.

    White is strongly positive, black strongly negative. Raises Incomplete if no run has kept them.
    """
    fields = collect(
        by_rule(find_runs(results, "fig3_mnist")), by_rule(load_runs(results / "fig3_sparse"))
    )
    if not fields:
        raise Incomplete(f"no receptive fields in {results / 'fig3_mnist'}")
    columns = max(2, -(-len(fields) // 2))
    drawing, grid = panels((3.5 * columns, 7.3), rows=2, columns=columns)
    for axes in grid.flat:
        axes.axis("off")
    for axes, (title, values) in zip(grid.flat, fields.items(), strict=False):
        draw_fields(axes, values)
        axes.set_title(title, fontsize=10)
    return drawing


def collect(runs: dict[str, Run], sparse: dict[str, Run]) -> dict[str, np.ndarray]:
    """Fields, (units, pixels), by what a panel is called, of all rules that change them."""
    shown = looks([*runs, *sparse])
    titles = {"Before learning": (runs.get("fa", next(iter(runs.values()))), "before")}
    for rule, run in runs.items():
        path = RULES[rule].path if rule in RULES else None
        if path is None or path.through is not None:
            titles[str(shown[rule].label)] = (run, "after")
    for rule, run in sparse.items():
        titles[f"{shown[rule].label}, 50 % of W and B absent"] = (run, "after")
    fields = {}
    for title, (run, when) in titles.items():
        kept = receptive_fields(run, when)
        if kept is not None:
            fields[title] = kept[0]
    return fields


def draw_fields(axes: Axes, fields: np.ndarray) -> None:
    """One panel."""
    limit = np.percentile(np.abs(fields), 99.5)
    picture = mosaic(fields, limit)
    axes.imshow(picture, cmap="gray", vmin=-limit, vmax=limit, interpolation="nearest")


def mosaic(fields: np.ndarray, gap_value: float) -> np.ndarray:
    """Square images (units, pixels) side by side in a square array, with light lines between.

    Raises Incomplete if the images are not square.
    """
    across, side = int(np.ceil(np.sqrt(len(fields)))), round(np.sqrt(fields.shape[1]))
    if side**2 != fields.shape[1]:
        raise Incomplete("no receptive fields on square images")
    picture = np.full((across * (side + GAP) - GAP,) * 2, gap_value)
    for k, field in enumerate(fields):
        row, column = (side + GAP) * np.array(divmod(k, across))
        picture[row : row + side, column : column + side] = field.reshape(side, side)
    return picture
