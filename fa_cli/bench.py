"""Speed as ratios within one run on one machine: this project, other people's tools, and the bare products of matrices.

All contenders train the same networks with feedback alignment, from the same parameters, on the same examples in memory; that
they end with the same weights is checked before they are timed. Each tool runs beside this project in a process of its own, and
repeats are interleaved, so that a machine that slows down slows both down. Times are of training alone.
"""

import importlib.util
import multiprocessing
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl
from omegaconf import DictConfig
from rich.table import Table

from fa_cli import growth, record, terminal
from fa_cli.backend import LARGE, NumpyBackend, usable_cores
from fa_cli.errors import UserError
from fa_cli.files import write_text
from fa_cli.workloads import Contender, Given, Workload, bare, given, ours, workloads

OURS, BARE, GROWTH = "fa-run", "bare BLAS", "growth"


def peers(folder: Path) -> list[Path]:
    """The files of a folder whose library is installed; raises UserError where there is no folder."""
    if not folder.is_dir():
        raise UserError(
            f"peers={folder}: no such folder; it lies in a checkout of the project; peers=null measures without them"
        )
    found = []
    for path in sorted(folder.glob("with_*.py")):
        if importlib.util.find_spec(path.stem.removeprefix("with_")):
            found.append(path)
        else:
            terminal.out.print(
                f"{path.name}: left out, its library is not installed; `make bench` installs it"
            )
    return found


def contenders_of(path: Path) -> Callable[[Workload, Given], dict[str, Contender]]:
    """The function `contenders` of a peer's file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.contenders


def run(config: DictConfig) -> None:
    """`fa-run bench`: check, measure, show and write."""
    cores = usable_cores()
    known = {work.name: work for work in workloads(cores)}
    chosen = (
        [*known, GROWTH]
        if config.only is None
        else [config.only]
        if isinstance(config.only, str)
        else list(config.only)
    )
    for name in chosen:
        if name not in (*known, GROWTH):
            raise UserError(f"only={name}: choose from: {', '.join([*known, GROWTH])}")
    if not isinstance(config.repeats, int) or config.repeats < 1:
        raise UserError(f"repeats={config.repeats}: expected a whole number of at least 1")
    others = (peers(Path(config.peers)) if config.peers else []) or [None]
    folder = Path(config.outputs) / "bench"
    tables = []
    for name in chosen:
        if name == GROWTH:
            grown = growth.measure(config.repeats)
            write_text(folder / "growth.csv", record.csv(grown))
            draw(
                folder / "growth.png",
                (2, 4),
                (10, 5),
                lambda axes, grown=grown: growth.draw(grown, axes),
            )
        else:
            tables.append(
                pd.concat([apart(measure, known[name], other, config.repeats) for other in others])
            )
            terminal.tables.print(ratios(tables[-1]))
    write_text(folder / "machine.csv", record.csv(machine(cores)))
    if tables:
        table = pd.concat(tables)
        write_text(folder / "bench.csv", record.csv(table))
        draw(folder / "bench.png", (1, 1), (10, 4.2), lambda axes: bars(table, axes[0, 0]))
    terminal.out.print(
        f"{terminal.shown(folder)}  {', '.join(sorted(path.name for path in folder.iterdir()))}"
    )


def apart(work: Callable, *arguments) -> pd.DataFrame:
    """Call `work` in a process of its own: the threads of one tool slow another down."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def measure(work: Workload, peer: Path | None, repeats: int) -> pd.DataFrame:
    """Times of this project, one peer and the limit, one row a repeat: workload,beside,contender,repeat,us_per_step,gflops."""
    others = contenders_of(peer) if peer else None
    agree(work, competitors(work._replace(steps=50), others))
    contenders = competitors(work, others)
    for train in contenders.values():
        train()
    rows = []
    for repeat in range(repeats):
        for name, train in contenders.items():
            start = time.perf_counter()
            train()
            step = (time.perf_counter() - start) / work.steps
            flops = 2 * work.products * work.seeds / step
            row = {
                "workload": work.name,
                "beside": peer.stem if peer else "nobody",
                "contender": name,
                "repeat": repeat,
            }
            rows.append(row | {"us_per_step": step * 1e6, "gflops": flops / 1e9})
    return pd.DataFrame(rows)


