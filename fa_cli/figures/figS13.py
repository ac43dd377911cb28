"""Supp. Fig. 13: from small weights, W learns to act like a pseudoinverse of B."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from fa_cli.figures import curves, figure, find_runs, letter

PANELS = {
    "nse": "NSE",
    "angle_to_bp_1": r"$\delta_{FA}\,\angle\,\delta_{BP}$ (degrees)",
    "angle_to_pbp_1": r"$\delta_{FA}\,\angle\,\delta_{PBP}$ (degrees)",
}


@figure("figS13")
def figs13(results: Path) -> plt.Figure:
    """a: NSE, b: angle to backprop, c: to pseudobackprop, for nine ranges of the initial weights, blue (small) to red; seed means."""
    runs = find_runs(results, "figS13", "fa-run +sweep=figS13")
    runs = sorted(runs, key=lambda run: run.config["model"]["weight_scale"])
    drawing, panels = plt.subplots(1, 3, figsize=(7.2, 2.6), layout="constrained")
    for run, colour in zip(runs, plt.cm.turbo(np.linspace(0.08, 0.92, len(runs))), strict=True):
        for axes, column in zip(panels, PANELS, strict=True):
            table = curves(run, column)
            middle = 10 ** np.log10(table).mean(axis=1) if column == "nse" else table.mean(axis=1)
            axes.plot(
                table.index,
                middle,
                color=colour,
                linewidth=1.2,
                label=f"{run.config['model']['weight_scale']:g}",
            )
    for axes, name, label in zip(panels, "abc", PANELS.values(), strict=True):
        axes.set(xlabel="Number of examples", ylabel=label, xlim=(0, None))
        letter(axes, name)
    panels[0].set_yscale("log")
    for axes in panels[1:]:
        axes.set(ylim=(0, 95), yticks=range(0, 91, 15))
    panels[2].legend(title=r"$\omega$", fontsize=6, title_fontsize=7, ncols=2)
    return drawing
