"""`fa-run export`: the curves of all finished runs as one tidy table, for pandas, R or others."""

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from fa_cli import terminal
from fa_cli.errors import UserError, suggest
from fa_cli.results.files import folder_of, write_bytes
from fa_cli.results.reading import load_below


def as_csv(table: pd.DataFrame) -> bytes:
    """A table as CSV."""
    return table.to_csv(index=False).encode()


def as_parquet(table: pd.DataFrame) -> bytes:
    """A table as Parquet; raises UserError where there is no library for it."""
    try:
        file = io.BytesIO()
        table.to_parquet(file, index=False)
    except ImportError:
        raise UserError(
            "format=parquet needs a library: type `pip install 'fa-run[parquet]'`, or format=csv"
        ) from None
    return file.getvalue()


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {"csv": as_csv, "parquet": as_parquet}


def export_curves(cfg: DictConfig) -> None:
    """Write all rows of all metrics.csv below a folder, with the config values that differ.

    Columns: experiment, run, the keys that differ, then those of metrics.csv. Raises UserError
    where there is no finished run.
    """
    if cfg.format not in FORMATS:
        raise UserError(f"format={cfg.format}: {suggest(str(cfg.format), FORMATS)}")
    results = folder_of("results", cfg.results)
    table = load_below(results).metrics
    path = Path(cfg.file) if cfg.file else results / f"curves.{cfg.format}"
    write_bytes(path.expanduser(), FORMATS[cfg.format](table))
    runs = table.groupby(["experiment", "run"]).ngroups
    terminal.out.print(f"{path}  {len(table)} rows of {runs} runs")
