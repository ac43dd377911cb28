"""A machine that is a little different: a note, and it works."""

import errno
import fcntl
import os
import socket
import subprocess
import sys

import pandas as pd
import pytest
from helpers import FA_RUN, run_command, succeed, told

from fa_cli import backend, experiment
from fa_cli.results import files

SMALL = ["steps=6000", "seeds=2", "record.every=3000"]


@pytest.mark.parametrize("fault", ["raise ImportError('broken')", "raise RuntimeError('no cache')"])
def test_an_accelerator_that_does_not_work(tmp_path, fault):
    """Numba that cannot be imported or cannot cache: one note, and the plain loop's numbers."""
    (tmp_path / "s" / "numba").mkdir(parents=True)
    (tmp_path / "s" / "numba" / "__init__.py").write_text(fault)
    done = run_command(tmp_path, "-m", "rule=fa,bp", *SMALL, PYTHONPATH="s")
    assert done.returncode == 0 and len(list(tmp_path.rglob("done"))) == 2
    assert done.stderr.count("\n") == 1 and "Numba does not work here" in done.stderr
    plain = ["backend.compiled=false", "outputs=plain", "rule=fa"]
    succeed(run_command(tmp_path, *SMALL, *plain))
    one, other = sorted(tmp_path.rglob("rule=fa*/metrics.csv"))
    pd.testing.assert_frame_equal(pd.read_csv(one), pd.read_csv(other))


@pytest.mark.quick
@pytest.mark.parametrize(
    ("variables", "limit", "cores"),
    [
        ({}, "max 100000", 8),
        ({}, "250000 100000", 2),
        ({}, "50000 100000", 1),
        ({"OMP_NUM_THREADS": "3"}, "max 100000", 3),
        ({"OMP_NUM_THREADS": "1,2"}, "max 100000", 1),
        ({"OMP_NUM_THREADS": "many"}, "max 100000", 8),
        ({"SLURM_CPUS_PER_TASK": "4"}, "max 100000", 4),
        ({"SLURM_CPUS_PER_TASK": "4", "OMP_NUM_THREADS": "2"}, "300000 100000", 2),
        ({}, None, 8),
    ],
)
def test_cores_are_the_least_of_what_is_granted(tmp_path, monkeypatch, variables, limit, cores):
    """By the system, a container's quota, SLURM and OMP_NUM_THREADS."""
    path = tmp_path / "cpu.max"
    if limit:
        path.write_text(limit)
    monkeypatch.setattr(backend, "CGROUP", path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert backend.usable_cores() == cores


@pytest.fixture
def no_locks(monkeypatch):
    """A file system that knows no flock."""

    def refuse(file, kind):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.quick
def test_a_file_system_without_locks(tmp_path, no_locks, capsys):
    """A file stands for the lock: held by one, free again afterwards, never by the dead."""
    holder = tmp_path / ".lock-holder"
    with files.locked(tmp_path) as alone:
        assert alone and files.is_locked(tmp_path)
        assert holder.read_text() == files.this_process()
    assert "has no locks of files" in capsys.readouterr().err
    assert not holder.exists() and not files.is_locked(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for separator in (":", " "):  # the latter of earlier versions
        holder.write_text(f"{socket.gethostname()}{separator}{dead.pid}")
        with files.locked(tmp_path) as alone:
            assert alone
    for other in (f"{socket.gethostname()}:1", "elsewhere:1", ""):
        holder.write_text(other)
        with files.locked(tmp_path) as alone:
            assert not alone
        assert holder.exists()


@pytest.mark.parametrize("name", ["scipy", "matplotlib"])
def test_a_library_that_does_not_work(tmp_path, name):
    """One line names it, and says what to do."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise ImportError('broken')")
    words = {"scipy": ["steps=5"], "matplotlib": ["plot", "figure=fig1"]}[name]
    (tmp_path / "outputs").mkdir()
    told(run_command(tmp_path, *words, PYTHONPATH=str(tmp_path)), "broken", "install it again")


@pytest.mark.quick
def test_a_package_without_metadata():
    """The manifest does without its version."""
    assert experiment.version_of("no-such-package-of-fa-run") is None
    assert experiment.version_of("numpy")


@pytest.mark.parametrize("words", [[FA_RUN, "rule=fa"], [sys.executable, "-c", "import fa_cli"]])
def test_windows_is_told_where_to_go(tmp_path, words):
    """The command and `import fa_cli` end with one line, before anything that fails there."""
    fake = "import os, sys; os.name, sys.modules['fcntl'] = 'nt', None"
    (tmp_path / "sitecustomize.py").write_text(fake)
    windows = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(words, cwd=tmp_path, env=windows, capture_output=True, text=True)
    told(done, "Windows is not supported", "`wsl --install`")
