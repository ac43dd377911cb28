"""Nothing is written or deleted where it must not be."""

import os
import subprocess
from pathlib import Path

import pytest
from helpers import FA_RUN, run_command, run_here, snapshot, succeed, told

from fa_cli.errors import UserError
from fa_cli.folders import folder_of
from fa_cli.results import runs
from fa_cli.results.reading import damaged, unreadable


@pytest.mark.parametrize(
    "words", [["outputs="], ["outputs=null"], ["-m", "outputs=", "steps=9,10"]]
)
def test_no_folder_is_no_folder(here, tmp_path, words):
    """A variable that is not set, as in outputs=$NOWHERE: nothing is written to the root."""
    told(here(*words, "seeds=1"), "expected a folder: type outputs=DIR")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("subcommand", ["plot", "report", "runs"])
def test_nor_of_results(here, subcommand):
    """The same of what is read."""
    told(here(subcommand, "results="), "results=: expected a folder: type results=DIR")


def test_home(tmp_path):
    """`~` is the home folder, in every key that names a folder and in FA_DATA_DIR."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    here = {"HOME": str(home), "FA_DATA_DIR": "~/images"}
    succeed(run_command(work, "outputs=~/mine", "steps=10", "seeds=1", **here))
    assert len(list(home.glob("mine/*/*/done"))) == 1 and not list(work.iterdir())
    assert "done" in succeed(run_here(work, "runs", "results=~/mine", **here))
    assert f"{home}/images/mnist" in succeed(run_here(work, "data", **here))
    assert f"{home}/other/mnist" in succeed(run_here(work, "data", "data_dir=~/other", **here))
    assert not list(work.iterdir())


@pytest.mark.parametrize("name", ["ä ö", "Bob's #3 (neu)", "a,b={x}", r"a\b"])
def test_any_name(tmp_path, name):
    """As a shell hands it over: nobody has to know what Hydra would read in it."""
    (tmp_path / name).mkdir()
    succeed(run_here(tmp_path, f"outputs={name}", "steps=9", "seeds=1"))
    (run,) = tmp_path.glob("*/*/*/done")
    assert run.parents[2].name == name
    assert "done" in succeed(run_here(tmp_path, "runs", f"results={name}"))
    assert "done" in succeed(run_here(tmp_path, "runs", f"results={run.parent}"))


def test_results_that_one_may_only_read(tmp_path):
    """Figures and report of them go where `outputs` says."""
    succeed(
        run_here(tmp_path, "experiment=fig2", "rule=fa", "steps=30", "seeds=1", "outputs=theirs")
    )
    (run,) = tmp_path.glob("theirs/fig2/*")
    run.rename(run.with_name("rule=fa"))  # as claims have it
    before = snapshot(tmp_path / "theirs")
    succeed(run_here(tmp_path, "plot", "figure=fig2", "results=theirs", "outputs=mine"))
    succeed(run_here(tmp_path, "report", "results=theirs", "outputs=mine"))
    text = (tmp_path / "mine" / "report.html").read_text()
    assert "data:image" in text and "NumPy" in text
    made = {path.name for path in (tmp_path / "mine").rglob("*.*")}
    assert made == {"fig2.png", "report.csv", "report.md", "report.html"}
    assert snapshot(tmp_path / "theirs") == before


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_what_may_not_be_read(tmp_path):
    """It is whole: nobody is to train it again."""
    succeed(run_here(tmp_path, "steps=9", "seeds=1"))
    (path,) = tmp_path.rglob("metrics.csv")
    path.chmod(0)
    told(run_here(tmp_path, "export"), "metrics.csv cannot be read: Permission denied")
    assert "unreadable" in succeed(run_here(tmp_path, "runs"))
    path.parent.chmod(0)
    done = run_here(tmp_path, "runs")
    path.parent.chmod(0o755)
    assert "is left out, it cannot be read: Permission denied" in done.stderr


@pytest.mark.quick
def test_what_is_told_of_what_may_not_be_read(capsys):
    """Of a file of a run, and of a folder of runs."""
    refused = PermissionError(13, "Permission denied", "x")
    assert str(damaged(Path("run"), refused)) == "x cannot be read: Permission denied"
    unreadable(refused)
    assert capsys.readouterr().err == (
        "fa-run: x is left out, it cannot be read: Permission denied\n"
    )


@pytest.mark.quick
def test_a_run_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    """In the list of runs; also where nothing is closed to root, who runs this."""

    def closed(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    (tmp_path / "config.yaml").touch()
    monkeypatch.setattr(runs, "read_config", closed)
    assert runs.look(tmp_path).status == "unreadable"


def test_a_folder_that_has_been_deleted(tmp_path):
    """Of the shell: every command says what is wrong."""
    gone = f"mkdir gone; cd gone; rmdir ../gone; {FA_RUN} runs results={tmp_path}"
    done = subprocess.run(["bash", "-c", gone], cwd=tmp_path, capture_output=True, text=True)
    told(done, "has been deleted: cd into another one")


@pytest.mark.quick
@pytest.mark.parametrize("value", ["", " ", None, True, []])
def test_what_is_no_folder(value):
    """Whatever kind of nothing it is."""
    with pytest.raises(UserError, match="expected a folder: type outputs=DIR"):
        folder_of("outputs", value)
    assert str(folder_of("outputs", 2026)) == "2026"


def test_a_study_finds_its_folder(tmp_path):
    """Optuna's database needs no folder made by hand."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    succeed(run_command(tmp_path, "+sweep=tune_fa", "hydra.sweeper.n_trials=1", "epochs=1"))
    assert (tmp_path / "outputs" / "tune_fa.db").exists()


@pytest.mark.parametrize("name", ["arrays.npz", "config.yaml", "summary.csv", "failed.npz"])
def test_anothers_files_are_left_alone(here, tmp_path, name):
    """A folder that is no run's, with files that a run would write over: named, and untouched."""
    (tmp_path / name).write_text("keep")
    done = here("hydra.run.dir=.", "steps=5", "seeds=1")
    if name == "failed.npz":  # no run writes it
        succeed(done)
    else:
        told(done, f"holds {name}, which is no run's", "hydra.run.dir=DIR")
    assert (tmp_path / name).read_text() == "keep"
