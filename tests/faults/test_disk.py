"""Real faults of disks and folders: one line on stderr, nothing lost.

The same command finishes once there is room again.
"""

import os
import resource
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import FA_RUN, run_command, run_here, start_command, succeed, told, wait_for

from fa_cli import tally

RUN = ["experiment=debug", "seeds=2", "record.checkpoint_seconds=0"]
LONG = ["steps=20000", "seeds=5", "backend.compiled=false", "record.checkpoint_seconds=0.05"]
FILES = ("metrics.csv", "summary.csv")
TURNING = """
import time
now, calls = time.time, iter(range(10**9))
time.time = lambda: now() - 3600 * next(calls)
"""


def results(folder: Path) -> dict[str, bytes]:
    """The CSVs of the one finished run below a folder."""
    (done,) = folder.rglob("done")
    return {name: done.with_name(name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What comes out where nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    succeed(run_here(folder, *RUN))
    return results(folder)


@pytest.fixture(scope="module")
def undisturbed_for_long(tmp_path_factory):
    """The same of the longer run."""
    folder = tmp_path_factory.mktemp("undisturbed")
    succeed(run_here(folder, *LONG))
    return results(folder)


@contextmanager
def disk(folder: Path):
    """A real file system of four megabytes at `folder`."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if os.geteuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("needs root and the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk with one file, to the last page."""
    filler = folder / "filler"
    with pytest.raises(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def test_a_full_disk(tmp_path, undisturbed):
    """It says so; with room again the run is trained."""
    with disk(tmp_path / "outputs") as small:
        filler = fill(small)
        told(run_command(tmp_path, *RUN), "No space left")
        assert not [*small.rglob("done"), *small.rglob("*.csv")]
        filler.unlink()
        succeed(run_here(tmp_path, *RUN))
        assert results(tmp_path) == undisturbed


def test_a_disk_that_fills_while_a_run_trains(tmp_path, undisturbed_for_long):
    """Checkpoints that cannot be written are told, training goes on; with room the run is whole."""
    with disk(tmp_path / "outputs") as small:
        run = start_command(tmp_path, *LONG)
        wait_for("checkpoint.npz", small, run)
        filler = fill(small)
        _, complaint = run.communicate(timeout=100)
        assert run.returncode == 1 and "Traceback" not in complaint, complaint
        assert "training goes on" in complaint
        assert "No space left" in complaint.strip().splitlines()[-1]
        filler.unlink()
        succeed(run_here(tmp_path, *LONG))
        assert results(tmp_path) == undisturbed_for_long


@pytest.mark.parametrize(("size", "ends_well"), [(50, False), (900, False), (20000, True)])
def test_files_that_may_not_grow(tmp_path, undisturbed, size, ends_well):
    """RLIMIT_FSIZE: no file is left in part; without it the same command gives the same files.

    The largest limit has room for all but checkpoints.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    streams = {"capture_output": True, "text": True}
    done = subprocess.run([FA_RUN, *RUN], cwd=tmp_path, preexec_fn=limit, **streams, timeout=100)
    assert "Traceback" not in done.stderr and (done.returncode == 0) == ends_well, done.stderr
    assert "File too large" in done.stderr.strip().splitlines()[-1]
    assert len(list(tmp_path.rglob("done"))) == ends_well
    assert not list(tmp_path.rglob("*.tmp"))
    succeed(run_here(tmp_path, *RUN))
    assert results(tmp_path) == undisturbed


def test_a_read_only_folder(tmp_path, undisturbed):
    """It is named; writable again, the run is trained."""
    with disk(tmp_path / "outputs") as small:
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        told(run_command(tmp_path, *RUN), "outputs", "Read-only file system", "outputs=DIR")
        subprocess.run(["mount", "-o", "remount,rw", small], check=True)
        succeed(run_here(tmp_path, *RUN))
        assert results(tmp_path) == undisturbed


def test_a_folder_that_vanishes(tmp_path, undisturbed_for_long):
    """Somebody removes the results' folder while the run trains: they are written all the same."""
    run = start_command(tmp_path, *LONG)
    wait_for("checkpoint.npz", tmp_path, run)
    shutil.rmtree(tmp_path / "outputs", ignore_errors=True)
    _, complaint = run.communicate(timeout=100)
    assert "Traceback" not in complaint and run.returncode == 0, complaint
    assert results(tmp_path) == undisturbed_for_long


def test_a_clock_that_goes_backwards(tmp_path, undisturbed):
    """Checkpoints and results do not depend on the time of day."""
    (tmp_path / "sitecustomize.py").write_text(TURNING)
    succeed(run_command(tmp_path, *RUN, PYTHONPATH=str(tmp_path)))
    assert results(tmp_path) == undisturbed


def test_not_enough_memory(tmp_path):
    """More than the machine has: what to type, in one line."""
    words = ["model.sizes=[30,2000000000,10]", "steps=1"]
    told(run_command(tmp_path, *words), "not enough memory", "fewer seeds")


@pytest.mark.quick
def test_out_of_memory_on_the_gpu(monkeypatch, capsys):
    """CuPy's own error is a MemoryError: told in the same line."""

    class OutOfMemoryError(MemoryError):  # as cupy.cuda.memory.OutOfMemoryError is
        pass

    def work(config: None) -> None:
        raise OutOfMemoryError("Out of memory allocating 1,000 bytes")

    monkeypatch.setenv(tally.COMMAND, str(os.getpid()))
    monkeypatch.delenv(tally.TALLY, raising=False)
    assert tally.attempt(work, None) == float("inf")
    assert "not enough memory: type fewer seeds" in capsys.readouterr().err
