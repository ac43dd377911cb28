"""Fig. 5a,c and Supp. Fig. 9: how forward weights come to align with the feedback."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from fa_cli.figures import by_rule, curves, figure, find_runs, letter, log_band
from fa_cli.record import Run

COMMAND = "fa-run +sweep=fig5"
UNITS = 20  # hidden units drawn one by one
PHASES = (r"$W_0$ learns", r"$W$ learns", r"$W_0$ learns")


def only(results: Path, experiment: str) -> Run:
    """The feedback alignment run of an experiment."""
    return by_rule(find_runs(results, experiment, COMMAND))["fa"]


def unit_angles(run: Run) -> np.ndarray:
    """Angle of each hidden unit's W column to its B row, (moments, units), of the first seed."""
    return run.arrays["angle_w_b_unit_1"][:, 0]


@figure("fig5")
def fig5(results: Path) -> plt.Figure:
    """a: angle of W to B^T (blue: the whole matrix; thin black lines: single hidden units); c: NSE in three phases, all seeds."""
    drawing, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    run = only(results, "fig5")
    whole = curves(run, "angle_w_b_1").iloc[:, 0]
    left.plot(whole.index, unit_angles(run)[:, :UNITS], color="black", linewidth=0.4, alpha=0.7)
    left.plot(whole.index, whole, color="blue", linewidth=2.5)
    left.axhline(90, color="0.7", linestyle=":", linewidth=1)
    left.set(
        xlabel="Number of examples",
        ylabel=r"$W\,\angle\,B^T$ (degrees)",
        ylim=(0, 180),
        yticks=range(0, 181, 45),
        xlim=(0, None),
    )
    letter(left, "a")

    phases = only(results, "fig5_phases")
    nse = curves(phases, "nse")
    right.plot(nse.index, nse, color="#2ca02c", linewidth=1)
    starts = phases.metrics.groupby("phase")["examples"].min()
    ends = [*starts.iloc[1:], nse.index[-1]]
    for phase, (start, end) in enumerate(zip(starts, ends, strict=True)):
        right.axvline(start, color="0.5", linestyle=":", linewidth=1)
        right.text((start + end) / 2, 1.18, PHASES[phase], ha="center", fontsize=7)
    right.set(xlabel="Number of examples", ylabel="NSE", ylim=(0, 1.25), xlim=(0, nse.index[-1]))
    letter(right, "c")
    return drawing


@figure("figS9")
def figs9(results: Path) -> plt.Figure:
    """a: NSE; b: histogram of the angles of single hidden units before and after learning, of the first seed."""
    drawing, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    run = only(results, "fig5")
    log_band(left, run, "Feedback alignment", "#2ca02c", "-")
    left.set(yscale="log", xlabel="Number of examples", ylabel="NSE", xlim=(0, None))
    letter(left, "a")
    bins = np.arange(0, 181, 5)
    right.hist(unit_angles(run)[0], bins, color="0.7", label="before learning")
    right.hist(unit_angles(run)[-1], bins, color="#2ca02c", alpha=0.7, label="after learning")
    right.set(
        xlabel=r"$W_j\,\angle\,B_j$ (degrees)", ylabel="Hidden units", xticks=range(0, 181, 45)
    )
    right.legend()
    letter(right, "b")
    return drawing


@figure("figS14")
def figs14(results: Path) -> plt.Figure:
    """NSE with backprop, then feedback alignment from there; geometric mean and one s.d. over seeds."""
    drawing, axes = plt.subplots(figsize=(4.2, 2.8), layout="constrained")
    run = only(results, "figS14")
    switch = run.metrics.loc[run.metrics["phase"] == 1, "examples"].min()
    log_band(axes, run, None, "#2ca02c", "-")
    axes.axvspan(0, switch, color="0.93", linewidth=0, zorder=0)
    for middle, text in (
        (switch / 2, "Backprop"),
        ((switch + run.metrics["examples"].max()) / 2, "Feedback alignment"),
    ):
        axes.text(middle, 1.02, text, ha="center", transform=axes.get_xaxis_transform())
    axes.set(yscale="log", xlabel="Number of examples", ylabel="NSE", xlim=(0, None))
    return drawing
