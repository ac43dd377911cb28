"""Fig. 2: feedback alignment matches backprop on a linear problem."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from fa_cli.figures import (
    COLOURS,
    LABELS,
    STYLES,
    Missing,
    by_rule,
    curves,
    figure,
    find_runs,
    letter,
    line_with_band,
    log_band,
)

COMMAND = "fa-run +sweep=fig2"
WINDOW = 10  # examples


@figure("fig2")
def fig2(results: Path) -> plt.Figure:
    """a: NSE of the four algorithms on held-out examples, geometric mean and one s.d. over seeds; b: angle of delta_FA to delta_BP.

    The band of b is two s.d.'s over all seeds and a sliding window of 10 examples.
    """
    runs = by_rule(find_runs(results, "fig2", COMMAND))
    drawing, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")

    for rule, run in runs.items():
        log_band(left, run, LABELS[rule], COLOURS[rule], STYLES[rule])
    left.set(yscale="log", xlabel="Number of examples", ylabel="NSE", xlim=(0, None))
    left.legend()
    letter(left, "a")

    if "fa" not in runs:
        raise Missing(
            f"no finished run of feedback alignment in {results / 'fig2'}: type `{COMMAND}`"
        )
    angles = curves(runs["fa"], "angle_to_bp_1")
    window = np.lib.stride_tricks.sliding_window_view(
        angles.to_numpy(), min(WINDOW, len(angles)), axis=0
    )
    middle, spread = window.mean(axis=(1, 2)), window.std(axis=(1, 2))
    x = angles.index[len(angles) - len(middle) :]
    line_with_band(right, "fa", x, middle, middle - 2 * spread, middle + 2 * spread)
    right.axhline(90, color=COLOURS["shallow"], linestyle=":", linewidth=1)
    right.set(
        xlabel="Number of examples",
        ylabel=r"$\delta_{FA}\,\angle\,\delta_{BP}$ (degrees)",
        ylim=(0, 105),
        yticks=range(0, 91, 15),
    )
    right.set_xlim(0, None)
    letter(right, "b")
    return drawing
