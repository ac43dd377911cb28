"""Finished runs, read back from their folders as pandas tables."""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

from fa_cli.errors import UserError, complain
from fa_cli.folders import into
from fa_cli.results.formats import DAMAGE, INDEX, read_npz, summarise
from fa_cli.results.identity import Identity, fingerprint, flat

PROGRESS = "progress.json"  # of an unfinished run: how far it is and what it measured last
CHECKPOINT = "checkpoint.npz"
AGAIN = "again.npz"  # that of a finished run's training with resume=false
MEASURED = ("measured.csv", "measured.npz")  # what `fa-run measure` has measured of a run
WRITTEN = (  # what a run writes
    *("config.yaml", "metrics.csv", "summary.csv", "arrays.npz", "audit.npz", "manifest.json"),
    *("failed", PROGRESS, "done", CHECKPOINT, AGAIN, *MEASURED),
)
MARKS = ("done", "failed", CHECKPOINT, "config.yaml", ".lock")  # one at least in a run's
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the former is ten times as fast


class Run(NamedTuple):
    """A finished run."""

    folder: Path
    config: dict
    metrics: pd.DataFrame  # metrics.csv: a row for each seed and step
    arrays: Mapping[str, np.ndarray]  # arrays.npz

    @property
    def rule(self) -> str:
        """The name of its learning rule."""
        return self.config["rule"]["name"]


class Results(NamedTuple):
    """Finished runs as tables, told apart by columns: experiment, run, and keys that differ."""

    metrics: pd.DataFrame  # metrics.csv of all runs, one below the other
    summary: pd.DataFrame  # summary.csv of all runs: mean, sd, .. over seeds at the end
    runs: list[Run]  # one by one, with their configs and arrays


def load_below(folder: Path) -> Results:
    """All finished runs in a folder or below it; one that cannot be read is told and left out.

    Raises UserError where there are none.
    """
    found = [run for run in folders(folder) if (run / "done").exists()]
    if not found:
        typed = into("fa-run +sweep=fig2", folder)
        raise UserError(f"no finished run in {folder}: type `{typed}` to make some")
    runs = []
    for run in found:
        try:
            runs.append(load_run(run))
        except UserError as error:
            if len(found) == 1:
                raise
            complain(f"left out: {error}")
    if not runs:
        raise UserError(f"no run in {folder} can be read: run them again with resume=false")
    return together(runs)


def folders(results: Path) -> list[Path]:
    """The folders of the runs below one; hidden ones, such as Hydra's, are none.

    One that cannot be opened is told.
    """
    found, seen = [], set()
    for here, below, names in os.walk(results, followlinks=True, onerror=unreadable):
        place = os.path.realpath(here)
        below[:] = [] if place in seen else [name for name in below if not name.startswith(".")]
        if place not in seen and {*names} & {*MARKS}:
            found.append(Path(here))
        seen.add(place)
    return sorted(found)


def unreadable(error: OSError) -> None:
    """Tell that a folder that is there, and all that is in it, is left out."""
    if not isinstance(error, FileNotFoundError):
        complain(f"{error.filename} is left out, it cannot be read: {error.strerror}")


def together(runs: Iterable[Run]) -> Results:
    """Runs, at least one, as tables of all."""
    runs = list(runs)
    configs = pd.DataFrame([labels(run.config) for run in runs])
    told_apart = configs.loc[:, configs.nunique(dropna=False) > 1]
    differing = told_apart.to_dict("index").values()  # a row each, if only {}
    metrics, summaries = [], []
    places = names_of([run.folder for run in runs])
    for run, (experiment, name), values in zip(runs, places, differing, strict=True):
        columns = {"experiment": experiment, "run": name, **values}
        metrics.append(labelled(run.metrics, columns))
        summaries.append(labelled(summarise(run.metrics), columns))
    table, summary = (pd.concat(parts, ignore_index=True) for parts in (metrics, summaries))
    return Results(table, summary, runs)


def names_of(folders: Sequence[Path]) -> list[tuple[str, str]]:
    """Experiment and run of each folder; where two are the same, the way to the experiment."""
    places = [folder.resolve() for folder in folders]
    names = [(place.parent.name, place.name) for place in places]
    if len({*names}) == len({*places}):
        return names
    above = os.path.commonpath([place.parents[1] for place in places])
    return [(os.path.relpath(place.parent, above), place.name) for place in places]


