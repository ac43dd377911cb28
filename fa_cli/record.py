"""Results on disk: one folder a run, every file whole or not there, `done` written last.

metrics.csv     one row per (seed, step): seed,step,epoch,examples,phase, then the metrics; empty where not measured
summary.csv     one row per metric: final mean, sd, median, min, max over seeds, and n
arrays.npz      what a CSV cannot hold: receptive fields, values of single units
audit.npz       with record.audit=K: everything that went in and out of the first K training steps
config.yaml     the run, every key with its value; .hydra/ holds what was typed
manifest.json   versions, commit, data checksums, device, time
checkpoint.npz  the state of an unfinished run
failed          why the run ended, in one line, if it did not end well
"""

import io
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml

from fa_cli.errors import Stopped, UserError, complain
from fa_cli.files import write_bytes, write_text
from fa_cli.network import Network
from fa_cli.schema import RunConfig
from fa_cli.terminal import Progress

FORMAT = 1  # of checkpoint.npz
LARGEST = 4 << 30  # bytes of a .npz file when unpacked
INDEX = [
    "seed",
    "step",
    "epoch",
    "examples",
    "phase",
]  # the columns of metrics.csv before the metrics
DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
)  # of a file
ELSEWHERE = (
    "outputs",
    "data_dir",
    "resume",
)  # keys that say where things lie and leave results as they are


