"""Speed as ratios in one run on one machine: this project, other tools, bare matrix products.

All contenders train the same networks with feedback alignment, from the same parameters, on the
same examples in memory; that they end with the same weights is checked before they are timed. Each
tool runs beside this project in a process of its own, and repeats are interleaved, so that a
machine that slows down slows both down. Times are of training alone.
"""

import importlib.util
import io
import multiprocessing
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl
from omegaconf import DictConfig
from rich.table import Table

from fa_cli import terminal
from fa_cli.backend import NumpyBackend, usable_cores
from fa_cli.bench import growth
from fa_cli.bench.measuring import OURS, measure, medians
from fa_cli.bench.workloads import Workload, workloads
from fa_cli.errors import UserError
from fa_cli.folders import folder_of
from fa_cli.options import listed
from fa_cli.results.files import write_bytes, write_text
from fa_cli.results.formats import csv

GROWTH = "growth"


def measure_speed(cfg: DictConfig) -> None:
    """`fa-run bench`: check, measure, show and write."""
    from fa_cli.bench import drawing  # processes that measure need no matplotlib

    known = {work.name: work for work in workloads(usable_cores())}
    names = check(cfg, [*known, GROWTH])
    peers = find_peers(folder_of("peers", cfg.peers)) if cfg.peers is not None else []
    folder = folder_of("outputs", cfg.outputs) / "bench"
    if works := [known[name] for name in names if name in known]:
        write(folder / "bench", compare(works, peers, cfg.repeats), drawing.bars)
    if GROWTH in names:
        write(folder / "growth", growth.measure(cfg.repeats), drawing.growth_curves)
    write_text(folder / "machine.csv", csv(machine()))
    written = sorted(path.name for path in folder.iterdir())
    terminal.out.print(f"{terminal.shown(folder)}  {', '.join(written)}")


def check(cfg: DictConfig, known: list[str]) -> list[str]:
    """What to measure, by name; raises UserError for a mistake in the config."""
    names = list(dict.fromkeys(listed(cfg.only))) or known
    for name in names:
        if name not in known:
            raise UserError(f"only={name}: choose from: {', '.join(known)}")
    if not isinstance(cfg.repeats, int) or cfg.repeats < 1:
        raise UserError(f"repeats={cfg.repeats}: expected a whole number of at least 1")
    return names


def find_peers(folder: Path) -> list[Path]:
    """The files of a folder whose library is installed; raises UserError if there is no folder."""
    if not folder.is_dir():
        raise UserError(
            f"peers={folder}: no such folder; it lies in a checkout of the project; "
            "peers=null measures without them"
        )
    found = []
    for path in sorted(folder.glob("with_*.py")):
        if importlib.util.find_spec(path.stem.removeprefix("with_")):
            found.append(path)
        else:
            why = "left out, its library is not installed; `make bench` installs it"
            terminal.out.print(f"{path.name}: {why}")
    return found


def compare(works: Sequence[Workload], peers: Sequence[Path], repeats: int) -> pd.DataFrame:
    """Times of all workloads, beside each peer; ratios are shown as they are measured."""
    tables = []
    others: Sequence[Path | None] = [*peers] or [None]
    for work in works:
        beside = [apart(measure, work, peer, repeats) for peer in others]
        tables.append(pd.concat(beside))
        terminal.tables.print(ratios(tables[-1]))
    return pd.concat(tables)


def apart(work: Callable, *arguments) -> pd.DataFrame:
    """Call `work` in a process of its own: the threads of one tool slow another down."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def ratios(table: pd.DataFrame) -> Table:
    """One workload for the terminal: median time of a step of all seeds, and who is faster."""
    shown = Table(title=table["workload"].iloc[0], title_justify="left")
    shown.add_column("contender")
    for heading in ("us a step", "GFlop/s", f"{OURS} is faster by"):
        shown.add_column(heading, justify="right")
    for row in medians(table).itertuples():
        numbers = f"{row.us_per_step:.4g}", f"{row.gflops:.3g}", f"{row.ratio:.2f}"
        shown.add_row(row.Index, *numbers)
    return shown


def machine() -> pd.DataFrame:
    """What computes, and with which libraries and threads."""
    with NumpyBackend("float64").computing():
        pools = threadpoolctl.threadpool_info()
    told = [f"{lib['internal_api']} {lib['version']} {lib['num_threads']} thread" for lib in pools]
    values = {
        "cores": usable_cores(),
        "cpu": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "libraries": "; ".join(told),
    }
    return pd.DataFrame([values])


def write(stem: Path, table: pd.DataFrame, draw: Callable) -> None:
    """A table, and the figure that `draw(table)` makes of it."""
    write_text(stem.with_suffix(".csv"), csv(table))
    image = io.BytesIO()
    draw(table).savefig(image, format="png", dpi=150)
    write_bytes(stem.with_suffix(".png"), image.getvalue())
