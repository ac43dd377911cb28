"""`fa-run runs`: the runs of each experiment as a table that fits the terminal."""

from typing import Any

import pandas as pd
from omegaconf import DictConfig
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from fa_cli import terminal
from fa_cli.errors import UserError, suggest
from fa_cli.folders import into, results_in
from fa_cli.options import true_or_false
from fa_cli.results.reading import order
from fa_cli.results.runs import Runs, collect
from fa_cli.terminal import in_words

MOST = 3  # metrics in a table
ENDLESS = 10**6  # columns of a terminal on which every table fits


def list_runs(cfg: DictConfig) -> None:
    """`fa-run runs`: a table for each experiment, or with `csv` one tidy table for pandas.

    Raises UserError where there are none, and for an unknown column in `sort`.
    """
    results = results_in(cfg.results)
    found = collect(results)
    if found.table.empty:
        typed = into("fa-run +sweep=fig2", results)
        raise UserError(f"no runs in {results}: type `{typed}` to make some, or results=DIR")
    if true_or_false("csv", cfg.csv):
        print(found.table.to_csv(index=False), end="")
        return
    by = [*found.keys, *found.metrics]
    if cfg.sort is not None and cfg.sort not in by:
        raise UserError(f"sort={cfg.sort}: {suggest(str(cfg.sort), by)}")
    for experiment, rows in found.table.groupby("experiment"):
        show(str(experiment), rows, found, cfg.sort, terminal.tables)


def show(
    experiment: str, rows: pd.DataFrame, found: Runs, sort: str | None, console: Console
) -> None:
    """Print an experiment's runs: the widest table that fits, else each run in lines of its own."""
    keys = [key for key in found.keys if rows[key].nunique() > 1] or ["run"]
    metrics = shown_metrics(rows, found.metrics)
    listed = of_runs(rows, keys, found.metrics, sort)
    for some, short in ((MOST, False), (1, False), (1, True)):
        table = table_of(experiment, listed, keys, metrics[:some], short)
        if width_of(table, console) <= console.width:
            console.print(table)
            return
    console.print(experiment, style="italic")
    for run in listed.to_dict("records"):
        console.print(f"{state(run)}{seeds_in(run)}, {in_words(run['age'])} old", soft_wrap=True)
        for name in (*keys, *metrics[:1]):
            console.print(f"  {name} {value(run[name])}", soft_wrap=True)


def shown_metrics(rows: pd.DataFrame, metrics: list[str]) -> list[str]:
    """What was measured, norms left out, the metric that counts first."""
    names = [name for name in metrics if rows[name].notna().any() and "norm" not in name]
    return sorted(names, key=lambda name: name != terminal.headline(names))


def of_runs(
    rows: pd.DataFrame, keys: list[str], metrics: list[str], sort: str | None
) -> pd.DataFrame:
    """A row for each run: its state, the keys, n, means over seeds, in the order of `sort`.

    Without `sort` in that of the keys' values.
    """
    first = rows.drop_duplicates("run").set_index("run", drop=False).rename_axis(None)
    by_run = rows.groupby("run")
    listed = first[list(dict.fromkeys(["status", "progress", "age", "run", *keys]))].copy()
    listed["n"] = by_run["seed"].count()
    listed[metrics] = by_run[metrics].mean()
    by = [sort] if sort in listed else keys
    return listed.sort_values(by, key=lambda values: values.map(order), kind="stable")


def table_of(
    experiment: str, listed: pd.DataFrame, keys: list[str], metrics: list[str], short: bool
) -> Table:
    """An experiment's runs as a table; `short`: headings without the group that a key is of."""
    table = Table(title=experiment, title_justify="left")
    named = [key.rpartition(".")[2] for key in keys] if short else keys
    for heading in ("status", *named, "n", *metrics, "age"):
        table.add_column(heading)
    for run in listed.to_dict("records"):
        shown = [value(run[name]) for name in keys] + [str(run["n"] or "")]
        shown += [value(run[name]) for name in metrics]
        table.add_row(state(run), *shown, in_words(run["age"]))
    return table


def width_of(table: Table, console: Console) -> int:
    """Columns that a table takes without breaking a word."""
    return Measurement.get(console, console.options.update_width(ENDLESS), table).maximum


def state(run: dict) -> str:
    """A run's status, and of an unfinished one how much of it is done."""
    if run["status"] == "done" or pd.isna(run["progress"]):
        return run["status"]
    return f"{run['status']} {run['progress']:.0%}"


def seeds_in(run: dict) -> str:
    """Of a finished run, how many seeds its means are over."""
    return f", n = {run['n']}" if run["n"] else ""


def value(value: Any) -> str:
    """A setting or a mean in a cell; nothing where there is none."""
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.4g}"
    return "" if value is None else str(value)
