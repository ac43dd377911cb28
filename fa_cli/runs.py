"""Which runs there are, what differs between them and what came out: the table behind `fa-run runs` and `fa-run plot figure=sweep`."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml
from omegaconf import DictConfig
from rich.table import Table

from fa_cli import record, terminal
from fa_cli.errors import UserError
from fa_cli.files import is_locked

MARKS = (
    "done",
    "failed",
    "checkpoint.npz",
    "config.yaml",
    ".lock",
)  # a run's folder holds one of these at least
UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}
MOST = 3  # metrics that a terminal is wide enough for


class Runs(NamedTuple):
    """All runs below a folder: a row for each run and seed, for an unfinished run a single row without seed and metrics."""

    table: pd.DataFrame  # experiment, run, status, age (seconds), seed, then keys and metrics
    keys: list[str]  # config keys that differ between some of the runs
    metrics: list[str]


def run(cfg: DictConfig) -> None:
    """`fa-run runs`: a table for each experiment, or with `csv` one tidy table for pandas."""
    found = collect(Path(cfg.results))
    if found.table.empty:
        raise UserError(
            f"no runs in {cfg.results}: type `fa-run +sweep=fig2` to make some, or results=DIR"
        )
    if cfg.csv:
        print(found.table.to_csv(index=False), end="")
        return
    for experiment, rows in found.table.groupby("experiment"):
        show(str(experiment), rows, found)


def show(experiment: str, rows: pd.DataFrame, found: Runs) -> None:
    """One experiment's runs: status, the config values that differ among them, the mean over seeds of what was measured, age."""
    differing = [key for key in found.keys if rows[key].nunique() > 1]
    metrics = [name for name in found.metrics if rows[name].notna().any() and "norm" not in name][
        :MOST
    ]
    table = Table(title=experiment, title_justify="left")
    for heading in ("status", *(differing or ["run"]), "n", *metrics, "age"):
        table.add_column(heading, overflow="fold")
    for name, of_run in rows.groupby("run"):
        first = of_run.iloc[0]
        values = ["" if pd.isna(first[key]) else str(first[key]) for key in differing] or [
            str(name)
        ]
        means = ["" if pd.isna(mean) else f"{mean:.4g}" for mean in of_run[metrics].mean()]
        table.add_row(
            first["status"],
            *values,
            str(of_run["seed"].count() or ""),
            *means,
            in_words(first["age"]),
        )
    terminal.tables.print(table)


def collect(results: Path) -> Runs:
    """Look at all runs below a folder; raises UserError if there is no such folder."""
    if not results.is_dir():
        raise UserError(f"results={results}: no such folder; type results=DIR")
    rows, settings, metrics = [], [], []
    for folder in sorted(
        {path.parent for mark in MARKS for path in results.rglob(mark)} - set(results.rglob(".*"))
    ):
        status, config, final = look(folder)
        place = folder.resolve()
        known = {
            "experiment": place.parent.name,
            "run": place.name,
            "status": status,
            "age": age(folder),
        }
        for row in final.to_dict("records") or [{}]:
            rows.append(known | row)
            settings.append(dict(flat(config)))
        metrics += [name for name in final if name != "seed"]
    differing = (
        pd.DataFrame(settings).loc[:, lambda table: table.nunique() > 1]
        if settings
        else pd.DataFrame()
    )
    table = pd.DataFrame(
        rows, columns=["experiment", "run", "status", "age", "seed", *dict.fromkeys(metrics)]
    )
    table = pd.concat(
        [table.iloc[:, :5].astype({"seed": "Int64"}), differing, table.iloc[:, 5:]], axis=1
    )
    return Runs(table, list(differing), list(dict.fromkeys(metrics)))


def look(folder: Path) -> tuple[str, Mapping, pd.DataFrame]:
    """A run's status, its config where it can be known, and its final metrics by seed where it is finished."""
    config, nothing = {}, pd.DataFrame()
    try:
        if (folder / "config.yaml").exists():
            config = record.read_config(folder)
        if is_locked(folder):
            return "running", config, nothing
        if (folder / "done").exists():
            metrics = record.read_metrics(folder)
            final = metrics[metrics["step"] == metrics["step"].max()]
            return (
                "done",
                config,
                final.drop(columns=[name for name in record.INDEX if name != "seed"]),
            )
    except (*record.DAMAGE, yaml.YAMLError):
        return "damaged", config, nothing
    return "failed" if (folder / "failed").exists() else "interrupted", config, nothing


def flat(config: Mapping, prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted key, value) for every value of a config; lists as text, a group's `name` under the group's."""
    pairs = []
    for key, value in config.items():
        if isinstance(value, dict):
            pairs += flat(value, f"{prefix}{key}.")
        else:
            dotted = prefix.removesuffix(".") if key == "name" else f"{prefix}{key}"
            pairs.append((dotted, json.dumps(value) if isinstance(value, list) else value))
    return pairs


def age(folder: Path) -> int:
    """Seconds since anything in a run's folder was written."""
    return max(
        0,
        round(
            time.time()
            - max(path.stat().st_mtime for path in [folder, *folder.glob("*")] if path.exists())
        ),
    )


def in_words(seconds: float) -> str:
    """A time such as `3 h`."""
    unit, size = next((pair for pair in UNITS.items() if seconds >= pair[1]), ("s", 1))
    return f"{seconds // size:.0f} {unit}"
