"""Sweeps on every engine: the same files as in one process, nothing done twice, nothing lost."""

from pathlib import Path

import pytest
from conftest import run_command

SWEEP = ["-m", "rule=bp,fa,shallow", "optimizer.learning_rate=0.002,0.005,0.008,0.01", "batch_size=1,2", "steps=200", "seeds=3"]


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
    """24 runs, and once more: all had been finished."""
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.split('_')[0]}_launcher")
    words = [*SWEEP, f"hydra/launcher={launcher}"]
    done = run_command(tmp_path, *words)
    assert done.returncode == 0 and "24 runs: 24 trained" in done.stdout, done.stderr
    assert results(tmp_path) == serial
    assert "24 runs: 24 finished before" in run_command(tmp_path, *words).stdout


def test_failures_are_told_by_whoever_they_befell(tmp_path):
    """A run that diverges in another process: one line here, the others finished, exit status 1."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    done = run_command(tmp_path, "-m", "hydra/launcher=joblib", "optimizer.learning_rate=0.01,10", "steps=200", "seeds=2")
    assert done.returncode == 1 and "2 runs: " in done.stdout and "1 trained" in done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert "diverged before step 200" in line


def test_an_engine_that_is_not_installed(fa_run):
    """What to install."""
    done = fa_run("-m", "steps=10", "hydra.launcher._target_=hydra_plugins.absent.Launcher")
    assert done.returncode == 1 and "Traceback" not in done.stderr and "pip install 'fa-run[" in done.stderr


def test_optuna_keeps_its_study(tmp_path):
    """Two trials, and two more in the same study."""
    optuna = pytest.importorskip("optuna")
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    (tmp_path / "outputs").mkdir()
    words = ["+sweep=tune_fa", "hydra.sweeper.n_trials=2", "epochs=1"]
    for count in (2, 4):
        done = run_command(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        study = optuna.load_study(study_name="tune_fa", storage=f"sqlite:///{tmp_path}/outputs/tune_fa.db")
        assert len(study.trials) == count and all(0 < trial.value < 100 for trial in study.trials)
