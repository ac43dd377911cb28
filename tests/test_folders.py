"""Nothing is written or deleted where it must not be."""

import pytest
from helpers import run_command, run_here, succeed, told

from fa_cli.errors import UserError
from fa_cli.folders import folder_of


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
