"""Real faults of disks and folders: one line on stderr, nothing lost, and the same command finishes once there is room again."""

import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import run_command, wait_for

RUN = ["experiment=debug", "seeds=2", "record.checkpoint_seconds=0"]
LONG = ["steps=40000", "seeds=5", "backend.compiled=false", "record.checkpoint_seconds=0.05"]
FILES = ("metrics.csv", "summary.csv")


def results(folder: Path) -> dict[str, bytes]:
    """The CSVs of the one finished run below a folder."""
    (done,) = folder.rglob("done")
    return {name: done.with_name(name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What comes out where nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_command(folder, *RUN).returncode == 0
    return results(folder)


@contextmanager
def disk(folder: Path, size: str = "4m"):
    """A real file system of a few megabytes at `folder`."""
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True
        ).returncode
    ):
        pytest.skip("needs root and the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def told(done: subprocess.CompletedProcess, *parts: str) -> None:
    """Status 1, and a last line on stderr that holds `parts`."""
    assert done.returncode == 1 and "Traceback" not in done.stderr + done.stdout, (
        done.stdout + done.stderr
    )
    assert all(part in done.stderr.strip().splitlines()[-1] for part in parts), done.stderr


def test_a_full_disk(tmp_path, undisturbed):
    """It says so; with room again the run is trained."""
    with disk(tmp_path / "outputs") as small:
        filler = small / "filler"
        with pytest.raises(OSError), open(filler, "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        told(run_command(tmp_path, *RUN), "No space left")
        assert not list(small.rglob("done")) and not list(small.rglob("*.csv"))
        filler.unlink()
        assert run_command(tmp_path, *RUN).returncode == 0
        assert results(tmp_path) == undisturbed


def test_a_disk_that_fills_while_a_run_trains(tmp_path):
    """Checkpoints that cannot be written are told, training goes on, and with room again the same command comes to the end."""
    with disk(tmp_path / "outputs") as small:
        command = [str(Path(sys.executable).with_name("fa-run")), *LONG]
        run = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while not list(small.rglob("checkpoint.npz")):
            assert run.poll() is None
            time.sleep(0.01)
        with pytest.raises(OSError), open(small / "filler", "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        told_then = run.communicate(timeout=100)[1]
        assert (
            run.returncode == 1 and "Traceback" not in told_then and "training goes on" in told_then
        ), told_then
        assert "No space left" in told_then.strip().splitlines()[-1]
        (small / "filler").unlink()
        done = run_command(tmp_path, *LONG)
        assert done.returncode == 0, done.stderr
        assert len(results(tmp_path)) == 2


@pytest.mark.parametrize("size", [50, 2000, 20000])
def test_files_that_may_not_grow(tmp_path, undisturbed, size):
    """RLIMIT_FSIZE: no file is left in part; without the limit the same command gives the same files."""
    command = [str(Path(sys.executable).with_name("fa-run")), *RUN]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    done = subprocess.run(
        command, cwd=tmp_path, preexec_fn=limit, capture_output=True, text=True, timeout=100
    )
    if done.returncode:
        told(done, "File too large")
        assert not list(tmp_path.rglob("done"))
    assert not list(tmp_path.rglob("*.tmp"))
    assert run_command(tmp_path, *RUN).returncode == 0
    assert results(tmp_path) == undisturbed


def test_a_read_only_folder(tmp_path, undisturbed):
    """It is named; writable again, the run is trained."""
    with disk(tmp_path / "outputs") as small:
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        told(run_command(tmp_path, *RUN), "outputs", "Read-only file system", "outputs=DIR")
        subprocess.run(["mount", "-o", "remount,rw", small], check=True)
        assert run_command(tmp_path, *RUN).returncode == 0
        assert results(tmp_path) == undisturbed


def test_a_folder_that_vanishes(tmp_path):
    """Somebody removes the results' folder while the run trains: its results are written all the same."""
    run = subprocess.Popen(
        [str(Path(sys.executable).with_name("fa-run")), *LONG],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for("checkpoint.npz", tmp_path, run)
    shutil.rmtree(tmp_path / "outputs", ignore_errors=True)
    _, complaint = run.communicate(timeout=100)
    assert "Traceback" not in complaint and run.returncode == 0, complaint
    whole = results(tmp_path)
    shutil.rmtree(tmp_path / "outputs")
    assert run_command(tmp_path, *LONG).returncode == 0
    assert results(tmp_path) == whole


def test_a_clock_that_goes_backwards(tmp_path, undisturbed):
    """Checkpoints and results do not depend on the time of day."""
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nnow, calls = time.time, iter(range(10**9))\ntime.time = lambda: now() - 3600 * next(calls)\n"
    )
    done = run_command(tmp_path, *RUN, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert results(tmp_path) == undisturbed


def test_not_enough_memory(tmp_path):
    """More than the machine has: what to type, in one line."""
    told(
        run_command(tmp_path, "model.sizes=[30,2000000000,10]", "steps=1"),
        "not enough memory",
        "fewer seeds",
    )


def test_out_of_memory_on_the_gpu(monkeypatch, capsys):
    """CuPy's own error is a MemoryError: told in the same line."""
    from fa_cli import errors

    class OutOfMemoryError(MemoryError):  # as cupy.cuda.memory.OutOfMemoryError is
        pass

    def work(config):
        raise OutOfMemoryError("Out of memory allocating 1,000 bytes")

    monkeypatch.setenv(errors.COMMAND, str(os.getpid()))
    monkeypatch.delenv(errors.TALLY, raising=False)
    assert errors.attempt(work, None) == float("inf")
    assert "not enough memory: type fewer seeds" in capsys.readouterr().err
