"""A search by Optuna: its history, and how much each parameter mattered."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.errors import UserError
from fa_cli.figures import Missing, figure
from fa_cli.figures.drawing import panels

DOTS = {"color": "0.45", "marker": "o", "markersize": 4, "linestyle": ""}
BEST = {"color": "#d62728", "marker": "*", "markersize": 11, "linestyle": ""}
FEW = 6  # trials, below which nothing is said of what mattered


@figure("study", "fa-run +sweep=tune_fa")
def draw(results: Path) -> Figure:
    """The studies in a results folder, one below the other; smaller values are better.

    Left the value of each trial and the best so far, right against each parameter. How much one
    mattered: the part of the variance of the values' ranks that a parabola in it explains.
    Raises Missing where there is no study, UserError without Optuna.
    """
    studies: dict[str, pd.DataFrame] = {}
    for path in sorted(results.glob("*.db")):
        studies |= {name: trials for name, trials in studies_in(path).items() if len(trials)}
    if not studies:
        raise Missing(f"no study with a finished trial in {results}")
    columns = max(trials.shape[1] for trials in studies.values())
    size = (2.6 * columns, 2.6 * len(studies))
    drawing, rows = panels(size, len(studies), columns, squeeze=False, sharey="row")
    for row, (name, trials) in zip(rows, studies.items(), strict=True):
        history(row[0], trials["value"])
        row[0].set(ylabel=f"{name}: final error")
        for axes, parameter in zip(row[1:], trials.columns[1:], strict=False):
            against(axes, trials, parameter)
        for axes in row[trials.shape[1] :]:
            axes.set_axis_off()
    return drawing


def studies_in(database: Path) -> dict[str, pd.DataFrame]:
    """The studies of a database: value and parameters of each finished trial, by its number."""
    try:
        import optuna  # only this figure needs it
    except ImportError:
        raise UserError("figure=study needs Optuna: type `pip install 'fa-run[optuna]'`") from None
    storage = f"sqlite:///{database}"
    try:
        return read_studies(optuna, storage)
    except Exception as error:  # of its database's libraries, of many kinds
        first = str(error).splitlines()[0]
        raise UserError(f"{database} is no database of studies ({first}): move it away") from None


def read_studies(optuna: Any, storage: str) -> dict[str, pd.DataFrame]:
    """As `studies_in`, of a database that can be read."""
    found = {}
    for name in sorted(known.study_name for known in optuna.get_all_study_summaries(storage)):
        trials = optuna.load_study(study_name=name, storage=storage).trials
        finished = [t for t in trials if t.value is not None and np.isfinite(t.value)]
        rows = [{"value": trial.value, **trial.params} for trial in finished]
        found[name] = pd.DataFrame(rows, index=[trial.number for trial in finished])
    return found


def history(axes: Axes, values: pd.Series) -> None:
    """The value of each trial, and the best so far as a step line."""
    axes.plot(values.index, values, **DOTS, label="a trial")
    axes.step(values.index, values.cummin(), where="post", color="black", label="best so far")
    axes.plot(values.idxmin(), values.min(), **BEST)
    axes.set(xlabel="Trial", title="history")
    axes.legend(fontsize=7)


def against(axes: Axes, trials: pd.DataFrame, parameter: str) -> None:
    """The value of each trial against one parameter, and how much that mattered."""
    known = trials[["value", parameter]].dropna()
    axes.plot(known[parameter], known["value"], **DOTS)
    axes.plot(*known.loc[known["value"].idxmin(), [parameter, "value"]], **BEST)
    axes.set(xlabel=parameter)
    numeric = known[parameter].dtype.kind in "if"
    if numeric and known[parameter].min() > 0:
        axes.set_xscale("log")
    if numeric and len(known) >= FEW:
        axes.set_title(f"explains {explained(known[parameter], known['value']):.0%} of the ranks")


def explained(parameter: Any, values: Any) -> float:
    """R^2 of a parabola in the ranks of a parameter, for the ranks of the values; from 0 to 1."""
    x, y = scipy.stats.rankdata(parameter), scipy.stats.rankdata(values)
    fitted = np.polyval(np.polyfit(x, y, 2), x)
    return 1 - np.var(y - fitted) / np.var(y)