class Recorder:
    """What one run measures and keeps, in memory until it is finished and in its checkpoint until then."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        identity: Mapping,
        seeds: Sequence[int],
        stop: int,
        steps_per_epoch: int | None,
    ):
        self.config, self.folder, self.identity, self.seeds = config, folder, identity, seeds
        self.stop, self.steps_per_epoch = stop, steps_per_epoch
        self.every = config.record.every or steps_per_epoch or max(200, stop // 100)
        self.rows: dict[str, list] = {"step": [], "phase": []}
        self.metrics: list[dict[str, np.ndarray]] = []
        self.audited: dict[str, np.ndarray] = {}
        self.ended = np.full(len(seeds), np.inf)  # the step before which a seed had diverged
        self.progress = Progress(stop)
        self.seconds, self.started, self.saved = 0.0, time.monotonic(), time.monotonic()

    def stretches(self, start: int, stop: int, sources: Sequence) -> Iterator[tuple[int, int]]:
        """The steps start .. stop - 1 in stretches (first, past the last) for which all sources have examples at hand, shown as progress.

        Before each of them something may be measured or saved, within them not; audited updates are stretches of their own.
        """
        with self.progress:
            while start < stop:
                due = (
                    start + 1
                    if start < self.config.record.audit
                    else (start // self.every + 1) * self.every
                )
                end = min(stop, due, *(source.prepare(start) for source in sources))
                yield start, end
                start = end
                self.progress.show(start)

    def end(self, step: int, diverged: np.ndarray, layers: Sequence[str]) -> None:
        """Some seeds (S, of bool) had diverged before update `step`: their rows end here, and the person is told.

        Raises UserError when no seed is left.
        """
        new = np.flatnonzero(diverged & np.isinf(self.ended))
        self.ended[new] = step
        if not len(new):
            return
        names = f"seed{'s' if len(new) > 1 else ''} {', '.join(str(self.seeds[s]) for s in new)}"
        rate = f"optimizer.learning_rate={self.config.optimizer.learning_rate:g}"
        text = f"{names} diverged before step {step}, first in {layers[new[0]]}, with {rate}: type a smaller one"
        if np.isfinite(self.ended).all():
            raise UserError(text)
        complain(f"{text}; the other seeds go on")

    def due(self, step: int) -> bool:
        """Whether a row of metrics.csv is to be measured before this step."""
        return step % self.every == 0

    def add(self, step: int, phase: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Keep what was measured before update `step`; column -> (S,) or, for single units, (S, n_l)."""
        self.rows["step"].append(step)
        self.rows["phase"].append(phase)
        self.metrics.append(dict(metrics))
        self.progress.tell(step, metrics)

    def audit(self, step: int, net: Network, given: Callable | None = None) -> None:
        """Keep all inputs, parameters and potentials of update `step`, and after the last audited update parameters and potentials.

        `given()` returns the update's batch and its noise by layer.
        """
        last = min(self.config.record.audit, self.stop)
        if step > last or not last:
            return
        host = net.backend.to_host
        kept = parameters(net, None)
        if step < last:
            batch, noise = given()
            kept |= {"x": batch.x, "target": batch.target}
            kept |= {f"B{l}": feedback for l, feedback in net.feedback.items()}
            kept |= {f"noise{l}": xi for l, xi in noise.items()}
        self.audited |= {f"{step}/{name}": host(array).copy() for name, array in kept.items()}

    # ---- the checkpoint: full state of an unfinished run -------------------------------------------------------------------

    def must_save(self) -> bool:
        """Whether it is time for a checkpoint."""
        return (
            self.progress.interrupted
            or time.monotonic() - self.saved > self.config.record.checkpoint_seconds
        )

    def save(self, step: int, net: Network, velocity: Mapping | None) -> None:
        """Write the state before update `step`; raises Stopped after that if a signal asked for it.

        Where the checkpoint cannot be written, training goes on: the disk may have room again when it counts.
        """
        host = net.backend.to_host
        state = parameters(net, velocity)
        arrays = {f"state/{name}": host(array) for name, array in state.items()}
        arrays |= {f"feedback/{l}": host(array) for l, array in net.feedback.items()}
        arrays |= {f"rows/{name}": np.array(values) for name, values in self.rows.items()}
        arrays |= {
            f"metrics/{row}/{name}": values
            for row, metrics in enumerate(self.metrics)
            for name, values in metrics.items()
        }
        arrays |= {f"audit/{name}": array for name, array in self.audited.items()}
        arrays |= {
            "format": np.array(FORMAT),
            "identity": np.array(json.dumps(self.identity)),
            "ended": self.ended,
        }
        arrays |= {"step": np.array(step), "seconds": np.array(self.elapsed())}
        self.saved = time.monotonic()
        try:
            write_bytes(self.folder / "checkpoint.npz", npz(arrays, compress=False))
        except OSError as error:
            if self.progress.interrupted:
                raise
            complain(f"no checkpoint before step {step} ({error.strerror}); training goes on")
        if self.progress.interrupted:
            raise Stopped(
                f"stopped before step {step} of {self.stop}; the same command goes on from there",
                self.progress.interrupted,
            )

    def restore(self, net: Network, velocity: Mapping | None) -> int:
        """Fill net and velocity from the run's checkpoint and return its step; 0 if there is none. From here on the folder is this run's.

        Raises UserError for a damaged one, and for that of another run or of another version of fa-run.
        """
        path, step = self.folder / "checkpoint.npz", 0
        if self.config.resume and path.exists():
            try:
                step = self.read(path, net, velocity)
            except (*DAMAGE, MemoryError) as error:
                raise UserError(f"{path} is damaged ({error}): delete it and run again") from None
        if not (self.folder / "done").exists():
            write_bytes(self.folder / "config.yaml", self.config_text())
        return step

    def config_text(self) -> bytes:
        """config.yaml: the run, every key with its value."""
        return yaml.safe_dump(self.identity, sort_keys=False).encode()

    def read(self, path: Path, net: Network, velocity: Mapping | None) -> int:
        """As `restore`, of a checkpoint that is there."""
        with read_npz(path) as stored:
            if stored["format"] != FORMAT:
                raise UserError(
                    f"{path} is of another version of fa-run: type resume=false to train from the start"
                )
            if found := difference(
                json.loads(str(stored["identity"])), json.loads(json.dumps(self.identity))
            ):
                raise UserError(
                    f"{path} is of another run ({found}): type outputs=DIR to keep it, or resume=false to train from the start"
                )
            for name, array in parameters(net, velocity).items():
                kept = stored[f"state/{name}"]
                if kept.shape != array.shape:
                    raise ValueError(f"{name} has shape {kept.shape}, expected {array.shape}")
                array[...] = net.backend.to_device(kept)
            self.ended = stored["ended"]
            self.rows = {name: stored[f"rows/{name}"].tolist() for name in self.rows}
            self.metrics = [{} for _ in self.rows["step"]]
            for key in stored.files:
                kind, _, name = key.partition("/")
                if kind == "metrics":
                    row, _, column = name.partition("/")
                    self.metrics[int(row)][column] = stored[key]
                elif kind == "audit":
                    self.audited[name] = stored[key]
            self.seconds = float(stored["seconds"])
            step = int(stored["step"])
            rows, seeds = len(self.rows["step"]), len(self.seeds)
            shapes = {
                values.shape[0] for metrics in self.metrics for values in metrics.values()
            } | set(self.ended.shape)
            if (
                not 0 <= step <= self.stop
                or len(self.rows["phase"]) != rows
                or shapes != {seeds}
                or not all(self.metrics)
            ):
                raise ValueError("its parts do not fit together")
        if self.rows["step"] and self.rows["step"][-1] == step:  # this row will be measured again
            self.rows = {name: values[:-1] for name, values in self.rows.items()}
            self.metrics.pop()
        return step

    def elapsed(self) -> float:
        """Seconds of training so far, earlier stretches included."""
        return self.seconds + time.monotonic() - self.started

    def fail(self, error: UserError) -> None:
        """Leave a note why the run ended, unless the folder holds results."""
        if not (self.folder / "done").exists():
            write_text(self.folder / "failed", f"{error}\n")

    # ---- the finished run --------------------------------------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """metrics.csv: rows by seed and step."""
        steps = np.array(self.rows["step"])
        count, seeds = len(steps), len(self.seeds)
        names = [
            name for metrics in self.metrics for name, values in metrics.items() if values.ndim == 1
        ]
        nothing = np.full(seeds, np.nan)
        columns = {
            "seed": np.repeat(self.seeds, count),
            "step": np.tile(steps, seeds),
            "epoch": np.tile(steps / (self.steps_per_epoch or np.nan), seeds),
            "examples": np.tile(steps * self.config.batch_size, seeds),
            "phase": np.tile(self.rows["phase"], seeds),
        }
        columns |= {
            name: np.stack([row.get(name, nothing) for row in self.metrics], axis=1).ravel()
            for name in dict.fromkeys(names)
        }
        table = pd.DataFrame(columns)
        return table[table["step"] < np.repeat(self.ended, count)]

    def unit_arrays(self) -> dict[str, np.ndarray]:
        """Metrics of single units, (rows, S, n_l), nan where not measured, and the steps of the rows."""
        nothing = {
            name: np.full(values.shape, np.nan)
            for metrics in self.metrics
            for name, values in metrics.items()
            if values.ndim > 1
        }
        arrays = {
            name: np.stack([row.get(name, nothing[name]) for row in self.metrics])
            for name in nothing
        }
        over = np.array(self.rows["step"])[:, None] >= self.ended
        if over.any():
            arrays = {
                name: np.where(over[..., None], np.nan, values) for name, values in arrays.items()
            }
        return arrays | ({"step": np.array(self.rows["step"])} if arrays else {})

    def finish(
        self, arrays: Mapping[str, np.ndarray], composed: Mapping[str, str], manifest: Mapping
    ) -> pd.DataFrame:
        """Write the finished run and return its summary; `composed` holds the texts of .hydra/, by file name."""
        table, arrays = self.table(), {**arrays, **self.unit_arrays()}
        results = {
            "metrics.csv": csv(table).encode(),
            "summary.csv": csv(summarise(table)).encode(),
        }
        results |= {"arrays.npz": npz(arrays)} if arrays else {}
        results |= {"audit.npz": npz(self.audited)} if self.audited else {}
        results |= {f".hydra/{name}": text.encode() for name, text in composed.items()}
        results |= {"config.yaml": self.config_text()}
        examples = self.stop * self.config.batch_size * len(self.seeds)
        manifest = {
            **manifest,
            "seconds": round(self.elapsed(), 3),
            "examples_per_second": round(examples / self.elapsed()),
        }
        results |= {"manifest.json": json.dumps(manifest, indent=2).encode() + b"\n"}
        (self.folder / "done").unlink(missing_ok=True)
        for name, content in results.items():
            write_bytes(self.folder / name, content)
        for stale in {"arrays.npz", "audit.npz", "failed"} - set(results):
            (self.folder / stale).unlink(missing_ok=True)
        write_text(self.folder / "done", "")
        if not self.config.record.keep_checkpoint:
            (self.folder / "checkpoint.npz").unlink(missing_ok=True)
        return summarise(table)


