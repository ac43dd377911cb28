"""How the cost of learning grows: time for an example and peak memory against width, depth, seeds and batch size."""

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd

from fa_cli.workloads import Workload, given, ours

BASE = Workload("growth", (100, 256, 256, 10), "logistic", "logistic", 4, 20, 0, "float32")
EXAMPLES = 1000  # of each seed
GROWN: dict[
    str, tuple[list[int], Callable[[int], Workload]]
] = {  # values, and the base with that value
    "width": ([64, 128, 256, 512, 1024, 2048], lambda n: BASE._replace(sizes=(100, n, n, 10))),
    "depth": ([1, 2, 4, 8, 16], lambda n: BASE._replace(sizes=(100, *[256] * n, 10))),
    "seeds": ([1, 2, 4, 8, 16, 32], lambda n: BASE._replace(seeds=n)),
    "batch size": ([1, 4, 10, 20, 50, 100, 500], lambda n: BASE._replace(batch_size=n)),
}


def measure(repeats: int) -> pd.DataFrame:
    """One row a size: varied,value,us_per_example (of one seed; median over repeats),peak_mb."""
    rows = []
    for varied, (values, grown) in GROWN.items():
        for value in values:
            work = grown(value)
            work = work._replace(steps=EXAMPLES // work.batch_size)
            ours(work, given(work))()
            tracemalloc.start()
            train = ours(work, given(work))
            train()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            seconds = []
            for _ in range(repeats):
                start = time.perf_counter()
                train()
                seconds.append(time.perf_counter() - start)
            microseconds = np.median(seconds) / (EXAMPLES * work.seeds) * 1e6
            rows.append(
                {
                    "varied": varied,
                    "value": value,
                    "us_per_example": microseconds,
                    "peak_mb": peak / 1e6,
                }
            )
    return pd.DataFrame(rows)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Exponent of growth, y ~ x^slope, over the upper half of the values."""
    half = len(x) // 2
    return float(np.polyfit(np.log(x[half:]), np.log(y[half:]), 1)[0])


def draw(table: pd.DataFrame, axes: np.ndarray) -> None:
    """A column of panels for each thing that is varied: time above, memory below, with slopes; `axes` is (2, 4)."""
    for column, (varied, rows) in zip(axes.T, table.groupby("varied", sort=False), strict=True):
        for ax, (name, label) in zip(
            column,
            [("us_per_example", "µs per example and seed"), ("peak_mb", "peak memory, MB")],
            strict=True,
        ):
            x, y = rows["value"].to_numpy(), rows[name].to_numpy()
            ax.loglog(x, y, "o-", color="tab:green", markersize=4)
            ax.set_title(f"slope {slope(x, y):.2f}", fontsize=9)
            ax.set(xlabel=varied, ylabel=label if ax in axes[:, 0] else "")
            ax.set_xticks(x, labels=map(str, x), fontsize=7)
            ax.minorticks_off()
