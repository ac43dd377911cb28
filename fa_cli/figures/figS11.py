"""Supp. Figs. 11 and 12: information about B flows into A, and from A into W."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import letter, panels
from fa_cli.figures.found import curves, of_rule, phases
from fa_cli.results.reading import Run

COMMAND = "fa-run +sweep=figS11"
COLUMNS = {
    "trace_a_b_e": r"$\mathrm{tr}(A^T B E)$",
    "trace_b_w_1": r"$\mathrm{tr}(B W)$",
    "nse": "NSE",
}
REGIMES = {"figS11_once": "A, then W", "figS11_often": "in turns", "figS11_together": "together"}
LEARNS = {(1,): "blue", (0,): "red"}  # what is frozen: A learns where W is, and W where A is
SHOWN = 400  # steps of the third regime, where all has settled


def traces(axes: Axes, run: Run, column: str) -> None:
    """One trace for each seed; blue where A learns, red where W does."""
    table, parts = curves(run, column, across="step"), phases(run, "step")
    if len(parts) == 1:
        table = table[table.index <= SHOWN]
    axes.plot(table.index, table, color="black", linewidth=0.5)
    for start, end, settings in parts:
        frozen = tuple(settings.get("freeze") or ())
        if frozen in LEARNS:
            axes.axvspan(start, end, color=LEARNS[frozen], alpha=0.08, linewidth=0)
    axes.set_xlim(0, table.index[-1])


@figure("figS11", COMMAND)
def figs11(results: Path) -> Figure:
    """tr(A^T B E), tr(B W) and error of 20 networks of 30-20-10, in three regimes (columns).

    Background blue: A learns, red: W learns.
    """
    drawing, axes = panels((7.2, 5.2), rows=3, columns=3, sharex="col")
    for column, (experiment, title) in enumerate(REGIMES.items()):
        run = of_rule(results, experiment, "fa")
        for row, (name, label) in enumerate(COLUMNS.items()):
            traces(axes[row, column], run, name)
            axes[row, 0].set_ylabel(label)
        axes[0, column].set_title(title)
        axes[2, column].set_xlabel("Step")
    return drawing


@figure("figS12", COMMAND)
def figs12(results: Path) -> Figure:
    """The same three quantities in 20 networks of 100-50-20, A and W learning together."""
    drawing, row = panels((7.2, 2.2), columns=3)
    run = of_rule(results, "figS12", "fa")
    for axes, name, (column, label) in zip(row, "abc", COLUMNS.items(), strict=True):
        traces(axes, run, column)
        axes.set(xlabel="Step", ylabel=label)
        letter(axes, name)
    return drawing
