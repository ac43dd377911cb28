"""Sweeps on every engine: the same files as in one process, nothing done twice, nothing lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import run_command

SLURM = Path(__file__).with_name("slurm")
DAEMONS = ("slurmctld", "slurmd", "munged")
has_slurm = os.geteuid() == 0 and all(
    shutil.which(name, path="/usr/sbin:/usr/bin") for name in DAEMONS
)

SWEEP = [
    "-m",
    "rule=bp,fa,shallow",
    "optimizer.learning_rate=0.002,0.005,0.008,0.01",
    "batch_size=1,2",
    "steps=200",
    "seeds=3",
]


def results(folder: Path) -> dict[str, bytes]:
    """The files that must be the same, by run and name."""
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in folder.rglob("*.csv")}


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The CSVs of 24 runs, one after the other."""
    folder = tmp_path_factory.mktemp("serial")
    done = run_command(folder, *SWEEP)
    assert done.returncode == 0 and "24 runs: 24 trained" in done.stdout, done.stderr
    found = results(folder)
    assert len(found) == 48
    return found


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_the_same_files_as_in_one_process(tmp_path, serial, launcher):
    """24 runs, and once more in one process: all had been finished."""
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.split('_')[0]}_launcher")
    done = run_command(tmp_path, *SWEEP, f"hydra/launcher={launcher}")
    assert done.returncode == 0 and "24 runs: 24 trained" in done.stdout, done.stderr
    assert results(tmp_path) == serial
    assert "24 runs: 24 finished before" in run_command(tmp_path, *SWEEP).stdout


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A SLURM of one node, started for these tests; its environment variables."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    if not has_slurm:
        pytest.skip("needs root and apt-get install slurmctld slurmd slurm-client munge")
    folder = tmp_path_factory.mktemp("slurm")
    with open(folder / "up.log", "w") as log:  # the daemons keep it open
        subprocess.run(
            [SLURM / "up.sh", folder],
            check=True,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
    yield {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{SLURM}:{os.environ['PATH']}"}
    subprocess.run([SLURM / "down.sh", folder], check=False, capture_output=True, timeout=60)


def test_the_same_files_on_slurm(tmp_path, serial, slurm):
    """The 24 runs as a job array of a real SLURM."""
    done = run_command(tmp_path, *SWEEP, "hydra/launcher=slurm", **slurm)
    assert done.returncode == 0 and "24 runs: 24 trained" in done.stdout, done.stdout + done.stderr
    assert results(tmp_path) == serial


def test_a_job_that_is_killed_hard_on_slurm(tmp_path, slurm):
    """Of an array of 4: the command ends with one line; typed again it finishes that run and leaves the others as they are."""
    words = [
        "-m",
        "rule=bp,fa",
        "seeds=2,3",
        "steps=300000",
        "record.every=1000",
        "record.checkpoint_seconds=0.2",
        "hydra/launcher=slurm",
    ]
    command = [str(Path(sys.executable).with_name("fa-run")), *words]
    sweep = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, **slurm},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while not (begun := list(tmp_path.rglob("checkpoint.npz"))):
        assert sweep.poll() is None and time.monotonic() < deadline, sweep.communicate()
        time.sleep(0.05)
    victims = subprocess.run(
        ["pgrep", "-f", "submitit.core._submit"], capture_output=True, text=True
    ).stdout.split()
    of_this_test = [int(pid) for pid in victims if Path(f"/proc/{pid}/cwd").resolve() == tmp_path]
    os.kill(of_this_test[-1], signal.SIGKILL)
    told, complaint = sweep.communicate(timeout=200)
    assert (
        sweep.returncode == 1
        and "Traceback" not in complaint
        and "type the same command again" in complaint
    ), told + complaint
    finished = {path: path.read_bytes() for path in tmp_path.rglob("*.csv")}
    assert len(list(tmp_path.rglob("done"))) == 3 and begun
    done = run_command(tmp_path, *words, **slurm)
    assert (
        done.returncode == 0 and "4 runs: " in done.stdout and "3 finished before" in done.stdout
    ), done.stdout + done.stderr
    assert len(list(tmp_path.rglob("done"))) == 4 and all(
        path.read_bytes() == content for path, content in finished.items()
    )


def test_failures_are_told_by_whoever_they_befell(tmp_path):
    """A run that diverges in another process: one line here, the others finished, exit status 1."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    done = run_command(
        tmp_path,
        "-m",
        "hydra/launcher=joblib",
        "optimizer.learning_rate=0.01,10",
        "steps=200",
        "seeds=2",
    )
    assert done.returncode == 1 and "2 runs: " in done.stdout and "1 trained" in done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert "diverged before step 200" in line


def test_an_engine_that_is_not_installed(fa_run):
    """What to install."""
    done = fa_run("-m", "steps=10", "hydra.launcher._target_=hydra_plugins.absent.Launcher")
    assert (
        done.returncode == 1
        and "Traceback" not in done.stderr
        and "pip install 'fa-run[" in done.stderr
    )


def test_optuna_keeps_its_study(tmp_path):
    """Two trials, and two more in the same study."""
    optuna = pytest.importorskip("optuna")
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    (tmp_path / "outputs").mkdir()
    words = ["+sweep=tune_fa", "hydra.sweeper.n_trials=2", "epochs=1"]
    for count in (2, 4):
        done = run_command(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        study = optuna.load_study(
            study_name="tune_fa", storage=f"sqlite:///{tmp_path}/outputs/tune_fa.db"
        )
        assert len(study.trials) == count and all(0 < trial.value < 100 for trial in study.trials)
