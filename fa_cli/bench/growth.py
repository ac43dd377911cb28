"""How the cost of learning grows with width, depth, seeds and batch size: time and peak memory."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd

from fa_cli.backend import NumpyBackend
from fa_cli.bench.workloads import Workload, given, ours, seconds

BASE = Workload("growth", (100, 256, 256, 10), "logistic", "logistic", 4, 20, 0, "float32")
EXAMPLES = 1000  # of each seed
Varied = tuple[list[int], Callable[[int], Workload]]  # values, and the base with one of them
GROWN: dict[str, Varied] = {
    "width": ([64, 128, 256, 512, 1024, 2048], lambda n: BASE._replace(sizes=(100, n, n, 10))),
    "depth": ([1, 2, 4, 8, 16], lambda n: BASE._replace(sizes=(100, *[256] * n, 10))),
    "seeds": ([1, 2, 4, 8, 16, 32], lambda n: BASE._replace(seeds=n)),
    "batch size": ([1, 4, 10, 20, 50, 100, 500], lambda n: BASE._replace(batch_size=n)),
}


def measure(repeats: int) -> pd.DataFrame:
    """One row a size: varied, value, us_per_example, peak_mb."""
    backend, rows = NumpyBackend(BASE.dtype), []
    with backend.computing():
        for varied, (values, grown) in GROWN.items():
            for value in values:
                row = {"varied": varied, "value": value}
                rows.append(row | cost(grown(value), repeats, backend))
    return pd.DataFrame(rows)


def cost(work: Workload, repeats: int, backend: NumpyBackend) -> dict[str, float]:
    """Time for an example of one seed, median over repeats, and peak memory with all examples."""
    work = work._replace(steps=EXAMPLES // work.batch_size)
    ours(work, given(work), backend)()
    tracemalloc.start()
    train = ours(work, given(work), backend)
    train()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    median = np.median([seconds(train) for _ in range(repeats)])
    return {"us_per_example": median / (EXAMPLES * work.seeds) * 1e6, "peak_mb": peak / 1e6}


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Exponent of growth, y ~ x^slope, over the upper half of the values."""
    half = len(x) // 2
    return float(np.polyfit(np.log(x[half:]), np.log(y[half:]), 1)[0])
