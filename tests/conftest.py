"""What the tests share: the command as a person runs it, and one tolerance by dtype."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

DATA = Path(os.environ.get("FA_DATA_DIR", "")).absolute() if os.environ.get("FA_DATA_DIR") else None
needs_mnist = pytest.mark.skipif(
    not (DATA and (DATA / "mnist").is_dir()), reason="FA_DATA_DIR holds no mnist/"
)


def tolerance(dtype) -> float:
    """Relative tolerance for results of a few chained operations."""
    return {"float32": 1e-4, "float64": 1e-10}[str(dtype)]


def run_command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the real `fa-run` in `folder`, as a person would, with text output."""
    command = [str(Path(sys.executable).with_name("fa-run")), *words]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def wait_for(name: str, folder: Path, process: subprocess.Popen) -> None:
    """Until a running command has written a file of this name somewhere in `folder`, however busy the machine is."""
    while not list(folder.rglob(name)):
        assert process.poll() is None
        time.sleep(0.01)


@pytest.fixture
def fa_run(tmp_path):
    """`fa_run("rule=bp")` runs the command in this test's own empty folder."""
    return partial(run_command, tmp_path)
