"""How the runs of one command ended, in whatever process each went: a file with a line for each.

`fa-run` makes the file, names it and itself in the environment, and reads it at its end.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fa_cli.errors import UserError, complain, one_line

TALLY = "FA_RUN_TALLY"  # environment: the file
COMMAND = "FA_RUN_COMMAND"  # environment: the process that a person started


class Ending(NamedTuple):
    """How a run ended."""

    process: int
    outcome: str  # trained, finished before, failed, ..
    told: str  # of what failed, in one line


def add(outcome: str, told: str = "") -> None:
    """Count a run, for the command that started it."""
    if path := os.environ.get(TALLY):
        with open(path, "a") as file:
            file.write(f"{os.getpid()}\t{outcome}\t{told}\n")


def read(path: Path) -> list[Ending]:
    """All runs that were counted."""
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    return [Ending(int(process), outcome, told) for process, outcome, told in lines]


def attempt(work: Callable[[Any], Any], config: Any) -> Any:
    """Call `work(config)`; what a person can cause is told, and the runs after it go on.

    Returns what `work` returns, after an error inf: to a sweeper that minimises, nothing is worse.
    """
    try:
        return work(config)
    except (UserError, OSError, MemoryError) as error:
        if str(os.getpid()) == os.environ.get(COMMAND):
            complain(error)
        add("failed", one_line(error))
        return float("inf")
