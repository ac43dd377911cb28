"""Supp. Figs. 11 and 12: information about B flows into A, and from A into W."""

from itertools import chain
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fa_cli.figures import figure
from fa_cli.figures.drawing import letter, panels
from fa_cli.figures.found import Phase, curves, of_rule, phases
from fa_cli.results.reading import Run

COMMAND = "fa-run +sweep=figS11"
COLUMNS = {
    "trace_a_b_e": r"$\mathrm{tr}(A^T B E)$",
    "trace_b_w_1": r"$\mathrm{tr}(B W)$",
    "nse": "NSE",
}
REGIMES = {"figS11_once": "A, then W", "figS11_often": "in turns", "figS11_together": "together"}
LEARNS = {  # what is frozen: colour, what learns
    (1,): ("blue", "A learns"),
    (0,): ("red", "W learns"),
    (): ("purple", "A and W learn"),
}
PALE = 0.13


def traces(axes: Axes, run: Run, column: str) -> None:
    """One trace for each seed; blue where A learns, red where W does, purple where both do."""
    table = curves(run, column, across="step")
    axes.plot(table.index, table, color="black", linewidth=0.5)
    for part in phases(run, "step"):
        if frozen(part) in LEARNS:
            colour, _ = LEARNS[frozen(part)]
            axes.axvspan(part.start, part.end, color=colour, alpha=PALE, linewidth=0)
    axes.set_xlim(0, table.index[-1])


def frozen(part: Phase) -> tuple[int, ...]:
    """The l of the W_l that do not learn."""
    return tuple(part.settings.get("freeze") or ())


def second_turn(axes: Axes, run: Run) -> None:
    """The paper's black arrow: the error falls although A learns alone, for the second time."""
    table = curves(run, "nse", across="step")
    for part in [part for part in phases(run, "step") if frozen(part) == (1,)][1:2]:
        x = (part.start + part.end) / 2
        place = x, table[table.index >= x].iloc[0].max()
        arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.5}
        text = "A alone again:\nnow the error falls"
        axes.annotate(text, place, (x, place[1] + 0.4), arrowprops=arrow, fontsize=7)


def explain(drawing: Figure, runs: list[Run]) -> None:
    """What the backgrounds mean, under the figure."""
    parts = chain.from_iterable(phases(run, "step") for run in runs)
    found = set(map(frozen, parts))
    shown = [look for key, look in LEARNS.items() if key in found]
    patches = [Patch(color=colour, alpha=PALE, label=text) for colour, text in shown]
    drawing.legend(handles=patches, loc="outside lower center", ncols=3, fontsize=7)


@figure("figS11", COMMAND)
def figs11(results: Path) -> Figure:
    """tr(A^T B E), tr(B W) and error of 20 networks of 30-20-10, in three regimes (columns).

    Background blue: A learns, red: W learns, purple: both.
    """
    drawing, axes = panels((7.2, 5.4), rows=3, columns=3, sharex="col")
    runs = [of_rule(results, experiment, "fa") for experiment in REGIMES]
    for column, (run, title) in enumerate(zip(runs, REGIMES.values(), strict=True)):
        for row, (name, label) in enumerate(COLUMNS.items()):
            traces(axes[row, column], run, name)
            axes[row, 0].set_ylabel(label)
        axes[0, column].set_title(title)
        axes[2, column].set_xlabel("Step")
        letter(axes[0, column], "abc"[column])
        second_turn(axes[2, column], run)
    explain(drawing, runs)
    return drawing


@figure("figS12", COMMAND)
def figs12(results: Path) -> Figure:
    """The same three quantities in 20 networks of 100-50-20, A and W learning together."""
    drawing, row = panels((7.2, 2.4), columns=3)
    run = of_rule(results, "figS12", "fa")
    for axes, name, (column, label) in zip(row, "abc", COLUMNS.items(), strict=True):
        traces(axes, run, column)
        axes.set(xlabel="Step", ylabel=label)
        letter(axes, name)
    explain(drawing, [run])
    return drawing
