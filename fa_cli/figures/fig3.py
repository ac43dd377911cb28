"""Fig. 3a,b: a 784-1000-10 network of logistic units learns to recognise handwritten digits."""

from pathlib import Path

import matplotlib.pyplot as plt

from fa_cli.figures import COLOURS, by_rule, curves, figure, find_runs, letter, line_with_band

COMMAND = "fa-run +sweep=fig3"


@figure("fig3")
def fig3(results: Path) -> plt.Figure:
    """a: error on the 10,000 test images, mean and one s.d. over seeds; b: angle of delta_FA to delta_BP, mean and one s.d."""
    runs = by_rule(find_runs(results, "fig3_mnist", COMMAND))
    drawing, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")

    for rule, run in runs.items():
        error = curves(run, "test_error", across="epoch")
        middle, spread = error.mean(axis=1), error.std(axis=1).fillna(0)
        line_with_band(left, rule, error.index, middle, middle - spread, middle + spread)
    left.set(
        yscale="log",
        xlabel="Epochs (60,000 examples)",
        ylabel="Error on test set (%)",
        xlim=(0, None),
        ylim=(1, 100),
    )
    left.set_yticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
    left.minorticks_off()
    left.legend()
    letter(left, "a")

    if "fa" in runs:
        angles = curves(runs["fa"], "angle_to_bp_1", across="epoch")
        right.errorbar(
            angles.index, angles.mean(axis=1), angles.std(axis=1), color=COLOURS["fa"], capsize=2
        )
    right.axhline(90, color=COLOURS["shallow"], linestyle=":", linewidth=1)
    right.set(
        xlabel="Epochs (60,000 examples)",
        ylabel=r"$\delta_{FA}\,\angle\,\delta_{BP}$ (degrees)",
        ylim=(0, 105),
        yticks=range(0, 91, 15),
    )
    right.set_xlim(0, None)
    letter(right, "b")
    return drawing
