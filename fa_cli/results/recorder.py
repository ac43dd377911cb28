"""What one run measures and keeps: in memory until it is finished, in its checkpoint until then."""

import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from fa_cli import tally
from fa_cli.errors import Stopped, UserError, complain, one_line
from fa_cli.results.audit import Audit
from fa_cli.results.checkpoint import fill, read_checkpoint, write_checkpoint
from fa_cli.results.files import write_bytes, write_text
from fa_cli.results.formats import DAMAGE, csv, npz, summarise
from fa_cli.results.identity import Identity, fingerprint
from fa_cli.results.reading import AGAIN, CHECKPOINT, MEASURED, PROGRESS
from fa_cli.results.rows import Rows
from fa_cli.schema import RunConfig
from fa_cli.terminal import Progress

NOTE_SECONDS = 5.0  # between two notes of it
State = Mapping[str, Any]  # all that training changes, device arrays by name


class Recorder:
    """The record of one run; its parts are rows.py, audit.py and checkpoint.py."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        identity: Identity,
        seeds: Sequence[int],
        stop: int,
        steps_per_epoch: int | None,
        checksums: Mapping[str, str],  # of the data
        backend: Any,
    ):
        self.config, self.folder, self.identity, self.backend = config, folder, identity, backend
        self.stop, self.steps_per_epoch, self.checksums = stop, steps_per_epoch, checksums
        self.every = config.record.every or steps_per_epoch or max(200, stop // 100)
        parts = config.record.early + 1
        self.early = sorted({self.every * k // parts for k in range(parts)})  # rows before `every`
        self.rows = Rows(seeds)
        self.audit = Audit(min(config.record.audit, stop), backend.to_host)
        self.progress = Progress(stop)
        self.began = False  # from there on the folder is this run's
        self.seconds = 0.0
        self.started = self.saved = self.noted = time.monotonic()
        self.measured: Mapping[str, np.ndarray] = {}  # the last row, of seeds that go on

    # ---- while it trains -------------------------------------------------------------------------

    def stretches(self, start: int, stop: int, sources: Sequence) -> Iterator[tuple[int, int]]:
        """The steps start .. stop - 1 in stretches (first, past the last), shown as progress.

        For a stretch all sources have examples at hand. Before it something may be measured or
        saved, within it not; audited updates are stretches of their own.
        """
        while start < stop:
            alone = start < self.config.record.audit
            due = start + 1 if alone else self.next_due(start)
            end = min(stop, due, *(source.prepare(start) for source in sources))
            yield start, end
            start = end
            self.progress.show(start)

    def due(self, step: int) -> bool:
        """Whether a row of metrics.csv is to be measured before this step."""
        return step in self.early if step < self.every else step % self.every == 0

    def next_due(self, step: int) -> int:
        """The first step after `step` before which a row is to be measured."""
        if step >= self.every:
            return (step // self.every + 1) * self.every
        return min(early for early in (*self.early, self.every) if early > step)

    def add(self, step: int, phase: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Keep what was measured before update `step`; column -> (S,), or (S, n_l) of units."""
        self.rows.add(step, phase, metrics)
        alive = np.isinf(self.rows.ended)
        self.measured = {name: values[alive] for name, values in metrics.items()}
        self.progress.tell(step, self.measured)
        if time.monotonic() - self.noted > NOTE_SECONDS:
            self.note(step)

    def note(self, step: int) -> None:
        """Write down, for who looks, how far the run is and what was measured last, as means."""
        self.noted, last = time.monotonic(), self.measured
        means = {name: float(values.mean()) for name, values in last.items() if values.ndim == 1}
        noted = {"step": step, "stop": self.stop, "metrics": means}
        with suppress(OSError):  # training needs no reader
            write_text(self.folder / PROGRESS, json.dumps(noted))

    def end(self, step: int, diverged: np.ndarray, first: Sequence[str]) -> None:
        """Some seeds (S, of bool) had diverged before update `step`, `first` in these parameters.

        Their rows end here, and the person is told. Raises UserError when no seed is left.
        """
        new = self.rows.end(step, diverged)
        if not len(new):
            return
        names = ", ".join(str(self.rows.seeds[s]) for s in new)
        rate = f"optimizer.learning_rate={self.config.optimizer.learning_rate:g}"
        text = (
            f"seed{'s' if len(new) > 1 else ''} {names} diverged before step {step}, "
            f"first in {first[new[0]]}, with {rate}: type a smaller one"
        )
        if np.isfinite(self.rows.ended).all():
            raise UserError(text)
        complain(f"{text}; the other seeds go on")

    def elapsed(self) -> float:
        """Seconds of training so far, earlier stretches included."""
        return self.seconds + time.monotonic() - self.started

    # ---- the checkpoint --------------------------------------------------------------------------

    @property
    def checkpoint(self) -> Path:
        """Where it is: beside that of a finished run, which is trained again, until this one is."""
        return self.folder / (AGAIN if (self.folder / "done").exists() else CHECKPOINT)

    def must_save(self) -> bool:
        """Whether it is time for a checkpoint."""
        wait = self.config.record.checkpoint_seconds
        return bool(self.progress.interrupted) or time.monotonic() - self.saved > wait

    def save(self, step: int, state: State) -> None:
        """Write the state before update `step`; raises Stopped after that if a signal asked for it.

        Where the checkpoint cannot be written, training goes on: the disk may have room again when
        it counts.
        """
        arrays = {f"state/{name}": self.backend.to_host(array) for name, array in state.items()}
        arrays |= {**self.rows.stored(), **self.audit.stored(), "seconds": np.array(self.elapsed())}
        self.saved = time.monotonic()
        if self.measured:
            self.note(step)
        try:
            write_checkpoint(self.checkpoint, step, self.identity, self.checksums, arrays)
        except OSError as error:
            if self.progress.interrupted:
                raise
            complain(f"no checkpoint before step {step} ({error.strerror}); training goes on")
        if self.progress.interrupted:
            text = f"stopped before step {step} of {self.stop}; {self.what_is_left()}"
            raise Stopped(text, self.progress.interrupted)

    def what_is_left(self) -> str:
        """What a person is told whose run has been stopped."""
        if self.config.resume:
            return "the same command goes on from there"
        if (self.folder / "done").exists():
            return "its earlier results are as they were"
        return "without resume=false the same command goes on from there"

    def restore(self, state: State) -> int:
        """Fill `state` from the run's checkpoint and return its step; 0 if there is none.

        Without `resume` only what this command has made counts, as after a time limit. From here on
        the folder is this run's. Raises UserError for a damaged checkpoint, and for that of another
        run, of other data, or of another version of fa-run.
        """
        path, step = self.checkpoint, 0
        if path.exists() and (self.config.resume or tally.made(path)):
            try:
                stored = read_checkpoint(path, self.identity, self.checksums)
                step = self.take_over(stored, state)
            except DAMAGE as error:
                raise UserError(f"{path} is damaged ({error}): delete it and run again") from None
        if not (self.folder / "done").exists():
            write_bytes(self.folder / "config.yaml", self.config_text())
            (self.folder / "failed").unlink(missing_ok=True)
        self.began = True
        return step

    def take_over(self, stored: Mapping[str, np.ndarray], state: State) -> int:
        """Go on from what a checkpoint holds; returns its step."""
        step = int(stored["step"])
        if not 0 <= step <= self.stop:
            raise ValueError("its parts do not fit together")
        fill(state, stored, self.backend)
        self.rows.restore(stored, step)
        self.audit.restore(stored)
        self.seconds = float(stored["seconds"])
        return step

    # ---- the end ---------------------------------------------------------------------------------

    def config_text(self) -> bytes:
        """config.yaml: the run, every key with its value."""
        return yaml.safe_dump(dict(self.identity.values), sort_keys=False).encode()

    def fail(self, error: Exception) -> None:
        """Leave a note why the run ended, unless the folder holds results or another run."""
        if self.began and not (self.folder / "done").exists():
            write_text(self.folder / "failed", f"{one_line(error)}\n")

    def finish(
        self, arrays: Mapping[str, np.ndarray], composed: Mapping[str, str], manifest: Mapping
    ) -> pd.DataFrame:
        """Write the finished run and return its summary; `composed` are the texts of .hydra/."""
        table = self.rows.table(self.steps_per_epoch, self.config.batch_size)
        arrays = {**arrays, **self.rows.unit_arrays()}
        results = {
            "metrics.csv": csv(table).encode(),
            "summary.csv": csv(summarise(table)).encode(),
            "config.yaml": self.config_text(),
        }
        if arrays:
            results["arrays.npz"] = npz(arrays)
        if self.audit.arrays:
            results["audit.npz"] = npz(self.audit.arrays)
        checksums = {name: sha256(content).hexdigest() for name, content in results.items()}
        results |= {f".hydra/{name}": text.encode() for name, text in composed.items()}
        told = {"files": checksums, "config": fingerprint(self.identity.values)}
        manifest = self.timed(manifest) | told
        results["manifest.json"] = json.dumps(manifest, indent=2).encode() + b"\n"
        with suppress(FileNotFoundError):  # from which it goes on, should what follows be cut short
            self.checkpoint.replace(self.folder / CHECKPOINT)
        (self.folder / "done").unlink(missing_ok=True)
        for name, content in results.items():
            write_bytes(self.folder / name, content)
        passing = {"arrays.npz", "audit.npz", "failed", PROGRESS, AGAIN, *MEASURED}
        for stale in passing - set(results):
            (self.folder / stale).unlink(missing_ok=True)
        write_text(self.folder / "done", "")
        if not self.config.record.keep_checkpoint:
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
        return summarise(table)

    def timed(self, manifest: Mapping) -> dict:
        """The manifest with the time that training took, and the memory."""
        seconds = self.elapsed()
        examples = self.stop * self.config.batch_size * len(self.rows.seeds)
        speed = {"seconds": round(seconds, 3), "examples_per_second": round(examples / seconds)}
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        return {**manifest, **speed, "finished": finished, "peak_memory_mb": peak_memory()}


def peak_memory() -> int:
    """The most MiB that this process has held so far; in a sweep, of the runs before as well.

    Where Linux tells it, of the process alone: `ru_maxrss` begins with what its parent held, so a
    run that a large notebook starts would be as large as the notebook.
    """
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) >> 10
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, of macOS bytes
    return most >> (20 if sys.platform == "darwin" else 10)
