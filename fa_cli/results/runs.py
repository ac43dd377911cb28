"""Which runs there are, what differs between them and what came out, as one table.

It is what `fa-run runs` lists (listing.py) and what `fa-run plot figure=sweep` draws.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from fa_cli.results.files import is_locked
from fa_cli.results.formats import DAMAGE
from fa_cli.results.reading import (
    PROGRESS,
    check_files,
    folders,
    labels,
    names_of,
    read_config,
    read_final,
)

COLUMNS = ("experiment", "run", "status", "progress", "age", "seed")


class Look(NamedTuple):
    """What a run's folder says; what cannot be known is empty."""

    status: str  # done, running, failed, interrupted, unreadable (may not be read) or damaged
    config: Mapping
    progress: float | None = None  # part of its steps that are trained
    rows: Sequence[dict[str, Any]] = ()  # last values, a row for each seed


class Runs(NamedTuple):
    """All runs below a folder: a row for each run and seed.

    An unfinished run has a single row without a seed: means over its seeds where it was last
    measured.
    """

    table: pd.DataFrame  # COLUMNS (age in seconds, progress from 0 to 1), then keys, then metrics
    keys: list[str]  # config keys that differ between some of the runs
    metrics: list[str]


def collect(results: Path) -> Runs:
    """Look at all runs below a folder."""
    rows, settings = [], []
    metrics: dict[str, None] = {}  # in the order in which they are met
    found = folders(results)
    for folder, (experiment, name) in zip(found, names_of(found) if found else [], strict=True):
        seen = look(folder)
        told: dict[str, Any] = {"experiment": experiment, "run": name, "status": seen.status}
        told |= {"progress": seen.progress, "age": age(folder)}
        for last in seen.rows or [{}]:
            rows.append(told | last)
            settings.append(labels(seen.config))
            metrics |= dict.fromkeys(name for name in last if name != "seed")
    values = pd.DataFrame(settings, dtype=object)  # whole numbers stay whole beside absent ones
    keys = [key for key in values if values[key].nunique() > 1]
    known = pd.DataFrame(rows, columns=[*COLUMNS, *metrics]).astype({"seed": "Int64"})
    parts = [known[[*COLUMNS]], values[keys].infer_objects(), known[[*metrics]]]
    return Runs(pd.concat(parts, axis=1), keys, [*metrics])


def look(folder: Path) -> Look:
    """What a run's folder says."""
    config = {}
    try:
        if (folder / "config.yaml").exists():
            config = read_config(folder)
        if is_locked(folder):
            return Look("running", config, *so_far(folder))
        if (folder / "done").exists():
            check_files(folder)
            return Look("done", config, 1.0, read_final(folder))
        failed = (folder / "failed").exists()
        return Look("failed" if failed else "interrupted", config, *so_far(folder))
    except PermissionError:
        return Look("unreadable", config)
    except (*DAMAGE, yaml.YAMLError):
        return Look("damaged", config)


def so_far(folder: Path) -> tuple[float | None, list[dict]]:
    """How much of an unfinished run is done, and what it has measured last."""
    path = folder / PROGRESS
    if not path.exists():
        return None, []
    noted = json.loads(path.read_text())
    return noted["step"] / noted["stop"], [noted["metrics"]]


def age(folder: Path) -> int:
    """Seconds since anything in a run's folder was written."""
    times = [path.stat().st_mtime for path in [folder, *folder.glob("*")] if path.exists()]
    return max(0, round(time.time() - max(times)))