def labelled(table: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """A table with columns of one value each before its own."""
    return pd.concat([pd.DataFrame([columns] * len(table), index=table.index), table], axis=1)


def labels(config: Mapping) -> dict[str, Any]:
    """The values of a config by dotted key: lists as text, a group's `name` under the group's."""
    values = {}
    for key, value in flat(config).items():
        values[key.removesuffix(".name")] = json.dumps(value) if isinstance(value, list) else value
    return values


def finished(folder: Path, identity: Identity | None = None) -> bool:
    """Whether `folder` holds a finished run; raises UserError where it is not of that identity."""
    if not (folder / "done").exists():
        return False
    if identity is None:
        return True
    try:
        found = identity.difference(read_yaml(folder / "config.yaml"))
    except (*DAMAGE, AttributeError, yaml.YAMLError) as error:
        raise damaged(folder, error) from None
    if found:
        raise UserError(
            f"{folder} holds results of another config ({found}): "
            "type outputs=DIR to keep them, or resume=false"
        )
    return True


def belongs_to(folder: Path, identity: Identity) -> bool:
    """Whether `folder` holds this very run, finished or not."""
    try:
        return not identity.difference(read_yaml(folder / "config.yaml"))
    except (*DAMAGE, AttributeError, yaml.YAMLError):
        return False


def check_own(folder: Path) -> None:
    """Raise UserError where a folder that is no run's holds files that a run would write over."""
    there = sorted(path.name for path in folder.glob("*") if path.name in WRITTEN)
    own = {*there} & {"done", CHECKPOINT} or not there
    try:
        own = own or bool(read_config(folder))
    except (*DAMAGE, yaml.YAMLError):
        own = False
    if not own:
        raise UserError(
            f"{folder} holds {there[0]}, which is no run's: type hydra.run.dir=DIR for a folder of "
            "the run's own, or move the file"
        )


def damaged(folder: Path, error: BaseException) -> UserError:
    """What is told of a run that cannot be read: that it may not be, or that it is damaged."""
    if isinstance(error, PermissionError):
        return UserError(f"{error.filename} cannot be read: {error.strerror}")
    told = " ".join(str(error).split())
    return UserError(f"{folder} is damaged ({told}): run it again with resume=false")


def load_run(folder: Path) -> Run:
    """Read a finished run; raises UserError if it is not finished or damaged."""
    if not finished(folder):
        raise UserError(f"{folder} holds no finished run (no file `done`): run it again")
    try:
        check_files(folder)
        arrays = {}
        if (folder / "arrays.npz").exists():
            with read_npz(folder / "arrays.npz") as stored:
                arrays = {key: stored[key] for key in stored.files}
        return Run(folder, read_config(folder), read_metrics(folder), arrays)
    except (*DAMAGE, yaml.YAMLError) as error:
        raise damaged(folder, error) from None


def receptive_fields(run: Run, when: str) -> np.ndarray | None:
    """Incoming weights of first-layer units `before` or `after` learning, None if not kept."""
    fields = run.arrays.get(f"receptive_fields_{when}")
    return None if fields is None else by_network(fields)


def by_network(fields: np.ndarray) -> np.ndarray:
    """Receptive fields as they were kept, (networks, units, pixels).

    Earlier versions kept a single network, without an axis for it.
    """
    return fields.astype(float).reshape(-1, *fields.shape[-2:])


def check_files(folder: Path) -> None:
    """Raise ValueError where a result is not what the run wrote, as its manifest says.

    Manifests of earlier versions do not say it.
    """
    manifest = folder / "manifest.json"
    said = json.loads(manifest.read_text()) if manifest.exists() else {}
    written = said.get("files", {}) if isinstance(said, dict) else None
    if not isinstance(written, dict):
        raise ValueError("manifest.json is not the manifest of a run")
    for name, checksum in written.items():
        changed = hashlib.sha256((folder / name).read_bytes()).hexdigest() != checksum
        if changed and not (name == "config.yaml" and says_the_same(folder, said)):
            raise ValueError(f"{name} is not what the run wrote")


def says_the_same(folder: Path, manifest: Mapping) -> bool:
    """Whether a config.yaml that another version wrote says what the run's own did."""
    try:
        return fingerprint(read_config(folder)) == manifest.get("config")
    except (*DAMAGE, yaml.YAMLError):
        return False


def load_runs(folder: Path) -> list[Run]:
    """The finished runs in the subfolders of an experiment's folder."""
    return [load_run(done.parent) for done in sorted(folder.glob("*/done"))]


def read_yaml(path: Path) -> Any:
    """What a YAML file holds; raises a YAMLError for what is none."""
    return yaml.load(path.read_text(), LOADER)


def read_config(folder: Path) -> dict:
    """A run's config.yaml; raises one of DAMAGE or a YAMLError for what is none."""
    config = read_yaml(folder / "config.yaml")
    rule = config.get("rule") if isinstance(config, dict) else None
    if not isinstance(rule, dict) or not isinstance(rule.get("name"), str):
        raise ValueError("config.yaml is not the config of a run")
    return config


def read_metrics(folder: Path) -> pd.DataFrame:
    """A run's metrics.csv; raises one of DAMAGE for what is none."""
    text = (folder / "metrics.csv").read_text()
    if not text.endswith("\n"):
        raise ValueError("metrics.csv ends in the middle of a row")
    metrics = pd.read_csv(io.StringIO(text))
    numbers = all(values.dtype.kind in "if" for _, values in metrics.items())
    if not {*INDEX} <= {*metrics} or metrics.empty or not numbers:
        raise ValueError(f"metrics.csv is no table of numbers with the columns {','.join(INDEX)}")
    return metrics


def read_final(folder: Path) -> list[dict[str, float]]:
    """Seed and metrics of a run's last step, a row for each seed that came to it.

    As `read_metrics` has them, in a tenth of the time; raises ValueError for what is no such table.
    """
    text = (folder / "metrics.csv").read_text()
    heading, *lines = text.splitlines()
    names = heading.split(",")
    if names[: len(INDEX)] != INDEX or not lines or not text.endswith("\n"):
        raise ValueError(f"metrics.csv is no table of numbers with the columns {','.join(INDEX)}")
    steps = [int(line.split(",", 2)[1]) for line in lines]
    final = max(steps)
    last = [line.split(",") for line, step in zip(lines, steps, strict=True) if step == final]
    rows = []
    for values in last:
        numbers = [float(value) if value else np.nan for value in values]
        row = dict(zip(names, numbers, strict=True))
        rows.append({name: row[name] for name in row if name == "seed" or name not in INDEX})
    return rows


def order(value: Any) -> tuple:
    """A key to sort by: numbers by size, then texts."""
    if isinstance(value, int | float) and not pd.isna(value):
        return 0, value, ""
    return 1, 0, str(value)
