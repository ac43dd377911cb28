"""Sweeps on every engine: the same files as in one process, nothing done twice, nothing lost."""

import os
import re
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers import interrupted, run_command, run_here, start_command, succeed, told

from fa_cli import clusters

SWEEP = ["-m", "rule=bp,fa,shallow", "batch_size=1,2", "steps=200", "seeds=3"]


def results(folder: Path) -> dict[str, bytes]:
    """The files that must be the same, by run and name."""
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in folder.rglob("*.csv")}


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The CSVs of 6 runs, one after the other."""
    folder = tmp_path_factory.mktemp("serial")
    assert "6 runs: 6 trained" in succeed(run_command(folder, *SWEEP))
    found = results(folder)
    assert len(found) == 12
    return found


@pytest.mark.parametrize("launcher", ["cores", "submitit_local", "ray_cores"])
def test_the_same_files_as_in_one_process(tmp_path, serial, launcher):
    """6 runs, and once more in one process: all had been finished."""
    plugin = {"cores": "joblib", "submitit_local": "submitit", "ray_cores": "ray"}[launcher]
    pytest.importorskip(f"hydra_plugins.hydra_{plugin}_launcher")
    said = succeed(run_command(tmp_path, *SWEEP, f"hydra/launcher={launcher}"))
    assert "6 runs: 6 trained" in said and results(tmp_path) == serial
    assert "6 runs: 6 finished before" in run_here(tmp_path, *SWEEP).stdout


def test_the_same_files_on_slurm(tmp_path, serial, slurm):
    """The 6 runs as a job array of a real SLURM."""
    said = succeed(run_command(tmp_path, *SWEEP, "hydra/launcher=slurm", **slurm))
    assert "6 runs: 6 trained" in said and results(tmp_path) == serial
    sent = re.match(r"6 jobs are in SLURM's queue as (\d+); logs: (.*)/\n", said)
    assert sent and len(list(tmp_path.glob(f"{sent[2]}/*_log.out"))) == 6


@pytest.mark.parametrize(
    ("typed", "words", "remedy"),
    [
        ("partition=nope", "Invalid partition name specified", "hydra.launcher.partition=NAME"),
        ("partition=short", "Requested time limit is invalid", "hydra.launcher.timeout_min="),
        ("cpus_per_task=9999", "More processors requested", "hydra.launcher.cpus_per_task="),
        ("mem_gb=99999", "Memory specification can not be satisfied", "hydra.launcher.mem_gb="),
        ("constraint=nope", "Invalid feature specification", "hydra.launcher.KEY=VALUE"),
    ],
)
def test_jobs_that_slurm_refuses(tmp_path, slurm, typed, words, remedy):
    """One line: SLURM's words, and what to type in place of what was typed."""
    options = ["rule=bp,fa", "steps=20", "hydra/launcher=slurm", f"hydra.launcher.{typed}"]
    told(run_command(tmp_path, "-m", *options, **slurm), "SLURM refused", words, remedy)


def test_more_runs_than_a_job_array_takes(tmp_path, slurm):
    """Refused as one array of 8, with what to type; as two arrays of 4 they are trained."""
    words = ["-m", "rule=bp,fa", "steps=20,30,40,50", "seeds=1", "hydra/launcher=slurm"]
    remedy = "type hydra.sweeper.max_batch_size=N"
    told(run_command(tmp_path, *words, **slurm), "Invalid job array specification", remedy)
    done = run_command(tmp_path, *words, "hydra.sweeper.max_batch_size=4", **slurm)
    assert "8 runs: 8 trained" in succeed(done)


def test_a_sweep_that_waits_in_the_queue(tmp_path, slurm):
    """It is not sent again, whatever the launcher is told; another one is."""
    words = ["-m", "rule=bp,fa", "steps=20", "seeds=1", "hydra/launcher=slurm"]
    later = "+hydra.launcher.additional_parameters.begin=now+1hour"
    sweep = start_command(tmp_path, *words, later, **slurm)
    assert "2 jobs are in SLURM's queue as" in (sweep.stdout.readline() if sweep.stdout else "")
    told(run_command(tmp_path, *words, **slurm), "in SLURM's queue already", "type `scancel ")
    assert "2 runs: 2 trained" in succeed(run_command(tmp_path, *words, "seeds=2", **slurm))
    sweep.send_signal(signal.SIGINT)
    _, complaint = sweep.communicate(timeout=60)
    assert "stopped waiting; the jobs go on: `scancel " in complaint
    subprocess.run(["scancel", "--me"], check=True, env={**os.environ, **slurm})