def competitors(work: Workload, others: Callable | None) -> dict[str, Contender]:
    """Those who train this workload, by name, and the limit where products are most of the work."""
    start = given(work)
    contenders = {OURS: ours(work, start)} | (others(work, start) if others else {})
    if (
        work.batch_size * max(m * n for m, n in pairwise(work.sizes)) >= LARGE
        and work.batch_size > 1
    ):
        contenders[BARE] = bare(work, start)
    return contenders


def agree(work: Workload, contenders: dict[str, Contender]) -> None:
    """Raise UserError unless all end with the same weights, to rounding."""
    reference, tolerance = contenders[OURS](), {"float32": 1e-3, "float64": 1e-9}[work.dtype]
    for name, train in contenders.items():
        for mine, other in zip(reference, train(), strict=False):
            if not np.allclose(mine, other, rtol=tolerance, atol=tolerance):
                raise UserError(
                    f"{name} does not compute the same as {OURS} on {work.name}: off by {np.abs(mine - other).max():.2g}"
                )


def ratios(table: pd.DataFrame) -> Table:
    """A table for the terminal: median time of a step of all seeds, and how many times faster this project is, repeat by repeat."""
    shown = Table(title=table["workload"].iloc[0], title_justify="left")
    for heading in ("contender", "us a step", "GFlop/s", f"{OURS} is faster by"):
        shown.add_column(heading, justify="left" if heading == "contender" else "right")
    for name, time_us, speed, ratio in medians(table):
        shown.add_row(name, f"{time_us:.4g}", f"{speed:.3g}", f"{ratio:.2f}")
    return shown


def medians(table: pd.DataFrame) -> Iterator[tuple[str, float, float, float]]:
    """(contender, us a step, GFlop/s, this project's throughput over its) of one workload, medians over repeats."""
    times = table.pivot(index=["beside", "repeat"], columns="contender", values="us_per_step")
    speeds = table.groupby("contender")["gflops"].median()
    for name in table["contender"].unique():
        yield name, times[name].median(), speeds[name], (times[name] / times[OURS]).median()


def machine(cores: int) -> pd.DataFrame:
    """What computed, and with which libraries and threads."""
    NumpyBackend("float64")  # limits the threads, as it does in the processes that measure
    blas = "; ".join(
        f"{lib['internal_api']} {lib['version']} {lib['num_threads']} thread"
        for lib in threadpoolctl.threadpool_info()
    )
    values = {
        "cores": cores,
        "cpu": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "libraries": blas,
    }
    return pd.DataFrame([{key: str(value).replace(",", ";") for key, value in values.items()}])


def bars(table: pd.DataFrame, axes) -> None:
    """This project's throughput over everybody's, a group of bars for each workload, on a log axis."""
    names, contenders = (
        list(table["workload"].unique()),
        [name for name in table["contender"].unique() if name != OURS],
    )
    shades = dict(zip(contenders, np.linspace(0.15, 0.8, len(contenders)), strict=True))
    for k, name in enumerate(names):
        rows = [row for row in medians(table[table["workload"] == name]) if row[0] != OURS]
        for j, (contender, _, _, ratio) in enumerate(rows):
            first = contender not in axes.get_legend_handles_labels()[1]
            axes.bar(
                k + (j - len(rows) / 2) * 0.15,
                ratio - 1,
                0.14,
                bottom=1,
                color=str(shades[contender]),
                label=contender if first else None,
            )
    axes.axhline(1, color="tab:green", linewidth=1)
    axes.set(
        yscale="log", ylabel=f"throughput of {OURS} / that of others", xticks=range(len(names))
    )
    axes.set_xticklabels([name.replace("_", "\n") for name in names])
    axes.legend(frameon=False, ncols=3)


def draw(path: Path, shape: tuple[int, int], inches: tuple[float, float], fill: Callable) -> None:
    """A figure of rows x columns panels that `fill(axes)` fills."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    fill(figure.subplots(*shape, squeeze=False, sharey="row"))
    figure.savefig(path, dpi=150)
