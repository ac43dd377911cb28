"""What a run measures, row by row, in memory; at the end metrics.csv and arrays of single units."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


class Rows:
    """A row for each moment at which something was measured, with values of all seeds."""

    def __init__(self, seeds: Sequence[int]):
        self.seeds = seeds
        self.steps: list[int] = []
        self.phases: list[int] = []
        # column -> (S,), or (S, n_l) of single units
        self.metrics: list[dict[str, np.ndarray]] = []
        self.shapes: dict[str, tuple] = {}  # of the columns, in their order
        self.ended = np.full(len(seeds), np.inf)  # the step before which a seed had diverged

    def add(self, step: int, phase: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Keep what was measured before update `step`.

        What has another shape in a later phase, as B_l of another rule, is another column.
        """
        self.steps.append(step)
        self.phases.append(phase)
        row = {}
        for name, values in metrics.items():
            alike = self.shapes.get(name, values.shape) == values.shape
            row[name if alike else f"{name}_{values.shape[-1]}"] = values
        self.metrics.append(row)
        self.note_shapes(row)

    def note_shapes(self, row: Mapping[str, np.ndarray]) -> None:
        """Remember the columns of a row."""
        self.shapes |= {name: values.shape for name, values in row.items()}

    def end(self, step: int, diverged: np.ndarray) -> np.ndarray:
        """Some seeds (S, of bool) had diverged before update `step`; returns which are new."""
        new = np.flatnonzero(diverged & np.isinf(self.ended))
        self.ended[new] = step
        return new

    def table(self, steps_per_epoch: int | None, batch_size: int) -> pd.DataFrame:
        """metrics.csv: rows by seed and step, without those after a seed's end."""
        steps = np.array(self.steps)
        count, seeds = len(steps), len(self.seeds)
        columns = {
            "seed": np.repeat(self.seeds, count),
            "step": np.tile(steps, seeds),
            "epoch": np.tile(steps / (steps_per_epoch or np.nan), seeds),
            "examples": np.tile(steps * batch_size, seeds),
            "phase": np.tile(self.phases, seeds),
        }
        for name in self.columns(ndim=1):
            columns[name] = self.stacked(name, np.full(seeds, np.nan)).T.ravel()
        table = pd.DataFrame(columns)
        return table[table["step"] < np.repeat(self.ended, count)].reset_index(drop=True)

    def unit_arrays(self) -> dict[str, np.ndarray]:
        """Metrics of single units, (rows, S, n_l), nan where not measured, and the rows' steps."""
        arrays, steps = {}, np.array(self.steps)
        over = steps[:, None] >= self.ended
        for name, shape in self.columns(ndim=2).items():
            values = self.stacked(name, np.full(shape, np.nan))
            arrays[name] = np.where(over[..., None], np.nan, values) if over.any() else values
        return arrays | ({"step": steps} if arrays else {})

    def columns(self, ndim: int) -> dict[str, tuple]:
        """Name and shape of what was measured in any row and has so many axes, in their order."""
        of_units = ndim > 1
        return {name: shape for name, shape in self.shapes.items() if (len(shape) > 1) == of_units}

    def stacked(self, name: str, nothing: np.ndarray) -> np.ndarray:
        """One metric of all rows, (rows, S, ...); `nothing` where it was not measured."""
        return np.stack([row.get(name, nothing) for row in self.metrics])

    def stored(self) -> dict[str, np.ndarray]:
        """All rows, as a checkpoint holds them."""
        arrays = {"rows/step": np.array(self.steps), "rows/phase": np.array(self.phases)}
        for k, row in enumerate(self.metrics):
            arrays |= {f"metrics/{k}/{name}": values for name, values in row.items()}
        return arrays | {"ended": self.ended}

    def restore(self, stored: Mapping[str, np.ndarray], step: int) -> None:
        """Take over a checkpoint's rows before update `step`; ValueError where they do not fit.

        A row of that very step will be measured again.
        """
        self.steps, self.phases = stored["rows/step"].tolist(), stored["rows/phase"].tolist()
        self.metrics, self.ended = [{} for _ in self.steps], stored["ended"]
        lengths = set(self.ended.shape)
        for key, values in stored.items():
            if key.startswith("metrics/"):
                _, row, column = key.split("/", 2)
                self.metrics[int(row)][column] = values
                lengths.add(values.shape[0])
        fits = lengths == {len(self.seeds)} and len(self.phases) == len(self.steps)
        if not fits:
            raise ValueError("its parts do not fit together")
        if self.steps and self.steps[-1] == step:
            self.steps.pop()
            self.phases.pop()
            self.metrics.pop()
        for kept in self.metrics:
            self.note_shapes(kept)
