"""Supp. Note 9: autoencoders of MNIST digits, narrow and wide, by backprop and by FA."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import Incomplete, figure
from fa_cli.figures.drawing import EPOCHS, legend, letter, looks, mean_band, panels, paper_mark
from fa_cli.figures.found import by_rule, find_runs
from fa_cli.results.reading import Run

PAPER = {  # final test error
    "note9_narrow": {"bp": 8.6, "fa": 30.2},
    "note9_wide": {"bp": 1.5, "fa": 0.72},
}
TITLES = {"note9_narrow": "10 units in the middle", "note9_wide": "1,000 units in every layer"}


@figure("note9", "fa-run +sweep=note9")
def note9(results: Path) -> Figure:
    """a: test digits and what the networks make of them; b, c: squared error summed over pixels.

    Pixels are in [0, 1]; mean and one s.d. over seeds; marks at the right edge are the paper's
    final errors.
    """
    runs = {experiment: by_rule(find_runs(results, experiment)) for experiment in PAPER}
    drawing, axes = panels((10.5, 3.2), columns=3, width_ratios=[1.3, 1, 1])
    draw_digits(axes[0], runs, results)
    letter(axes[0], "a")
    for panel, name, (experiment, found) in zip(axes[1:], "bc", runs.items(), strict=True):
        shown = looks(found)
        for rule, run in found.items():
            mean_band(panel, run, shown[rule], "test_mse")
            if rule in PAPER[experiment]:
                paper_mark(panel, 1, PAPER[experiment][rule], shown[rule].colour)
        panel.set(yscale="log", xlabel=EPOCHS, ylabel="Squared error per image", xlim=(0, None))
        panel.set_title(TITLES[experiment], fontsize=9)
        legend(panel, 5, fontsize=7)
        letter(panel, name)
    return drawing


def draw_digits(axes: Axes, runs: dict[str, dict[str, Run]], results: Path) -> None:
    """A row of test digits, and below it a row of each network's reconstructions.

    Raises Incomplete where no run in `results` has kept any.
    """
    rows: dict[str, np.ndarray] = {}
    for experiment, found in runs.items():
        width = experiment.removeprefix("note9_")
        for rule, run in found.items():
            if "reconstructions" in run.arrays:
                rows.setdefault("Test images", run.arrays["images"])
                label = looks([rule])[rule].label
                rows[f"{label}, {width}"] = run.arrays["reconstructions"][0]
    if not rows:
        raise Incomplete(f"no reconstructions in {results}")
    side = round(np.sqrt(next(iter(rows.values())).shape[1]))
    beside = [np.hstack([*row.reshape(-1, side, side)]) for row in rows.values()]
    axes.imshow(np.vstack(beside), cmap="gray", interpolation="nearest", aspect="equal")
    axes.set_yticks(side * (np.arange(len(rows)) + 0.5), labels=rows, fontsize=7)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
