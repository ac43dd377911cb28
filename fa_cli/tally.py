"""How the runs of one command ended, in whatever process each went: a file with lines of each.

`fa-run` makes the file, names it and itself in the environment, and reads it at its end. A run that
has begun and not ended was lost with its process.
"""

import json
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from fa_cli.errors import TOLD, UserError, complain, one_line
from fa_cli.processes import is_gone, this_process

TALLY = "FA_RUN_TALLY"  # environment: the file
COMMAND = "FA_RUN_COMMAND"  # environment: the process that a person started
WANTED = "FA_RUN_WANTED"  # environment: how many runs it makes, where that is known
SINCE = "FA_RUN_SINCE"  # environment: when the command began
WHERE = "FA_RUN_WHERE"  # environment: not empty where a person wants to see where in the code
PREFIX = ".fa-run-"  # of the file's name, before the process that made it
BEGUN, QUEUED, FAILED, ELSEWHERE = "begun", "queued again", "failed", "in training elsewhere"
TRAINED, BEFORE, LEFT_OUT = "trained", "finished before", "left out"
LEFT = 75  # status where other processes have some runs: a temporary failure, says sysexits.h
STOPPING = "stopping"  # no run of its own: those that have not begun are left out


class Ending(NamedTuple):
    """How a run ended, or that it has begun."""

    process: str  # host and number
    outcome: str  # trained, finished before, failed, ..
    told: str  # of what failed, in one line; of what has begun, its folder
    log: str = ""  # of what has begun on a cluster, the file of what it says


def new_file(folder: str | None) -> Path:
    """An empty file for a command's tally; those of commands that were killed are removed.

    `folder`: None for the system's temporary one.
    """
    place = Path(folder or tempfile.gettempdir())
    for stale in place.glob(f"{PREFIX}*"):
        if is_gone(stale.name.removeprefix(PREFIX).rpartition("-")[0]):
            with suppress(OSError):
                stale.unlink()
    handle, path = tempfile.mkstemp(prefix=f"{PREFIX}{this_process()}-", dir=place)
    os.close(handle)
    return Path(path)


def add(outcome: str, told: str = "", log: str = "") -> None:
    """Count a run, for the command that started it, unless that has ended."""
    if path := os.environ.get(TALLY):
        with suppress(FileNotFoundError), open(path, "a", opener=open_existing) as file:
            file.write(json.dumps(Ending(this_process(), outcome, told, log)) + "\n")


def open_existing(path: str, flags: int) -> int:
    """For `open`: a file that is not there is not made."""
    return os.open(path, flags & ~os.O_CREAT)


def read(path: Path) -> list[Ending]:
    """All that was counted, in its order; a line that a full disk has cut does not count.

    Nothing where the command has ended: a cluster's jobs go on without it.
    """
    try:
        lines = path.read_text().split("\n")
    except FileNotFoundError:
        return []
    return [Ending(*json.loads(line)) for line in lines[:-1]]


def ended(endings: Sequence[Ending]) -> list[Ending]:
    """How the runs of a command ended; a process has one at a time.

    What it has trained and meets again was not finished before, and what fails twice fails once.
    """
    runs: dict[str, list[Ending]] = {}  # folder -> how it ended; a plot is of its process
    at: dict[str, str] = {}  # process -> the folder of its run
    for ending in endings:
        if ending.outcome == BEGUN:
            at[ending.process] = ending.told
        known = runs.setdefault(at.get(ending.process, ending.process), [])
        again = ending.outcome == BEFORE or ending[1:] in [earlier[1:] for earlier in known]
        if ending.outcome not in (BEGUN, QUEUED, STOPPING) and not (known and again):
            known.append(ending)
    return list(chain.from_iterable(runs.values()))


def expect(runs: int | None) -> None:
    """Note how many runs this command makes; None where nobody knows before."""
    os.environ[WANTED] = str(runs or "")


def left() -> tuple[int, int, float] | None:
    """How many runs of this command have ended, how many it makes, and the seconds still to go.

    None for a single run, and where nobody knows.
    """
    path, wanted = os.environ.get(TALLY), os.environ.get(WANTED)
    if not path or not wanted:
        return None
    runs, done = int(wanted), len(ended(read(Path(path))))
    if runs < 2 or not 0 < done <= runs:
        return None
    return done, runs, (time.time() - float(os.environ[SINCE])) / done * (runs - done)


def has(outcome: str) -> bool:
    """Whether a run of this command has ended so, or a signal has come to stop all, STOPPING."""
    path = os.environ.get(TALLY, "")
    return bool(path) and any(ending.outcome == outcome for ending in read(Path(path)))


def made(path: Path) -> bool:
    """Whether this command has written a file, as its job before a time limit may have."""
    since = float(os.environ.get(SINCE) or "inf")
    return path.exists() and path.stat().st_mtime >= since


def lost(endings: Sequence[Ending]) -> list[Ending]:
    """The runs that have begun and not ended, where no other process has begun them since.

    A process has one at a time; a cluster goes on in another one after a time limit.
    """
    last = {ending.process: ending for ending in endings}
    begun = {ending.told: ending for ending in endings if ending.outcome == BEGUN}
    return [ending for ending in begun.values() if last[ending.process] is ending]


def attempt(work: Callable[[Any], Any], config: Any) -> Any:
    """Call `work(config)`; what a person can cause is told, and the runs after it go on.

    Returns what `work` returns, after an error inf: to a sweeper that minimises, nothing is worse.
    """
    try:
        return work(config)
    except KeyboardInterrupt:
        add("stopped")
        raise
    except SystemExit as end:
        where = outside(end)
        if where is None:  # a cluster's launcher has put the job into its queue again
            add(QUEUED)
            raise
        return failed(f"{where} ends the process: take that out of it")
    except UserError as error:
        return failed(error)
    except Exception as error:
        if where := outside(error):
            return failed(f"{where} fails ({type(error).__name__}: {error}): mend it")
        if isinstance(error, TOLD):
            return failed(error)
        add(FAILED)  # a mistake of ours, with all that helps to find it
        raise


def failed(error: BaseException | str) -> float:
    """Tell and count a run that failed; returns what a sweeper that minimises hears of it."""
    if os.environ.get(WHERE):
        traceback.print_exc()
    told = in_sweep() + one_line(error)
    if str(os.getpid()) == os.environ.get(COMMAND):
        complain(told)
    add(FAILED, told)
    return float("inf")


def in_sweep() -> str:
    """Which run of a sweep this process has in hand, before what is told of it."""
    path = os.environ.get(TALLY)
    if not path or os.environ.get(WANTED, "1") == "1":
        return ""
    begun = [one for one in read(Path(path)) if one.outcome == BEGUN]
    own = [Path(one.told) for one in begun if one.process == this_process()]
    return f"{'/'.join(own[-1].parts[-2:])}: " if own else ""


def outside(error: BaseException) -> str | None:
    """The line of a person's own rule or dataset in which an error arose; None for one of ours."""
    from fa_cli.data import DATASETS
    from fa_cli.rules import RULES

    origins = [*RULES.origins.values(), *DATASETS.origins.values()]
    own, package = set(map(str, origins)), str(Path(__file__).parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = str(Path(frame.filename).resolve())
        if path in own and not path.startswith(package):
            return f"{path}, line {frame.lineno},"
    return None