class Run(NamedTuple):
    """A finished run, read back from its folder."""

    folder: Path
    config: dict
    metrics: pd.DataFrame
    arrays: Mapping[str, np.ndarray]


def parameters(net: Network, velocity: Mapping | None) -> dict:
    """All that training changes, by name."""
    weights = {f"W{l}": array for l, array in enumerate(net.weights)}
    biases = {f"b{l}": array for l, array in enumerate(net.biases or [])}
    return (
        weights
        | biases
        | net.state()
        | {f"velocity/{name}": array for name, array in (velocity or {}).items()}
    )


def identity(resolved: Mapping) -> dict:
    """The part of a resolved config that determines results."""
    kept = {key: value for key, value in resolved.items() if key not in ELSEWHERE}
    kept["record"] = {
        key: value for key, value in kept["record"].items() if "checkpoint" not in key
    }
    kept["backend"] = {key: value for key, value in kept["backend"].items() if key != "threads"}
    return kept


def difference(old: Mapping, new: Mapping, prefix: str = "") -> str:
    """The first key in which two identities differ, with both values; empty where they are the same."""
    for key in [*new, *(key for key in old if key not in new)]:
        was, now = (config.get(key, "absent") for config in (old, new))
        if isinstance(was, dict) and isinstance(now, dict):
            if found := difference(was, now, f"{prefix}{key}."):
                return found
        elif was != now:
            return f"{prefix}{key} was {was}, now {now}"
    return ""


