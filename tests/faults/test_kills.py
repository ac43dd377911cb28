"""A run that is killed at any moment and started again ends with the very files of one that was left alone.

`make faults` takes 100 moments, the suite a few. FAULTS says how many, FAULTS_SEED which.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import run_command

COUNT, SEED = int(os.environ.get("FAULTS", 4)), int(os.environ.get("FAULTS_SEED", 1))
RUN = [
    "rule=fa",
    "steps=60000",
    "seeds=5",
    "record.every=500",
    "record.receptive_fields=5",
    "backend.compiled=false",
]
WORDS = [*RUN, "record.checkpoint_seconds=0.05", "record.keep_checkpoint=true"]
FILES = (
    "metrics.csv",
    "summary.csv",
    "config.yaml",
    "arrays.npz",
    ".hydra/config.yaml",
    ".hydra/overrides.yaml",
)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of the one run below `folder` that must come out the same, by name; for the checkpoint all but the time it took."""
    (run,) = folder.glob("outputs/*/*")
    found = {name: (run / name).read_bytes() for name in FILES if (run / name).exists()}
    if (run / "checkpoint.npz").exists():
        with np.load(run / "checkpoint.npz", allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        if (run / "done").exists():
            found |= {
                f"checkpoint/{key}": array.tobytes()
                for key, array in arrays.items()
                if key != "seconds"
            }
    return found


def start(folder: Path) -> subprocess.Popen:
    """The run, in the background."""
    command = [str(Path(sys.executable).with_name("fa-run")), *WORDS]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The files of the run that was left alone, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    done = run_command(folder, *WORDS)
    assert done.returncode == 0, done.stderr
    found = contents(folder)
    assert {*FILES} <= {*found} and any(name.startswith("checkpoint/state/W") for name in found)
    return found, time.monotonic() - began


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1],
    ids=lambda number: number.name,
)
def test_a_signal_at_any_moment(tmp_path, undisturbed, number):
    """Whatever lies in the folder then reads rightly, and the same command goes on to the same files, bit for bit."""
    expected, seconds = undisturbed
    rng, same, midway = np.random.default_rng([SEED, number]), 0, 0
    count = COUNT if number == signal.SIGKILL else 1
    for attempt in range(count):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        run = start(folder)
        time.sleep(rng.uniform(0.6 if number != signal.SIGKILL else 0.0, seconds))
        run.send_signal(number)
        _, told = run.communicate(timeout=60)
        assert "Traceback" not in told, told
        if list(folder.glob("outputs/*/*/*")):
            left = contents(folder)
            midway += "metrics.csv" not in left
            assert all(content == expected[name] for name, content in left.items())
        done = run_command(folder, *WORDS)
        assert done.returncode == 0, done.stderr
        same += contents(folder) == expected
    print(
        f"{number.name}: {same} of {count} runs bit-identical to the undisturbed one; {midway} were stopped while they trained"
    )
    assert same == count
