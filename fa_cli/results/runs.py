"""Which runs there are, what differs between them and what came out, as one table.

It is what `fa-run runs` lists and what `fa-run plot figure=sweep` draws.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml
from omegaconf import DictConfig
from rich.table import Table

from fa_cli import terminal
from fa_cli.errors import UserError
from fa_cli.results.files import folder_of, is_locked
from fa_cli.results.formats import DAMAGE, INDEX
from fa_cli.results.reading import (
    check_files,
    labels,
    names_of,
    read_config,
    read_metrics,
)

MARKS = ("done", "failed", "checkpoint.npz", "config.yaml", ".lock")  # one at least in a run's
COLUMNS = ("experiment", "run", "status", "age", "seed")
UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}
MOST = 3  # metrics that a terminal is wide enough for


class Runs(NamedTuple):
    """All runs below a folder: a row for each run and seed.

    An unfinished run has a single row, without seed and metrics.
    """

    table: pd.DataFrame  # COLUMNS (age in seconds), then keys, then metrics
    keys: list[str]  # config keys that differ between some of the runs
    metrics: list[str]


def list_runs(cfg: DictConfig) -> None:
    """`fa-run runs`: a table for each experiment, or with `csv` one tidy table for pandas.

    Raises UserError where there are none.
    """
    found = collect(folder_of("results", cfg.results))
    if found.table.empty:
        told = "type `fa-run +sweep=fig2` to make some, or results=DIR"
        raise UserError(f"no runs in {cfg.results}: {told}")
    if cfg.csv:
        print(found.table.to_csv(index=False), end="")
        return
    for experiment, rows in found.table.groupby("experiment"):
        terminal.tables.print(table_of(str(experiment), rows, found))


def table_of(experiment: str, rows: pd.DataFrame, found: Runs) -> Table:
    """An experiment's runs: status, what differs among them, n, means over seeds, age."""
    differing = [key for key in found.keys if rows[key].nunique() > 1]
    metrics = [name for name in found.metrics if rows[name].notna().any() and "norm" not in name]
    metrics = sorted(metrics, key=lambda name: name != terminal.headline(metrics))[:MOST]
    table = Table(title=experiment, title_justify="left")
    for heading in ("status", *(differing or ["run"]), "n", *metrics, "age"):
        table.add_column(heading, overflow="fold")
    for name, of_run in rows.groupby("run"):
        first = of_run.iloc[0]
        values = ["" if pd.isna(first[key]) else str(first[key]) for key in differing]
        means = ["" if pd.isna(mean) else f"{mean:.4g}" for mean in of_run[metrics].mean()]
        n = str(of_run["seed"].count() or "")
        told = values or [str(name)]
        table.add_row(first["status"], *told, n, *means, in_words(first["age"]))
    return table


def collect(results: Path) -> Runs:
    """Look at all runs below a folder; raises UserError if there is no such folder."""
    if not results.is_dir():
        raise UserError(f"results={results}: no such folder; type results=DIR")
    rows, settings, metrics = [], [], {}
    found = folders(results)
    for folder, (experiment, name) in zip(found, names_of(found) if found else [], strict=True):
        status, config, final = look(folder)
        told = {"experiment": experiment, "run": name, "status": status, "age": age(folder)}
        for of_seed in final.to_dict("records") or [{}]:
            rows.append(told | of_seed)
            settings.append(labels(config))
        metrics |= dict.fromkeys(name for name in final if name != "seed")
    values = pd.DataFrame(settings)
    keys = [key for key in values if values[key].nunique() > 1]
    known = pd.DataFrame(rows, columns=[*COLUMNS, *metrics]).astype({"seed": "Int64"})
    parts = [known[[*COLUMNS]], values[keys], known[[*metrics]]]
    return Runs(pd.concat(parts, axis=1), keys, [*metrics])


def folders(results: Path) -> list[Path]:
    """The folders of the runs below one; hidden ones, such as Hydra's, are none."""
    found, seen = [], set()
    for here, below, names in os.walk(results, followlinks=True):
        place = os.path.realpath(here)
        below[:] = [] if place in seen else [name for name in below if not name.startswith(".")]
        if place not in seen and {*names} & {*MARKS}:
            found.append(Path(here))
        seen.add(place)
    return sorted(found)


def look(folder: Path) -> tuple[str, Mapping, pd.DataFrame]:
    """A run's status, its config and, of a finished one, its final metrics by seed.

    What cannot be known is empty.
    """
    config, nothing = {}, pd.DataFrame()
    try:
        if (folder / "config.yaml").exists():
            config = read_config(folder)
        if is_locked(folder):
            return "running", config, nothing
        if (folder / "done").exists():
            check_files(folder)
            metrics = read_metrics(folder)
            final = metrics[metrics["step"] == metrics["step"].max()]
            return "done", config, final.drop(columns=[name for name in INDEX if name != "seed"])
    except (*DAMAGE, yaml.YAMLError):
        return "damaged", config, nothing
    return "failed" if (folder / "failed").exists() else "interrupted", config, nothing


def age(folder: Path) -> int:
    """Seconds since anything in a run's folder was written."""
    times = [path.stat().st_mtime for path in [folder, *folder.glob("*")] if path.exists()]
    return max(0, round(time.time() - max(times)))


def in_words(seconds: float) -> str:
    """A time such as `3 h`."""
    fitting = [unit for unit, size in UNITS.items() if seconds >= size]
    unit = fitting[0] if fitting else "s"
    return f"{seconds // UNITS[unit]:.0f} {unit}"
