"""Speed as ratios within one run on one machine: this project, other people's tools, and the bare products of matrices.

All contenders train the same networks with feedback alignment, from the same parameters, on the same examples in memory; that
they end with the same weights is checked before they are timed. Times are of training alone, medians over repeats that are
interleaved, so that a machine that slows down slows everybody down.
"""

import importlib.util
import platform
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import threadpoolctl
from omegaconf import DictConfig
from rich.table import Table

from fa_cli import record, terminal
from fa_cli.backend import ALL, LARGE, NumpyBackend, usable_cores
from fa_cli.data import Batch
from fa_cli.errors import UserError
from fa_cli.files import write_text
from fa_cli.network import ACTIVATIONS, Network
from fa_cli.rules import RULES
from fa_cli.schema import BackendConfig, ModelConfig, OptimizerConfig, RuleConfig, RunConfig
from fa_cli.train import Phase, learn

OURS, BARE = "fa-run", "bare BLAS"
STRETCH = 1000  # examples between two returns to Python, as in a real run
Contender = Callable[[], list[np.ndarray]]  # trains, and returns the final W_l, each (S, n_{l+1}, n_l)


class Workload(NamedTuple):
    """A network and how it is trained, with feedback alignment and a fixed learning rate."""

    name: str
    sizes: tuple[int, ...]
    hidden: str
    output: str
    seeds: int
    batch_size: int
    steps: int
    dtype: str
    nonzero: float = 1.0  # fraction of inputs that are not 0
    weight_decay: float = 0.0
    rate: float = 1e-4

    @property
    def products(self) -> int:
        """Multiply-adds of one seed's step in products of matrices: forward, backward and the update."""
        elements = [m * n for m, n in pairwise(self.sizes)]
        return self.batch_size * (2 * sum(elements) + sum(elements[1:]))

    @property
    def keep(self) -> float:
        """What weight decay leaves of a weight in one step."""
        return (1 - self.rate * self.weight_decay) ** self.batch_size


def workloads(cores: int) -> list[Workload]:
    """The networks of the paper: online learning of small ones, batches of large ones with two seeds for each core."""
    mnist, note5 = (784, 1000, 10), (784, 1500, 1500, 1500, 10)
    fig3 = {"weight_decay": 1e-6, "dtype": "float32"}
    return [
        Workload("fig2", (30, 20, 10), "linear", "linear", 20, 1, 2000, "float64"),
        Workload("fig3d", (30, 20, 10, 10), "tanh", "linear", 20, 1, 2000, "float64"),
        Workload("fig3d_batch100", (30, 20, 10, 10), "tanh", "linear", 20, 100, 100, "float64"),
        Workload("fig5", (20, 1000, 20), "tanh", "tanh", 20, 1, 200, "float64"),
        Workload("fig5_batch100", (20, 1000, 20), "tanh", "tanh", 20, 100, 10, "float64"),
        Workload("fig3_batch20", mnist, "logistic", "logistic", 2 * cores, 20, 100, **fig3),
        Workload("fig3_batch100", mnist, "logistic", "logistic", 2 * cores, 100, 40, **fig3),
        Workload("note5_batch100", note5, "piecewise_linear", "piecewise_linear", 2 * cores, 100, 10, "float32"),
        Workload("mnist_online", mnist, "logistic", "logistic", 1, 1, 2000, **fig3, nonzero=0.19),
    ]


class Given(NamedTuple):
    """What every contender starts from; a dataset to train on as well."""

    weights: list[np.ndarray]  # W_l, (S, n_{l+1}, n_l)
    feedback: list[np.ndarray]  # B_l for l = 1 .. L-1, (S, n_l, n_{l+1})
    x: np.ndarray  # (S, steps * N, n_0)
    target: np.ndarray  # (S, steps * N, n_L)
    batch_size: int
    steps_per_epoch: None = None

    def prepare(self, step: int) -> int:
        """All examples are at hand."""
        return self.x.shape[1] // self.batch_size

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """As of a dataset."""
        examples = slice(step * self.batch_size, (step + steps) * self.batch_size)
        return Batch(self.x[seeds, examples], self.target[seeds, examples])


