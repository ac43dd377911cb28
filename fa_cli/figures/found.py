"""What figures read: finished runs, their columns, arrays and settings, or why there are none."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fa_cli.errors import UserError, complain
from fa_cli.results.reading import Run, load_runs, order
from fa_cli.rules import RULES

AGAIN = "run it again with resume=false"
FIRST = ("bp", "fa")  # rules in the order in which they are drawn, before all others


class Missing(UserError):
    """The runs that a figure needs are not there."""


class Incomplete(Missing):
    """A run that a figure needs is there, without something that the figure shows."""


class Phase(NamedTuple):
    """A phase of training."""

    start: float
    end: float
    settings: dict  # what the config says of it: steps, freeze, rule


def find_runs(results: Path, experiment: str) -> list[Run]:
    """The finished runs of an experiment; raises Missing if there are none.

    Raises UserError for one that is damaged.
    """
    runs = load_runs(results / experiment)
    if not runs:
        raise Missing(f"no finished run in {results / experiment}")
    return runs


def by_rule(runs: list[Run]) -> dict[str, Run]:
    """One run for each rule: bp and fa, then the other rules there are, then unknown ones.

    A person is told where those are not alike in length or number of seeds.
    """
    found = {run.rule: run for run in one_each(runs, lambda run: run.rule)}
    ranked = dict.fromkeys([*FIRST, *RULES, *sorted(found)])
    chosen = {rule: found[rule] for rule in ranked if rule in found}
    extents = {rule: extent(run) for rule, run in chosen.items()}
    if len({*extents.values()}) > 1:
        told = ", ".join(f"{rule} {text}" for rule, text in extents.items())
        complain(f"the runs of {runs[0].folder.parent.name} are not alike: {told}")
    return chosen


def by_setting(runs: list[Run], key: str) -> list[Run]:
    """One run for each rule and value of a key, in the order of the values."""
    chosen = one_each(runs, lambda run: (run.rule, short(setting(run, key))))
    return sorted(chosen, key=lambda run: order(setting(run, key)))


def one_each(runs: list[Run], kind: Callable[[Run], Hashable]) -> list[Run]:
    """One run of each kind: of several the one with the shortest name, the experiment as it stands.

    A person is told which others there are.
    """
    shortest = sorted(runs, key=lambda run: (len(run.folder.name), run.folder.name))
    chosen = [*{kind(run): run for run in reversed(shortest)}.values()]
    drawn = sorted(run.folder.name for run in chosen)
    if others := sorted({run.folder.name for run in runs} - {*drawn}):
        complain(f"drawn are {', '.join(drawn)}; not {', '.join(others)}")
    return chosen


def extent(run: Run) -> str:
    """How many seeds a run has, and how long it is."""
    seeds, steps = run.metrics["seed"].nunique(), run.metrics["step"].max()
    return f"n = {seeds} to step {steps}"


def of_rule(results: Path, experiment: str, rule: str) -> Run:
    """An experiment's run with one rule; raises Missing if there is none."""
    runs = by_rule(find_runs(results, experiment))
    if rule not in runs:
        raise Missing(f"no finished run with rule={rule} in {results / experiment}")
    return runs[rule]


def curves(run: Run, column: str, across: str = "examples") -> pd.DataFrame:
    """One column of metrics.csv as a table, a row for each moment and a column for each seed.

    Raises Incomplete if it was not measured, UserError if a moment is there twice.
    """
    for name in (column, across):
        if name not in run.metrics or run.metrics[name].isna().all():
            raise Incomplete(f"{run.folder} has no column {name}")
    if run.metrics.duplicated(["seed", across]).any():
        raise UserError(f"{run.folder} is damaged (two rows of one seed and moment): {AGAIN}")
    return run.metrics.pivot(index=across, columns="seed", values=column)


def array(run: Run, name: str) -> np.ndarray:
    """An array of arrays.npz; raises Incomplete if it was not kept."""
    if name not in run.arrays or np.isnan(run.arrays[name]).all():
        raise Incomplete(f"{run.folder} has no array {name}")
    return run.arrays[name]


def setting(run: Run, key: str) -> Any:
    """A value of config.yaml by dotted key; raises UserError if it is not there."""
    value = run.config
    for name in key.split("."):
        if not isinstance(value, dict) or name not in value:
            raise UserError(f"{run.folder} is damaged (no {key} in its config): {AGAIN}")
        value = value[name]
    return value


def phases(run: Run, across: str) -> list[Phase]:
    """The phases of training, on the axis `across`; a single one where the config has none."""
    starts = run.metrics.groupby("phase")[across].min()
    ends = [*starts.iloc[1:], run.metrics[across].max()]
    listed = setting(run, "phases") or [{}]
    found = []
    for number, start, end in zip(starts.index, starts, ends, strict=True):
        found.append(Phase(start, end, listed[number] if number < len(listed) else {}))
    return found


def short(value: Any) -> str:
    """A setting's value in a legend."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)
