"""Supp. Fig. 5: receptive fields of hidden units before learning and after backprop, feedback alignment and its sparse variant."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from fa_cli import record
from fa_cli.figures import Missing, by_rule, figure, find_runs
from fa_cli.figures.fig3 import COMMAND

GAP = 1  # pixels between two fields


@figure("figS5")
def figs5(results: Path) -> plt.Figure:
    """Incoming weights of 100 randomly chosen hidden units of one network; white is strongly positive, black strongly negative."""
    runs = by_rule(find_runs(results, "fig3_mnist", COMMAND))
    sparse = by_rule(record.load_all(results / "fig3_sparse"))
    fields = {}
    for title, run, when in (
        ("Before learning", runs.get("fa"), "before"),
        ("Backprop", runs.get("bp"), "after"),
        ("Feedback alignment", runs.get("fa"), "after"),
        ("Feedback alignment, 50 % of W and B absent", sparse.get("fa"), "after"),
    ):
        if run is not None and f"receptive_fields_{when}" in run.arrays:
            fields[title] = run.arrays[f"receptive_fields_{when}"]
    if not fields:
        raise Missing(f"no receptive fields in {results / 'fig3_mnist'}: type `{COMMAND}`")

    drawing, panels = plt.subplots(2, 2, figsize=(7, 7.3), layout="constrained")
    for axes, title in zip(panels.flat, fields, strict=False):
        limit = np.percentile(np.abs(fields[title]), 99.5)
        axes.imshow(
            mosaic(fields[title], limit),
            cmap="gray",
            vmin=-limit,
            vmax=limit,
            interpolation="nearest",
        )
        axes.set_title(title, fontsize=10)
    for axes in panels.flat:
        axes.axis("off")
    return drawing


def mosaic(fields: np.ndarray, gap_value: float) -> np.ndarray:
    """Square images (units, pixels) side by side in a square array, with light lines between."""
    across, side = int(np.ceil(np.sqrt(len(fields)))), round(np.sqrt(fields.shape[1]))
    picture = np.full((across * (side + GAP) - GAP,) * 2, gap_value)
    for k, field in enumerate(fields):
        row, column = (side + GAP) * np.array(divmod(k, across))
        picture[row : row + side, column : column + side] = field.reshape(side, side)
    return picture