def given(work: Workload) -> Given:
    """Random parameters of a sensible size and random examples."""
    rng, count = np.random.default_rng(0), work.steps * work.batch_size

    def array(*shape: int) -> np.ndarray:
        return rng.uniform(-1, 1, (work.seeds, *shape)).astype(work.dtype)

    weights = [array(n, m) / np.sqrt(m).astype(work.dtype) for m, n in pairwise(work.sizes)]
    feedback = [array(m, n) / np.sqrt(n).astype(work.dtype) for m, n in pairwise(work.sizes[1:])]
    x = array(count, work.sizes[0]) * (rng.random((work.seeds, count, work.sizes[0])) < work.nonzero)
    return Given(weights, feedback, x, array(count, work.sizes[-1]), work.batch_size)


def ours(work: Workload, start: Given) -> Contender:
    """This project: the loop of train.py, without measuring in between."""
    backend = NumpyBackend(work.dtype)
    config = RunConfig(
        model=ModelConfig(sizes=list(work.sizes), hidden=work.hidden, output=work.output),
        rule=RuleConfig(name="fa", options={"derivative": "local"}),
        backend=BackendConfig(name="numpy"),
        optimizer=OptimizerConfig(learning_rate=work.rate, weight_decay=work.weight_decay),
        seeds=work.seeds,
        steps=work.steps,
        batch_size=work.batch_size,
        dtype=work.dtype,
    )
    feedback = dict(enumerate(start.feedback, start=1))
    phase = Phase(RULES["fa"], config.rule.options, feedback, frozenset(), 0, 10**6)  # as long as a real one
    units = ACTIVATIONS[work.hidden], ACTIVATIONS[work.output]
    stretch = max(1, STRETCH // work.batch_size)

    def run() -> list[np.ndarray]:
        net = Network(backend, work.sizes, *units, [w.copy() for w in start.weights], None, feedback=feedback)
        for step in range(0, work.steps, stretch):
            learn(config, net, start, phase, None, None, range(step, min(step + stretch, work.steps)))
        return net.weights

    return run


def bare(work: Workload, start: Given) -> Contender:
    """The limit: the products of each step and nothing else, by the fastest BLAS call of each, in place, a seed on each core."""
    backend, size, depth = NumpyBackend(work.dtype), work.batch_size, len(start.weights)
    rng = np.random.default_rng(1)
    h = [rng.standard_normal((n, size)).astype(work.dtype) for n in work.sizes]

    def seed(s: int) -> None:
        w, out = [weights[s].copy() for weights in start.weights], [np.empty_like(array) for array in h]
        for _ in range(work.steps):
            for l in range(depth):
                np.matmul(w[l], h[l], out=out[l + 1])
            for l in range(1, depth):
                np.matmul(start.feedback[l - 1][s], h[l + 1], out=out[l])
            for l in range(depth):
                backend.gemm_add(w[l], h[l + 1].T, h[l].T, 1e-9, 1.0)

    def run() -> list[np.ndarray]:
        backend.map(seed, range(work.seeds))
        return []

    return run


def peers(folder: Path) -> list[Callable[[Workload, Given], dict[str, Contender]]]:
    """The `contenders` of each file of a folder whose library is installed; raises UserError where there is no folder."""
    if not folder.is_dir():
        raise UserError(f"peers={folder}: no such folder; it lies in a checkout of the project; peers=null measures without them")
    found = []
    for path in sorted(folder.glob("with_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except ImportError as error:
            terminal.out.print(f"{path.stem}: left out, {error}; `make bench` installs it")
            continue
        found.append(module.contenders)
    return found


def run(config: DictConfig) -> None:
    """`fa-run bench`: check, measure, show and write."""
    cores = usable_cores()
    known = {work.name: work for work in workloads(cores)}
    chosen = list(known) if config.only is None else [config.only] if isinstance(config.only, str) else list(config.only)
    for name in set(chosen) - set(known):
        raise UserError(f"only={name}: choose from: {', '.join(known)}")
    others = peers(Path(config.peers)) if config.peers else []
    folder = Path(config.outputs) / "bench"
    tables = []
    for name in chosen:
        tables.append(measure(known[name], others, config.repeats))
        terminal.tables.print(ratios(tables[-1]))
    table = pd.concat(tables)
    write_text(folder / "bench.csv", record.csv(table))
    write_text(folder / "machine.csv", record.csv(machine(cores)))
    draw(table, folder / "bench.png")
    terminal.out.print(f"{terminal.shown(folder)}  bench.csv, bench.png, machine.csv")


def measure(work: Workload, others: list, repeats: int) -> pd.DataFrame:
    """Times of all contenders on a workload, one row a repeat: workload,contender,repeat,us_per_step,gflops."""
    short = work._replace(steps=50)
    agree(work, competitors(short, others))
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
            rows.append({"workload": work.name, "contender": name, "repeat": repeat, "us_per_step": step * 1e6, "gflops": flops / 1e9})
    return pd.DataFrame(rows)


def competitors(work: Workload, others: list) -> dict[str, Contender]:
    """Everybody who trains this workload, by name, and the limit where products are most of the work."""
    start = given(work)
    contenders = {OURS: ours(work, start)}
    for peer in others:
        contenders |= peer(work, start)
    if work.batch_size * max(m * n for m, n in pairwise(work.sizes)) >= LARGE and work.batch_size > 1:
        contenders[BARE] = bare(work, start)
    return contenders


def agree(work: Workload, contenders: dict[str, Contender]) -> None:
    """Raise UserError unless all end with the same weights, to rounding."""
    reference, tolerance = contenders[OURS](), {"float32": 1e-3, "float64": 1e-9}[work.dtype]
    for name, train in contenders.items():
        for mine, other in zip(reference, train(), strict=False):
            if not np.allclose(mine, other, rtol=tolerance, atol=tolerance):
                raise UserError(f"{name} does not compute the same as {OURS} on {work.name}: off by {np.abs(mine - other).max():.2g}")


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
    times = table.pivot(index="repeat", columns="contender", values="us_per_step")
    speeds = table.groupby("contender")["gflops"].median()
    for name in table["contender"].unique():
        yield name, times[name].median(), speeds[name], (times[name] / times[OURS]).median()


def machine(cores: int) -> pd.DataFrame:
    """What computed, and with which libraries and threads."""
    blas = "; ".join(f"{lib['internal_api']} {lib['version']} {lib['num_threads']} thread" for lib in threadpoolctl.threadpool_info())
    values = {
        "cores": cores,
        "cpu": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "libraries": blas,
    }
    return pd.DataFrame([{key: str(value).replace(",", ";") for key, value in values.items()}])


def draw(table: pd.DataFrame, path: Path) -> None:
    """Bars of this project's throughput over everybody's, a group for each workload, on a log axis."""
    from matplotlib.figure import Figure

    names, contenders = list(table["workload"].unique()), [name for name in table["contender"].unique() if name != OURS]
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots()
    shades = dict(zip(contenders, np.linspace(0.15, 0.8, len(contenders)), strict=True))
    for k, name in enumerate(names):
        rows = [row for row in medians(table[table["workload"] == name]) if row[0] != OURS]
        for j, (contender, _, _, ratio) in enumerate(rows):
            first = contender not in axes.get_legend_handles_labels()[1]
            axes.bar(k + (j - len(rows) / 2) * 0.15, ratio, 0.14, color=str(shades[contender]), label=contender if first else None)
    axes.axhline(1, color="tab:green", linewidth=1)
    axes.set(yscale="log", ylabel=f"throughput of {OURS} / that of others", xticks=range(len(names)))
    axes.set_xticklabels([name.replace("_", "\n") for name in names])
    axes.legend(frameon=False, ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