def test_a_time_limit_that_leaves_no_time(tmp_path):
    """One minute, two of which are for the checkpoint: told before anything is sent."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    (tmp_path / "srun").write_text("#!/bin/sh\n")
    (tmp_path / "srun").chmod(0o755)
    words = ["-m", "rule=bp,fa", "hydra/launcher=slurm", "hydra.launcher.timeout_min=1"]
    done = run_command(tmp_path, *words, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    told(done, "timeout_min=1: ", "type hydra.launcher.timeout_min=3 or more")


def test_a_key_that_slurm_does_not_take(tmp_path, slurm):
    """Where its keys are listed."""
    words = ["-m", "steps=20", "hydra/launcher=slurm", "+hydra.launcher.nope=1"]
    told(run_command(tmp_path, *words, **slurm), "no hydra.launcher.nope", "--cfg hydra")


def test_a_machine_without_slurm(tmp_path):
    """What to type there."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    words = ["-m", "rule=bp,fa", "steps=20", "hydra/launcher=slurm"]
    told(run_command(tmp_path, *words, PATH=str(tmp_path)), "no SLURM", "hydra/launcher=cores")


def jobs_in(folder: Path) -> list[int]:
    """The processes of submitit's jobs that work in a folder."""
    words = ["pgrep", "-f", "submitit.core._submit"]
    found = subprocess.run(words, capture_output=True, text=True).stdout.split()
    return [int(pid) for pid in found if Path(f"/proc/{pid}/cwd").resolve() == folder]


def others_end(slurm: dict[str, str]) -> None:
    """Wait until no job is in the queue: the command ends when one is lost, its others go on."""
    deadline = time.monotonic() + 200
    words = ["squeue", "--me", "--noheader"]
    while subprocess.run(words, capture_output=True, env={**os.environ, **slurm}).stdout:
        assert time.monotonic() < deadline, "jobs that do not end"
        time.sleep(0.5)


def test_a_job_that_is_killed_hard_on_slurm(tmp_path, slurm):
    """Of an array of 4: one line; typed again it finishes that run and leaves the others alone."""
    words = ["-m", "rule=bp,fa", "seeds=2,3", "steps=300000", "record.every=1000"]
    words += ["record.checkpoint_seconds=0.2", "hydra/launcher=slurm"]
    sweep = start_command(tmp_path, *words, **slurm)
    deadline = time.monotonic() + 100
    while not list(tmp_path.rglob("checkpoint.npz")):
        assert sweep.poll() is None and time.monotonic() < deadline, sweep.communicate()
        time.sleep(0.05)
    os.kill(jobs_in(tmp_path)[-1], signal.SIGKILL)
    _, complaint = sweep.communicate(timeout=200)
    assert sweep.returncode == 1 and "Traceback" not in complaint, complaint
    lost, *rest = complaint.splitlines()
    assert "was lost (" in lost and "type the same command again" in lost
    (log,) = re.findall(r"its log is (\S+_log.err);", lost)
    assert (tmp_path / log).is_file()
    assert any(
        line.startswith("fa-run: outputs/linear/rule=") and line.endswith(f"its log is {log}")
        for line in rest
    )
    others_end(slurm)
    finished = {path: path.read_bytes() for path in tmp_path.rglob("*.csv")}
    assert len(list(tmp_path.rglob("done"))) == 3
    said = succeed(run_command(tmp_path, *words, **slurm))
    assert "4 runs: " in said and "3 finished before" in said
    assert len(list(tmp_path.rglob("done"))) == 4
    assert {path: path.read_bytes() for path in finished} == finished


def test_a_job_that_is_lost_before_it_began():
    """It has no log that could be named."""
    text = "Job 3_1 (task: 0) with path /gone/3_1_0_result.pkl\nhas not produced any output"
    told = clusters.in_one_line(RuntimeError(f"{text} (state: CANCELLED)"))
    assert "job 3_1 was lost (CANCELLED), without a log; none is left" in told


