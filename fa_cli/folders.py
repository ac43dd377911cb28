"""The folders that a person names, and how they are typed."""

import os
import re
import shlex
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

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
            f"results={value}: no such folder; type `{into('fa-run +sweep=fig2', folder)}` to make "
            "results, or results=DIR"
        )
    return folder


def place_of(cfg: DictConfig) -> Path:
    """The folder that what is made of results goes into: `outputs`, else that of the results."""
    return folder_of("outputs", cfg.results if cfg.outputs is None else cfg.outputs)


def into(command: str, results: Path) -> str:
    """`command`, or several with `;` between, as it is typed to leave its results in a folder."""
    place = terminal.shown(results.absolute())
    where = "" if place == Path("outputs") else f" {shlex.quote(override('outputs', place))}"
    return re.sub("fa-run [^;]+", lambda typed: typed[0] + where, command)


def as_path(word: str, sweeps: bool = False) -> str:
    """`outputs=~/Müller, 2` as Hydra reads it: the home folder in place of `~`, and quoted.

    Left as they are: what is in quotes, ${..}, and in a command that sweeps several folders.
    """
    key, _, value = word.partition("=")
    if key not in PATHS or not value or value[0] in "'\"$[":
        return word
    path = os.path.expanduser(value)
    several = sweeps and "," in path and not os.path.exists(path)
    return f"{key}={path}" if several else override(key, path)