def finished(folder: Path, config: Mapping | None = None) -> bool:
    """Whether `folder` holds a finished run; raises UserError if a config is given and the run is of another one."""
    if not (folder / "done").exists():
        return False
    if config is not None:
        try:
            found = difference(
                identity(yaml.safe_load((folder / "config.yaml").read_text())),
                json.loads(json.dumps(config)),
            )
        except (*DAMAGE, AttributeError, yaml.YAMLError) as error:
            raise UserError(
                f"{folder} is damaged ({' '.join(str(error).split())}): run it again with resume=false"
            ) from None
        if found:
            raise UserError(
                f"{folder} holds results of another config ({found}): type outputs=DIR to keep them, or resume=false"
            )
    return True


def load(folder: Path) -> Run:
    """Read a finished run; raises UserError if it is not finished or damaged."""
    if not finished(folder):
        raise UserError(f"{folder} holds no finished run (no file `done`): run it again")
    try:
        arrays = {}
        if (folder / "arrays.npz").exists():
            with read_npz(folder / "arrays.npz") as stored:
                arrays = {key: stored[key] for key in stored.files}
        return Run(folder, read_config(folder), read_metrics(folder), arrays)
    except (*DAMAGE, yaml.YAMLError) as error:
        raise UserError(f"{folder} is damaged ({error}): run it again with resume=false") from None


def read_config(folder: Path) -> dict:
    """A run's config.yaml; raises one of DAMAGE or a YAMLError for what is none."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    if (
        not isinstance(config, dict)
        or not isinstance(config.get("rule"), dict)
        or not isinstance(config["rule"].get("name"), str)
    ):
        raise ValueError("config.yaml is not the config of a run")
    return config


def read_metrics(folder: Path) -> pd.DataFrame:
    """A run's metrics.csv; raises one of DAMAGE for what is none."""
    metrics = pd.read_csv(folder / "metrics.csv")
    if (
        not {*INDEX} <= {*metrics}
        or metrics.empty
        or not all(values.dtype.kind in "if" for _, values in metrics.items())
    ):
        raise ValueError(
            f"metrics.csv is not a table of numbers with the columns {','.join(INDEX)}"
        )
    return metrics


def load_all(folder: Path) -> list[Run]:
    """The finished runs in the subfolders of an experiment's folder."""
    return [load(done.parent) for done in sorted(folder.glob("*/done"))]


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Final values over the seeds that came to the end: one row per metric, columns metric,mean,sd,median,min,max,n."""
    final = table[table["step"] == table["step"].max()].drop(columns=INDEX)
    rows = [
        {
            "metric": name,
            "mean": v.mean(),
            "sd": v.std(),
            "median": v.median(),
            "min": v.min(),
            "max": v.max(),
            "n": v.count(),
        }
        for name, v in final.items()
    ]
    return pd.DataFrame(rows, columns=["metric", "mean", "sd", "median", "min", "max", "n"])


def csv(table: pd.DataFrame) -> str:
    """A table as CSV: plain decimal numbers that read back to the same value, empty where there is none."""

    def plain(column: pd.Series) -> list[str]:
        if column.dtype.kind != "f":
            return [str(value) for value in column]
        return [
            "" if np.isnan(value) else np.format_float_positional(value, trim="-")
            for value in column.to_numpy()
        ]

    lines = zip(*(plain(table[name]) for name in table.columns), strict=True)
    return "\n".join([",".join(table.columns), *map(",".join, lines)]) + "\n"


def npz(arrays: Mapping[str, np.ndarray], compress: bool = True) -> bytes:
    """Arrays as the bytes of a .npz file."""
    file = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(file, **arrays)
    return file.getvalue()


def read_npz(path: Path) -> np.lib.npyio.NpzFile:
    """Open a .npz file; raises UserError if it is not whole."""
    try:
        stored = np.load(path, allow_pickle=False)
        if (
            not isinstance(stored, np.lib.npyio.NpzFile)
            or sum(entry.file_size for entry in stored.zip.infolist()) > LARGEST
        ):
            raise ValueError("no .npz file, or one that unpacks to more than 4 GiB")
        return stored
    except DAMAGE as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run again") from None
