"""fa-run: the reference laboratory for feedback alignment.

Lillicrap et al., Nat. Commun. 7:13276, 2016. From Python:

    import fa_cli

    results = fa_cli.run("experiment=fig2", "rule=fa")  # trains, or reads what is finished
    results = fa_cli.load("outputs/fig2")  # all finished runs below a folder
    results.metrics, results.summary  # pandas tables
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if os.name == "nt":  # it has neither flock nor most signals
    raise SystemExit("fa-run: Windows is not supported: type `wsl --install`, and use fa-run there")

from fa_cli.errors import UserError

if TYPE_CHECKING:
    from fa_cli.results.reading import Results

__version__ = "0.1.0"
__all__ = ["UserError", "load", "run"]


def load(folder: str | Path) -> "Results":
    """All finished runs in a folder or below it, as tables: `load("outputs/fig2")`.

    Raises UserError where there is none, or where one is damaged.
    """
    from fa_cli.results.reading import load_below  # the command need not import pandas to begin

    return load_below(Path(folder))


def run(*words: str) -> "Results":
    """Train what the words of a command line say, as `fa-run` does; returns the results as tables.

    A finished run is read, an interrupted one goes on. One run: sweeps are for the command, or a
    loop. Raises UserError for what a person can mend. Hydra's state, the plot backend and the
    threads of BLAS are left as they were.
    """
    from fa_cli.api import run_words  # whoever only reads results imports no training

    if not all(isinstance(word, str) for word in words):
        raise UserError('run takes the words one by one: run("rule=fa", "seeds=5"), or run(*words)')
    return run_words(words)
