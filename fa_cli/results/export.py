"""`fa-run export`: the curves of all finished runs, for pandas, R, TensorBoard or others."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig
from pandas.api.types import is_object_dtype

from fa_cli import terminal
from fa_cli.errors import UserError, suggest
from fa_cli.folders import results_in
from fa_cli.results.files import write_bytes
from fa_cli.results.formats import INDEX
from fa_cli.results.reading import Results, load_below


class Format(NamedTuple):
    """How curves are written, and where unless a person says so."""

    name: str
    write: Callable[[Results, Path], None]


def write_csv(results: Results, path: Path) -> None:
    """One tidy table as CSV."""
    write_bytes(path, results.metrics.to_csv(index=False).encode())


def write_parquet(results: Results, path: Path) -> None:
    """One tidy table as Parquet; raises UserError where there is no library for it.

    A column there is of one type: keys that are a number here and a word there are texts.
    """
    file, table = io.BytesIO(), results.metrics.copy()
    for name in [name for name in table if is_object_dtype(table[name])]:
        table[name] = table[name].map(str, na_action="ignore")
    try:
        table.to_parquet(file, index=False)
    except ImportError:
        raise lacking("parquet") from None
    write_bytes(path, file.getvalue())


def write_tensorboard(results: Results, folder: Path) -> None:
    """A log for each run, means over seeds against steps; one that is there is replaced.

    Raises UserError where there is no library for it.
    """
    try:
        from tensorboard.summary import Writer  # slow to import, and rarely needed
    except ImportError:
        raise lacking("tensorboard") from None
    measured = set().union(*(run.metrics.columns for run in results.runs)) - {*INDEX}
    for (experiment, run), rows in results.metrics.groupby(["experiment", "run"]):
        place = folder / experiment / run
        for earlier in place.glob("events.out.tfevents.*"):
            earlier.unlink()
        log = Writer(str(place))
        means = rows.groupby("step")[sorted(measured)].mean()
        for name, curve in means.items():
            for step, mean in curve.dropna().items():
                log.add_scalar(name, mean, step)
        log.close()


def lacking(name: str) -> UserError:
    """What is told where a format's library, an extra of its name, is not installed."""
    return UserError(
        f"format={name} needs a library: type `pip install 'fa-run[{name}]'`, or format=csv"
    )


FORMATS = {
    "csv": Format("curves.csv", write_csv),
    "parquet": Format("curves.parquet", write_parquet),
    "tensorboard": Format("tensorboard", write_tensorboard),
}


def export_curves(cfg: DictConfig) -> None:
    """Write all rows of all metrics.csv below a folder, with the config values that differ.

    Columns: experiment, run, the keys that differ, then those of metrics.csv. Raises UserError
    where there is no finished run.
    """
    if cfg.format not in FORMATS:
        raise UserError(f"format={cfg.format}: {suggest(str(cfg.format), FORMATS)}")
    folder, chosen = results_in(cfg.results), FORMATS[cfg.format]
    path = file_of(cfg.file, cfg.format) if cfg.file is not None else folder / chosen.name
    results = load_below(folder)
    chosen.write(results, path)
    terminal.out.print(f"{path}  {len(results.metrics)} rows of {len(results.runs)} runs")


def file_of(value: Any, format: str) -> Path:
    """The file that a person names; raises UserError for one of another format, or for none."""
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"file={value}: expected the name of a file: type file=FILE")
    path = Path(value).expanduser()
    if path.suffix[1:] in set(FORMATS) - {format}:
        raise UserError(f"file={value}: type format={path.suffix[1:]}, or another name")
    return path
