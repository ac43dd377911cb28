"""What criteria read from a run: one value for each seed, (S,)."""

import numpy as np
import pandas as pd
import scipy

from fa_cli.errors import UserError
from fa_cli.results.reading import Run

DRAWS = 10_000  # of a bootstrap


def column_of(run: Run, column: str) -> str:
    """The name of a column of metrics.csv; raises UserError where it was not measured."""
    if column not in run.metrics:
        raise UserError(f"{run.folder.name} has not measured {column}")
    return column


def by_step(run: Run, column: str) -> pd.DataFrame:
    """A column of metrics.csv, a row for each step and a column for each seed."""
    return run.metrics.pivot(index="step", columns="seed", values=column_of(run, column))


def start(run: Run, column: str = "nse") -> np.ndarray:
    """The values before learning."""
    return by_step(run, column).iloc[0].to_numpy()


def final(run: Run, column: str = "nse") -> np.ndarray:
    """The last values."""
    return by_step(run, column).iloc[-1].to_numpy()


def steps_to(run: Run, level: float, column: str = "nse") -> np.ndarray:
    """The first step at which each seed is below `level`; infinity where none is."""
    below = by_step(run, column) < level
    return np.where(below.any(), below.idxmax(), np.inf).astype(float)


def in_phase(run: Run, phase: int, column: str = "nse") -> pd.api.typing.SeriesGroupBy:
    """The values in a phase, by seed; raises UserError where the run has no such phase."""
    rows = run.metrics[run.metrics["phase"] == phase]
    if rows.empty:
        raise UserError(f"{run.folder.name} has no phase {phase}")
    return rows.groupby("seed")[column_of(run, column)]


def phase_start(run: Run, phase: int, column: str = "nse") -> np.ndarray:
    """The first values in a phase."""
    return in_phase(run, phase, column).nth(0).to_numpy()


def phase_end(run: Run, phase: int, column: str = "nse") -> np.ndarray:
    """The last values in a phase."""
    return in_phase(run, phase, column).nth(-1).to_numpy()


def kept(run: Run, name: str) -> np.ndarray:
    """An array of arrays.npz, (moments, S, ...); raises UserError if it was not kept."""
    if name not in run.arrays:
        raise UserError(f"{run.folder.name} has kept no {name}")
    return run.arrays[name]


def p_smaller(a: np.ndarray, b: np.ndarray) -> float:
    """How likely a mean of `a` so far below that of `b` is by chance: one-sided Welch t-test."""
    return scipy.stats.ttest_ind(a, b, equal_var=False, alternative="less").pvalue


def welch_interval(a: np.ndarray, b: np.ndarray) -> str:
    """mean(a) - mean(b) with its 95 % interval by Welch; nothing where there is no spread."""
    if min(len(a), len(b)) < 2 or not np.isfinite([*a, *b]).all():
        return ""
    interval = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    return f"{a.mean() - b.mean():+.3g} [{interval.low:.3g}, {interval.high:.3g}]"


def paired_interval(a: np.ndarray, b: np.ndarray) -> str:
    """The mean of a - b over the same seeds with its 95 % interval; nothing for a single seed."""
    if len(a) < 2 or not np.isfinite([*a, *b]).all():
        return ""
    difference = a - b
    interval = scipy.stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    return f"{difference.mean():+.3g} [{interval.low:.3g}, {interval.high:.3g}]"


def log_interval(logs: np.ndarray) -> str:
    """The geometric mean of ratios, given as log10, with its 95 % interval."""
    if len(logs) < 2 or not np.isfinite(logs).all():
        return ""
    interval = scipy.stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    return f"x {10 ** logs.mean():.2g} [{10**interval.low:.2g}, {10**interval.high:.2g}]"
