"""How the runs of one command ended, in whatever process each went: a file with lines of each.

`fa-run` makes the file, names it and itself in the environment, and reads it at its end. A run that
has begun and not ended was lost with its process.
"""

import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fa_cli.errors import Stopped, UserError, complain, one_line

TALLY = "FA_RUN_TALLY"  # environment: the file
COMMAND = "FA_RUN_COMMAND"  # environment: the process that a person started


BEGUN, FAILED, ELSEWHERE = "begun", "failed", "in training elsewhere"


class Ending(NamedTuple):
    """How a run ended, or that it has begun."""

    process: str  # host and number
    outcome: str  # trained, finished before, failed, ..
    told: str  # of what failed, in one line; of what has begun, its folder


def add(outcome: str, told: str = "") -> None:
    """Count a run, for the command that started it."""
    if path := os.environ.get(TALLY):
        with open(path, "a") as file:
            file.write(json.dumps([this_process(), outcome, told]) + "\n")


def read(path: Path) -> list[Ending]:
    """All that was counted, in its order; a line that a full disk has cut does not count."""
    lines = path.read_text().split("\n")
    return [Ending(*json.loads(line)) for line in lines[:-1]]


def this_process() -> str:
    """Host and number of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def lost(endings: Sequence[Ending]) -> list[Path]:
    """The folders of runs that have begun and not ended; a process has one at a time."""
    last = {ending.process: ending for ending in endings}
    return [Path(ending.told) for ending in last.values() if ending.outcome == BEGUN]


def attempt(work: Callable[[Any], Any], config: Any) -> Any:
    """Call `work(config)`; what a person can cause is told, and the runs after it go on.

    Returns what `work` returns, after an error inf: to a sweeper that minimises, nothing is worse.
    """
    try:
        return work(config)
    except Stopped:
        add("stopped")
        raise
    except (UserError, OSError, MemoryError) as error:
        if str(os.getpid()) == os.environ.get(COMMAND):
            complain(error)
        add(FAILED, one_line(error))
        return float("inf")
