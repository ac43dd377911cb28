"""Errors that a person can cause: one line that says what was wrong, what was expected and what to type instead."""

import difflib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

TALLY, COMMAND = (
    "FA_RUN_TALLY",
    "FA_RUN_COMMAND",
)  # environment: file with a line for each run of a command; the command's process
FEW = 16  # names that one line can list


class Stopped(KeyboardInterrupt):
    """A signal ended a run, whose checkpoint is written; `number` is the signal's."""

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.number = number


class UserError(Exception):
    """Shown as a single line on stderr, without a traceback; the process exits with status 1."""


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error line about an unknown `word`: the nearest known one, all where they are few, else some."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1)
    if len(known) > FEW:
        return (
            f"did you mean {near[0]!r}?" if near else f"choose one such as {', '.join(known[:5])}"
        )
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}choose from: {', '.join(known)}"


def complain(error: BaseException | str) -> None:
    """The one line on stderr."""
    print(f"fa-run: {one_line(error)}", file=sys.stderr)


def one_line(error: BaseException | str) -> str:
    """What to tell a person, in one line."""
    return " ".join(describe(error).split())


def describe(error: BaseException | str) -> str:
    """What to tell a person about an error that is not a mistake in the code."""
    if isinstance(error, MemoryError):
        return "not enough memory: type fewer seeds, a smaller batch_size, or dtype=float32"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}: type outputs=DIR or data_dir=DIR for a folder that works"
    return str(error)


def attempt(work: Callable[[Any], Any], config: Any) -> Any:
    """Call `work(config)`; what a person can cause is told at once, so that the other runs of a sweep go on.

    Returns what `work` returns, after an error inf: to a sweeper that minimises, nothing is worse.
    """
    try:
        return work(config)
    except (UserError, OSError, MemoryError) as error:
        if str(os.getpid()) == os.environ.get(COMMAND):
            complain(error)
        tally("failed", one_line(error))
        return float("inf")


def tally(outcome: str, text: str = "") -> None:
    """Count a run for the `fa-run` that started it, in whatever process it went; `text` is what that one has to tell."""
    if path := os.environ.get(TALLY):
        with open(path, "a") as file:
            file.write(f"{os.getpid()}\t{outcome}\t{text}\n")
