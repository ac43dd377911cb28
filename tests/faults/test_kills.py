"""A run that is killed at any moment and started again ends with the files of one left alone.

`make faults` takes 100 moments, the suite a few. FAULTS says how many, FAULTS_SEED which.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import run_here, start_command, succeed, wait_for

FEW = 4
COUNT, SEED = int(os.environ.get("FAULTS", FEW)), int(os.environ.get("FAULTS_SEED", 1))
NUMBERS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1]
RUN = ["rule=fa", "steps=20000", "seeds=5", "record.every=500", "backend.compiled=false"]
WORDS = [*RUN, "record.receptive_fields=5", "record.audit=2"]
WORDS += ["record.checkpoint_seconds=0.05", "record.keep_checkpoint=true"]
FILES = {"metrics.csv", "summary.csv", "config.yaml", "arrays.npz", "audit.npz"}
FILES |= {".hydra/config.yaml", ".hydra/overrides.yaml"}


def contents(folder: Path) -> dict[str, bytes]:
    """What must come out the same of the one run below `folder`, by name.

    That is all but times; of a checkpoint, which must be readable, only the one of a finished run.
    """
    (run,) = folder.glob("outputs/*/*")
    found = {name: (run / name).read_bytes() for name in FILES if (run / name).exists()}
    arrays = {}
    if (run / "checkpoint.npz").exists():
        with np.load(run / "checkpoint.npz") as stored:
            arrays = {f"checkpoint/{key}": stored[key].tobytes() for key in stored.files}
    if not (run / "done").exists():
        return found
    return found | {key: array for key, array in arrays.items() if key != "checkpoint/seconds"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The files of the run that was left alone, and the seconds for which it trained."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run = start_command(folder, *WORDS)
    wait_for("config.yaml", folder, run)  # is written when training begins
    began = time.monotonic()
    wait_for("metrics.csv", folder, run)
    seconds = time.monotonic() - began
    _, complaint = run.communicate(timeout=100)
    assert run.returncode == 0, complaint
    found = contents(folder)
    assert {*found} > FILES and "checkpoint/state/W0" in found
    return found, seconds


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_a_signal_at_any_moment(tmp_path, undisturbed, number):
    """What lies in the folder then is right, and the same command goes on to the same files."""
    expected, seconds = undisturbed
    rng, same, midway = np.random.default_rng([SEED, number]), 0, 0
    count = COUNT if number == signal.SIGKILL else 1
    for attempt in range(count):  # one in each part of training and of the time shortly after
        folder = tmp_path / str(attempt)
        folder.mkdir()
        run = start_command(folder, *WORDS)
        wait_for("config.yaml", folder, run)
        time.sleep((attempt + rng.random()) / max(count, 2) * 1.2 * seconds)
        run.send_signal(number)
        _, complaint = run.communicate(timeout=60)
        assert "Traceback" not in complaint, complaint
        left = contents(folder)
        midway += "metrics.csv" not in left
        assert left.items() <= expected.items()
        succeed(run_here(folder, *WORDS))
        same += contents(folder) == expected
    told = f"{same} of {count} runs bit-identical to the undisturbed one"
    print(f"{number.name}: {told}; {midway} were stopped while they trained")
    assert same == count
    assert midway >= (count / 2 if count > FEW else 1)
