"""What a person sees of a run: a bar on a terminal, plain lines in a log, a table at the end."""

import contextlib
import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich import progress
from rich.console import Console
from rich.table import Table

from fa_cli.errors import Stopped

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LOG_SECONDS = 30.0  # between two lines in a log
STOPPING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")  # Ctrl-C, `kill`, a cluster, ..
UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}
HEADLINE = ("validation_error", "test_error", "validation_mse", "test_mse", "nse", "loss")

GONE = (errno.EPIPE, errno.EIO, errno.EBADF)  # of a pipe's reader, a terminal, a closed stream

out = Console(highlight=False, soft_wrap=True, markup=False)
on_terminal = sys.stdout is not None and sys.stdout.isatty()
width = None if on_terminal or "COLUMNS" in os.environ else 130
tables = Console(highlight=False, width=width, markup=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def headline(measured: Iterable[str]) -> str | None:
    """The one of these metrics that tells how well a run went; None where none of them does."""
    measured = {*measured}
    return next((name for name in HEADLINE if name in measured), None)


class Outliving:
    """A text stream that goes on, silently, when its reader or its terminal has gone.

    Training needs no reader. Where a full disk or the like has cut what was written, `cut` says so.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.cut: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """As of the stream."""
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write, as long as somebody reads."""
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError as error:
            self.go_on(error)
        return len(text)

    def flush(self) -> None:
        """Flush, as long as somebody reads."""
        try:
            self.stream.flush()
        except OSError as error:
            self.go_on(error)

    def go_on(self, error: OSError) -> None:
        """From here on all that is written vanishes, what is in the buffer included."""
        self.cut = None if error.errno in GONE else error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())
        os.close(nowhere)


def outlive_readers() -> None:
    """Let this process go on when who reads its output or its errors has gone, or never was."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115 - closed: `>&-`
        setattr(sys, name, Outliving(stream))


class Progress:
    """Steps of a run, shown as they pass: a bar on a terminal, in a notebook a line that changes.

    A signal to stop is kept in `interrupted`, so that the stretch in hand can finish.
    """

    def __init__(self, total: int):
        self.total, self.logged, self.shown = total, time.monotonic(), 0.0
        self.text = "training"
        self.interrupted: signal.Signals | None = None
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
        )
        hidden = not err.is_terminal
        self.bar = progress.Progress(*columns, console=err, transient=True, disable=hidden)
        self.task = self.bar.add_task("training", total=total)
        self.heard = contextlib.ExitStack()
        self.before: Mapping[signal.Signals, Any] = {}  # what signals did before

    def __enter__(self):
        """Show the bar, and note signals in place of dying of them.

        Only the main thread can catch them.
        """
        with contextlib.suppress(RuntimeError):  # no thread to be had: then the bar stands still
            self.bar.start()
        if threading.current_thread() is threading.main_thread():
            self.before = self.heard.enter_context(listening(self.note))

    def __exit__(self, kind, error, traceback):
        """As it was before. Whoever listened for the signal that stopped the run hears it now.

        A cluster's launcher puts the job into its queue again, now that the checkpoint is written.
        """
        self.heard.close()
        self.bar.stop()
        if err.is_jupyter:
            print()
        listener = self.before.get(self.interrupted)
        own = listener in (None, signal.default_int_handler) or not callable(listener)
        if isinstance(error, Stopped) and not own:
            listener(self.interrupted, None)

    def note(self, signum, frame) -> None:
        """Somebody wants the run to stop."""
        self.interrupted = signal.Signals(signum)

    def show(self, step: int) -> None:
        """Steps before `step` are done."""
        if time.monotonic() - self.shown > 0.1 or step == self.total:
            self.shown = time.monotonic()
            self.bar.update(self.task, completed=step)
            if err.is_jupyter:
                print(f"\rstep {step} of {self.total}  {self.text:<40}", end="")

    def tell(self, step: int, metrics: "Mapping[str, np.ndarray]") -> None:
        """Show what was just measured."""
        name = headline(metrics)
        self.text = f"{name} {metrics[name].mean():.4g}" if name else "training"
        self.bar.update(self.task, description=self.text)
        in_log = not (err.is_terminal or err.is_jupyter)
        if in_log and time.monotonic() - self.logged > LOG_SECONDS:
            self.logged = time.monotonic()
            out.print(f"step {step} of {self.total}  {self.text}")


@contextlib.contextmanager
def listening(stop: Callable[[int, object], None]) -> Iterator[Mapping[signal.Signals, Any]]:
    """While this lasts, a signal that stops a process calls `stop`; yields what it did before.

    What nohup ignores stays ignored.
    """
    under_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    heard = [signal.Signals[name] for name in STOPPING if name != "SIGHUP" or not under_nohup]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show_left(done: int, runs: int, seconds: float) -> None:
    """How far a sweep is, and about how long it still takes."""
    if done < runs:
        out.print(f"{done} of {runs} runs; about {in_words(seconds)} to go")


def in_words(seconds: float) -> str:
    """A time such as `3 h`."""
    fitting = [unit for unit, size in UNITS.items() if seconds >= size]
    unit = fitting[0] if fitting else "s"
    return f"{seconds // UNITS[unit]:.0f} {unit}"


def show_summary(folder: Path, summary: "pd.DataFrame", seconds: float | None) -> None:
    """The last thing that a run prints: final values over seeds, time, folder.

    `seconds` is None for a run that had been finished before.
    """
    show_values("final values", summary[~summary["metric"].str.contains("norm")])
    before = "finished before; resume=false trains it again"
    when = before if seconds is None else f"trained in {seconds:.1f} s"
    out.print(f"{shown(folder)}  ({when})")


def show_measured(folder: Path, step: int, summary: "pd.DataFrame") -> None:
    """What `fa-run measure` found before update `step` of a run."""
    show_values(f"before step {step}", summary)
    out.print(shown(folder))


def show_values(what: str, summary: "pd.DataFrame") -> None:
    """Mean and sd over seeds, a row for each metric, where any is of whole networks."""
    if summary.empty:
        return
    n = summary["n"].max()
    table = Table(title=f"{what} over n = {n} seed{'' if n == 1 else 's'}", title_justify="left")
    table.add_column("metric")
    table.add_column("mean", justify="right")
    table.add_column("sd", justify="right")
    for row in summary.itertuples():
        table.add_row(row.metric, f"{row.mean:.4g}", f"{row.sd:.2g}" if row.n > 1 else "-")
    out.print(table)


def shown(path: Path) -> Path:
    """A path as a person would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def show_next(words: Sequence[str]) -> None:
    """After a run by hand: what to type next, given what was typed."""
    figures = "fa-run plot draws the figures whose results exist"
    first = "fa-run +sweep=fig2, then fa-run plot, draws Fig. 2"
    out.print(f"next: {figures if words else first}; fa-run --help shows all keys")
