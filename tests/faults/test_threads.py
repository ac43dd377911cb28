"""Threads: a system that grants few is told of and computes with one; runs leave none behind."""

import ctypes
import os
import resource
import subprocess
from pathlib import Path

import pytest
from faults import count
from helpers import FA_RUN, run_here, succeed

LARGE = ["experiment=debug", "model.sizes=[64,1200,300,10]", "seeds=3", "steps=5"]
LARGE += ["batch_size=20", "backend.threads=4"]
DROP, POWERS = 24, (21, 24)  # of prctl, what lets root have as many threads as it likes
NOBODY = 54321  # whose processes are counted


def few(threads: int) -> None:
    """RLIMIT_NPROC, which counts threads, for a process that is about to begin."""
    libc = ctypes.CDLL(None)
    for power in POWERS:
        libc.prctl(DROP, power, 0, 0, 0)
    os.setresuid(NOBODY, 0, 0)
    resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))


def metrics(folder: Path) -> bytes:
    """The curves of the one run below a folder."""
    (path,) = folder.rglob("metrics.csv")
    return path.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_few_threads(tmp_path, tell):
    """One line tells of it, and the numbers are the same; with enough of them nothing is told."""
    succeed(run_here(tmp_path, *LARGE))
    limits = [1, 2, 3, 4, 20] if count(1) > 1 else [1, 20]
    for limit in limits:
        folder = tmp_path / f"limit-{limit}"
        folder.mkdir()
        done = subprocess.run(
            [FA_RUN, *LARGE],
            cwd=folder,
            preexec_fn=lambda limit=limit: few(limit),
            capture_output=True,
            text=True,
            timeout=100,
        )
        succeed(done)
        assert "Traceback" not in done.stderr and "OpenBLAS" not in done.stderr, done.stderr
        assert done.stderr.count("fa-run: ") == (limit <= 4), done.stderr
        assert ("computing with one" in done.stderr) == (limit <= 4)
        assert metrics(folder) == metrics(tmp_path / "outputs")
    tell(f"limits of threads: {len(limits)} of {len(limits)} runs the same ({limits} threads)")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_no_thread_for_the_bar(tmp_path):
    """On a terminal it stands still, and the run is trained."""
    ours, its = os.openpty()
    words = {"cwd": tmp_path, "stderr": its, "stdout": subprocess.DEVNULL, "timeout": 100}
    done = subprocess.run([FA_RUN, *LARGE], preexec_fn=lambda: few(1), **words)
    shown = os.read(ours, 1 << 16).decode(errors="replace")
    assert done.returncode == 0 and "Traceback" not in shown and "training" in shown, shown
    os.close(ours)
    os.close(its)


def test_many_runs_in_one_process(tmp_path, tell):
    """The number of its threads, and of its open files, does not grow."""
    seen, runs = set(), count(5, 0.5)
    for attempt in range(runs + 2):
        succeed(run_here(tmp_path, *LARGE, "resume=false"))
        if attempt >= 2:  # libraries are loaded by then
            seen.add(tuple(len(os.listdir(f"/proc/self/{kind}")) for kind in ("task", "fd")))
    tell(f"{runs} runs in one process: threads and open files at the end of each: {sorted(seen)}")
    assert len(seen) == 1
