"""The folders that a person names, and how they are typed."""

import os
import re
import shlex
from pathlib import Path
from typing import Any

from fa_cli import terminal
from fa_cli.errors import UserError
from fa_cli.naming import override

PATHS = ("outputs", "results", "data_dir", "peers", "file")  # keys whose value is one


def folder_of(key: str, value: Any) -> Path:
    """The folder that a key names, `~` for the home folder.

    Raises UserError where it names none: an empty one is often a variable that is not set.
    """
    number = isinstance(value, int) and not isinstance(value, bool)  # outputs=2026
    if not number and (not isinstance(value, str) or not value.strip()):
        shown = "null" if value is None else value
        raise UserError(f"{key}={shown}: expected a folder: type {key}=DIR")
    return Path(str(value)).expanduser()


def results_in(value: Any) -> Path:
    """The folder of results that a person names; raises UserError where there is none."""
    folder = folder_of("results", value)
    if not folder.is_dir():
        raise UserError(
            f"results={value}: no such folder; type `fa-run +sweep=fig2` to make results, or "
            "results=DIR"
        )
    return folder


def into(command: str, results: Path) -> str:
    """`command`, or several with `;` between, as it is typed to leave its results in a folder."""
    place = terminal.shown(results.absolute())
    where = "" if place == Path("outputs") else f" {shlex.quote(override('outputs', place))}"
    return re.sub("fa-run [^;]+", lambda typed: typed[0] + where, command)


def at_home(word: str) -> str:
    """`outputs=~/results` with the home folder in place of `~`, which Hydra does not read."""
    key, equals, value = word.partition("=")
    if key in PATHS and value.startswith("~"):
        return f"{key}{equals}{os.path.expanduser(value)}"
    return word
