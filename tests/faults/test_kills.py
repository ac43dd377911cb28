"""A run that is killed at any moment and started again ends with the files of one left alone.

`make faults` takes 100 moments, the suite a few. The same of a checkpoint that is damaged then, and
of a run whose readers go away.
"""

import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from faults import count, damaged, generator
from helpers import run_here, start_command, succeed, told, wait_for

NUMBERS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
NUMBERS += [signal.SIGUSR1, signal.SIGUSR2]
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


def moments(seconds: float, number: int, rng: np.random.Generator) -> list[float]:
    """One in each part of training and of the time shortly after."""
    return [(k + rng.random()) / max(number, 2) * 1.2 * seconds for k in range(number)]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_a_signal_at_any_moment(tmp_path, undisturbed, tell, number):
    """What lies in the folder then is right, and the same command goes on to the same files."""
    expected, seconds = undisturbed
    killed = number == signal.SIGKILL
    total = count(4) if killed else count(1, 0.08)
    same, midway, resumed = 0, 0, 0
    for attempt, moment in enumerate(moments(seconds, total, generator(0, number))):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        run = start_command(folder, *WORDS)
        wait_for("config.yaml", folder, run)
        time.sleep(moment)
        run.send_signal(number)
        _, complaint = run.communicate(timeout=60)
        assert "Traceback" not in complaint, complaint
        left = contents(folder)
        kept = bool([*folder.rglob("checkpoint.npz")])
        if "metrics.csv" not in left:
            assert run.returncode == (-number if killed else 128 + number), complaint
            assert killed or (kept and "goes on from there" in complaint), complaint
            midway, resumed = midway + 1, resumed + kept
        assert left.items() <= expected.items()
        succeed(run_here(folder, *WORDS))
        same += contents(folder) == expected
    tell(
        f"{number.name}: {same} of {total} runs bit-identical to the undisturbed one; "
        f"{midway} were stopped while they trained, {resumed} of them with a checkpoint"
    )
    assert same == total
    assert midway >= (0.6 * total if total > 10 else 1) and resumed >= 0.6 * midway


def test_readers_that_go_away_at_any_moment(tmp_path, undisturbed, tell):
    """Of the output, the errors or both: the run ends well, with the same files."""
    expected, seconds = undisturbed
    total, midway = count(1, 0.08), 0
    for attempt, moment in enumerate(moments(seconds, total, generator(3))):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        run = start_command(folder, *WORDS)
        wait_for("config.yaml", folder, run)
        time.sleep(moment)
        midway += run.poll() is None
        for stream in ([run.stdout], [run.stderr], [run.stdout, run.stderr])[attempt % 3]:
            stream.close()
        assert run.wait(timeout=60) == 0
        assert contents(folder) == expected
    tell(f"broken pipes: {total} of {total} runs the same, {midway} broke while they ran")
    assert midway


def test_a_damaged_checkpoint(tmp_path, undisturbed, tell):
    """It is refused in one line, and left as it is, or the run goes on to the same files."""
    expected, _ = undisturbed
    run = start_command(tmp_path, *WORDS)
    wait_for("checkpoint.npz", tmp_path, run)
    run.terminate()
    run.communicate(timeout=60)
    (checkpoint,) = tmp_path.rglob("checkpoint.npz")
    before, folder = checkpoint.read_bytes(), checkpoint.parent
    config, rng = (folder / "config.yaml").read_bytes(), generator(4)
    refused, total = 0, count(4)
    for attempt in range(total):
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "config.yaml").write_bytes(config)
        content = damaged(before, ("cut", "flipped")[attempt % 2], rng)
        checkpoint.write_bytes(content)
        done = run_here(tmp_path, *WORDS)
        if done.returncode:
            told(done, "checkpoint.npz is damaged")
            assert checkpoint.read_bytes() == content
            refused += 1
        else:
            assert contents(tmp_path) == expected
    tell(f"damaged checkpoints: {refused} of {total} refused, the others gone on from, the same")
    assert refused
