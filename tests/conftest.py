"""The fixtures that nearly every test of the command uses."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from helpers import run_command, run_here


@pytest.fixture
def fa_run(tmp_path: Path) -> Callable:
    """`fa_run("rule=bp")` runs the command in this test's own empty folder."""
    return partial(run_command, tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Callable:
    """`here("rule=bp")` is `fa_run("rule=bp")` in this process."""
    return partial(run_here, tmp_path)
