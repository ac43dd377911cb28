"""Times of all who train one workload, after a check that they end with the same weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fa_cli.backend import LARGE, NumpyBackend
from fa_cli.bench.workloads import Contender, Given, Workload, bare, given, ours, seconds
from fa_cli.errors import UserError
from fa_cli.registry import import_file

OURS, BARE = "fa-run", "bare BLAS"
COLUMNS = ["workload", "beside", "contender", "repeat", "us_per_step", "gflops"]
FIRST = 50  # steps after which weights are compared
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}
Peer = Callable[[Workload, Given], dict[str, Contender]]


def measure(work: Workload, path: Path | None, repeats: int) -> pd.DataFrame:
    """Times of this project, the limit, and the peer in a file if there is one: COLUMNS."""
    peer, beside = (load_peer(path), path.stem) if path else (None, "nobody")
    backend, rows = NumpyBackend(work.dtype), []
    with backend.computing():
        check_agreement(work, competitors(work._replace(steps=FIRST), backend, peer))
        contenders = competitors(work, backend, peer)
        for train in contenders.values():
            train()
        for repeat in range(repeats):
            for name, train in contenders.items():
                step = seconds(train) / work.steps
                gflops = 2 * work.products * work.seeds / step / 1e9
                rows.append((work.name, beside, name, repeat, step * 1e6, gflops))
    return pd.DataFrame(rows, columns=COLUMNS)


def load_peer(path: Path) -> Peer:
    """The function `contenders` of a peer's file."""
    return import_file(path).contenders


def competitors(
    work: Workload, backend: NumpyBackend, peer: Peer | None = None
) -> dict[str, Contender]:
    """Those who train this workload, by name, and the limit where products are most of the work."""
    start = given(work)
    contenders = {OURS: ours(work, start, backend)}
    if peer:
        contenders |= peer(work, start)
    if work.batch_size > 1 and work.largest >= LARGE:
        contenders[BARE] = bare(work, start, backend)
    return contenders


def check_agreement(work: Workload, contenders: dict[str, Contender]) -> None:
    """Raise UserError unless all end with the same weights, to rounding."""
    reference, tolerance = contenders[OURS](), TOLERANCE[work.dtype]
    for name, train in contenders.items():
        for mine, other in zip(reference, train(), strict=False):  # the limit returns none
            if not np.allclose(mine, other, rtol=tolerance, atol=tolerance):
                raise UserError(
                    f"{name} does not compute the same as {OURS} on {work.name}: "
                    f"off by {np.abs(mine - other).max():.2g}"
                )


def medians(table: pd.DataFrame) -> pd.DataFrame:
    """Medians over the repeats of one workload, by contender: us_per_step, gflops, ratio.

    `ratio`: this project's throughput over the contender's, repeat by repeat.
    """
    times = table.pivot(index=["beside", "repeat"], columns="contender", values="us_per_step")
    found = table.groupby("contender", sort=False)[["us_per_step", "gflops"]].median()
    return found.assign(ratio=times.div(times[OURS], axis=0).median())
