"""Errors that a person can cause: one line that says what was wrong, what was expected and what to type instead."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Shown as a single line on stderr, without a traceback; the process exits with status 1."""


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error line about an unknown `word`: the nearest known one, then all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}choose from: {', '.join(known)}"
