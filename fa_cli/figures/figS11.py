"""Supp. Figs. 11 and 12: information about B flows into A, and from A into W."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from fa_cli.figures import by_rule, curves, figure, find_runs, letter
from fa_cli.record import Run

COMMAND = "fa-run +sweep=figS11"
COLUMNS = {
    "trace_a_b_e": r"$\mathrm{tr}(A^T B E)$",
    "trace_b_w_1": r"$\mathrm{tr}(B W)$",
    "nse": "NSE",
}
REGIMES = {"figS11_once": "A, then W", "figS11_often": "in turns", "figS11_together": "together"}
SHOWN = 400  # steps of the third regime, where all has settled


def traces(axes: Axes, run: Run, column: str) -> None:
    """One trace for each seed; blue where A learns, red where W does."""
    table = curves(run, column, across="step")
    table = table[table.index <= SHOWN] if len(run.config["phases"]) == 0 else table
    axes.plot(table.index, table, color="black", linewidth=0.5)
    phases = run.metrics.groupby("phase")["step"].min().tolist()
    for phase, start in enumerate(phases if len(phases) > 1 else []):
        stop = phases[phase + 1] if phase + 1 < len(phases) else table.index[-1]
        axes.axvspan(
            start, stop, color="blue" if phase % 2 == 0 else "red", alpha=0.08, linewidth=0
        )
    axes.set_xlim(0, table.index[-1])


@figure("figS11")
def figs11(results: Path) -> plt.Figure:
    """Three regimes (columns): tr(A^T B E), tr(B W) and error of 20 networks of 30-20-10; background blue: A learns, red: W learns."""
    drawing, panels = plt.subplots(3, 3, figsize=(7.2, 5.2), layout="constrained", sharex="col")
    for column, (experiment, title) in enumerate(REGIMES.items()):
        run = by_rule(find_runs(results, experiment, COMMAND))["fa"]
        for row, (name, label) in enumerate(COLUMNS.items()):
            traces(panels[row, column], run, name)
            panels[row, 0].set_ylabel(label)
        panels[0, column].set_title(title)
        panels[2, column].set_xlabel("Step")
    return drawing


@figure("figS12")
def figs12(results: Path) -> plt.Figure:
    """The same three quantities in 20 networks of 100-50-20, A and W learning together."""
    drawing, panels = plt.subplots(1, 3, figsize=(7.2, 2.2), layout="constrained")
    run = by_rule(find_runs(results, "figS12", COMMAND))["fa"]
    for axes, name, (column, label) in zip(panels, "abc", COLUMNS.items(), strict=True):
        traces(axes, run, column)
        axes.set(xlabel="Step", ylabel=label)
        letter(axes, name)
    return drawing
