"""Errors that a person can cause, told in one line: what was wrong, what to type instead."""

import difflib
import re
import sys
from collections.abc import Iterable

LISTED = 30  # names that one line can list


class Stopped(KeyboardInterrupt):
    """A signal ended a run, whose checkpoint is written; `number` is the signal's."""

    def __init__(self, message: str, number: int):
        super().__init__(message, number)
        self.number = number

    def __str__(self) -> str:
        return self.args[0]


class UserError(Exception):
    """Shown as a single line on stderr, without a traceback; the process exits with status 1."""


TOLD = (UserError, OSError, MemoryError, ImportError)  # in one line; all else is a mistake of ours


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error line about an unknown `word`: the nearest known one.

    All of them where they are few; some of many where none is near.
    """
    known = sorted(known)
    if not known:
        return "there is none to choose"
    lower = {name.lower(): name for name in known}
    near = [lower[name] for name in difflib.get_close_matches(word.lower(), lower, n=1)]
    hint = f"did you mean {near[0]!r}?" if near else ""
    if len(known) <= LISTED:
        return f"{hint} choose from: {', '.join(known)}".lstrip()
    return hint or f"choose one such as {', '.join(known[:5])}"


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
    if isinstance(error, ImportError):
        name = (error.name or "a library").split(".")[0]
        return f"{name} does not work here ({error}): install it again"
    if isinstance(error, OSError):
        name = re.sub(r"\.([^/]*)\.\w+\.fa-run\.tmp$", r"\1", str(error.filename or ""))
        where, what = f"{name}: " if name else "", error.strerror or error
        return f"{where}{what}: type outputs=DIR, results=DIR, data_dir=DIR or file=FILE that works"
    return str(error)
