"""Supp. Fig. 8: momentum speeds feedback alignment up."""

from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import LINES, Look, legend, log_band, looks, nse_axes, panels
from fa_cli.figures.found import by_rule, by_setting, find_runs, setting, short
from fa_cli.results.reading import load_runs

MOMENTUM = "optimizer.momentum"


@figure("figS8", "fa-run +sweep=figS8")
def figs8(results: Path) -> Figure:
    """NSE for three coefficients of momentum, the same starts and examples.

    Geometric mean and one s.d. over seeds. Dotted, where it was run: none of it, but twice eta.
    """
    drawing, axes = panels((4.2, 3))
    runs = by_setting(find_runs(results, "figS8"), MOMENTUM)
    shown = looks(run.rule for run in runs)
    for rule, look in shown.items():
        own = [run for run in runs if run.rule == rule]
        for k, run in enumerate(own):
            text = rf"$\alpha$ = {short(setting(run, MOMENTUM))}"
            label = text if len(shown) == 1 else f"{look.label}, {text}"
            shade = shades(look.colour, len(own))[k]
            log_band(axes, run, Look(label, shade, LINES[k % len(LINES)]))
    for run in by_rule(load_runs(results / "figS8_rate")).values():
        log_band(axes, run, Look(r"$\alpha$ = 0, 2 $\eta$", "0.5", ":"))
    nse_axes(axes)
    axes.set_ylim(top=3)
    legend(axes, 6)
    return drawing


def shades(colour: str, count: int) -> list[str]:
    """Colours of a rule's runs, from light to dark around its own."""
    own = np.array(to_rgb(colour))
    colours = LinearSegmentedColormap.from_list("", [own / 2 + 1 / 2, own, own / 2])
    return [to_hex(shade) for shade in colours(np.linspace(0, 1, count))]
