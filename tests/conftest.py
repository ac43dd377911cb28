"""The fixtures that nearly every test of the command uses."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from helpers import run_command, run_here

SLURM = Path(__file__).with_name("slurm")
DAEMONS = ("slurmctld", "slurmd", "munged")
has_slurm = os.geteuid() == 0 and all(
    shutil.which(name, path="/usr/sbin:/usr/bin") for name in DAEMONS
)


@pytest.fixture
def fa_run(tmp_path: Path) -> Callable:
    """`fa_run("rule=bp")` runs the command in this test's own empty folder."""
    return partial(run_command, tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Callable:
    """`here("rule=bp")` is `fa_run("rule=bp")` in this process."""
    return partial(run_here, tmp_path)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A SLURM of one node that keeps no accounts, started for these tests; its environment."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    if not has_slurm:
        pytest.skip("needs root and apt-get install slurmctld slurmd slurm-client munge")
    folder = tmp_path_factory.mktemp("slurm")
    with open(folder / "up.log", "w") as log:  # the daemons keep it open
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        subprocess.run([SLURM / "up.sh", folder], check=True, timeout=60, **streams)
    yield {"SLURM_CONF": str(folder / "slurm.conf")}
    subprocess.run([SLURM / "down.sh", folder], check=False, capture_output=True, timeout=60)