def test_a_cluster_that_does_not_answer():
    """There is nothing to type differently."""
    said = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (..)"
    assert clusters.refusal([said]).endswith("then type the same command")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("n_jobs=0", "cannot begin (n_jobs == 0"),
        ("batch_size=0", "cannot begin (batch_size must be"),
        ("n_jobs=all", "hydra.launcher.n_jobs=all: expected a whole number"),
        ("timeout=0.000001", "a run was lost (TimeoutError)"),
    ],
)
def test_what_joblib_does_not_take(tmp_path, typed, words):
    """One line."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = ["-m", "seeds=1,2", "steps=20", "hydra/launcher=cores"]
    done = run_here(tmp_path, *sweep, f"hydra.launcher.{typed}")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert words in done.stderr.splitlines()[0]


def test_failures_are_told_by_whoever_they_befell(tmp_path):
    """A run that diverges in another process: one line here, the others finished, exit status 1."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["-m", "hydra/launcher=joblib", "optimizer.learning_rate=0.01,10"]
    done = run_command(tmp_path, *words, "steps=200", "seeds=2")
    told(done, "diverged before step 200")
    assert "2 runs: " in done.stdout and "1 trained" in done.stdout


def test_an_engine_that_is_not_installed(tmp_path):
    """What to install."""
    words = ["-m", "steps=10", "hydra.launcher._target_=hydra_plugins.absent.Launcher"]
    told(run_here(tmp_path, *words), "pip install 'fa-run[")


def test_a_ready_config_whose_engine_is_not_installed(tmp_path):
    """What to install."""
    if find_spec("hydra_plugins.hydra_ray_launcher"):
        pytest.skip("Ray is installed")
    told(run_here(tmp_path, "-m", "hydra/launcher=ray_cores"), "pip install 'fa-run[ray]'")


def study_in(folder: Path):
    """The study of `+sweep=tune_fa` below a folder."""
    optuna = pytest.importorskip("optuna")
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    storage = f"sqlite:///{folder}/outputs/tune_fa.db"
    return optuna.load_study(study_name="tune_fa", storage=storage)


@pytest.mark.parametrize("word", ["hydra.sweeper.n_trials=1", "hydra.sweeper.storage=nope"])
def test_a_study_that_cannot_be_used(tmp_path, word):
    """A damaged database, or none: one line from the sweep and from the figure."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "tune_fa.db").write_text("junk")
    told(run_command(tmp_path, "+sweep=tune_fa", word), "the study cannot be used")
    told(run_command(tmp_path, "plot", "figure=study"), "tune_fa.db is no database of studies")


def test_a_study_of_no_trials(tmp_path):
    """None of them is the best."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    done = run_command(tmp_path, "+sweep=tune_fa", "hydra.sweeper.n_trials=0")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "type hydra.sweeper.n_trials=N" in done.stderr.splitlines()[-1]  # after Optuna's words


def test_what_optuna_refuses(tmp_path):
    """A mistake that it meets in its own code, after its own words."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    words = ["-m", "hydra/sweeper=optuna", "optimizer.learning_rate=interval(0.1,0.001)"]
    done = run_command(tmp_path, *words)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "low=0.1, high=0.001" in done.stderr.splitlines()[-1]


def test_a_trial_that_is_interrupted_goes_on(tmp_path):
    """The same command queues it again, with its parameters: its run is finished, no trial lost."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    words = ["+sweep=tune_fa", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1", "epochs=30"]
    words += ["backend.compiled=false", "record.checkpoint_seconds=0.1"]
    complaint = interrupted(tmp_path, *words)
    assert "the same command goes on from there" in complaint and "Traceback" not in complaint
    (stopped,) = tmp_path.rglob("checkpoint.npz")
    succeed(run_command(tmp_path, *words))
    assert (stopped.parent / "done").exists()
    first, *others = study_in(tmp_path).trials
    assert [trial.state.name for trial in (first, *others)] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert others[1].params == first.params


def test_optuna_keeps_its_study(tmp_path):
    """A trial, and another one in the same study."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    words = ["+sweep=tune_fa", "hydra.sweeper.n_trials=1", "epochs=1"]
    for count in (1, 2):
        succeed(run_command(tmp_path, *words))
        trials = study_in(tmp_path).trials
        assert len(trials) == count and all(0 < trial.value < 100 for trial in trials)
    assert "study.png" in succeed(run_command(tmp_path, "plot", "figure=study"))
