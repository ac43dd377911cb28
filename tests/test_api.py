"""From Python: `fa_cli.load` and `fa_cli.run`, and that neither leaves anything behind."""

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
import threadpoolctl
from helpers import run_command, succeed
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from rich.console import Console

import fa_cli
from fa_cli import terminal

DEBUG = ("experiment=debug", "steps=10", "record.every=5")
READERS = (
    "fa_cli.results.reading",
    "fa_cli.results.runs",
    "fa_cli.claims.report",
    "fa_cli.figures",
)
TRAINERS = (
    "network",
    "backend",
    "train",
    "optimizer",
    "experiment",
    "probes",
    "models",
    "compiled",
)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_is_the_commands_run(here):
    """The same folder and the same bytes; its tables are returned."""
    results = fa_cli.run(*DEBUG, "rule=bp")
    (folder,) = (path.parent for path in here.rglob("done"))
    assert folder == here / "outputs" / "debug" / "rule=bp,record.every=5,steps=10"
    succeed(run_command(here, *DEBUG, "rule=bp", "outputs=other"))
    (other,) = (here / "other").rglob("metrics.csv")
    assert (folder / "metrics.csv").read_bytes() == other.read_bytes()
    written = pd.read_csv(other)
    pd.testing.assert_frame_equal(results.metrics[list(written)], written)
    assert "finished before" in succeed(run_command(here, *DEBUG, "rule=bp"))
    again = fa_cli.run(*DEBUG, "rule=bp")  # read, not trained
    pd.testing.assert_frame_equal(again.metrics, results.metrics)


def test_a_notebook_sees_how_far_a_run_is(here, monkeypatch, capsys):
    """One line that changes, where there is no terminal for a bar; elsewhere nothing."""
    fa_cli.run(*DEBUG)
    assert "step" not in capsys.readouterr().out
    monkeypatch.setattr(terminal, "err", Console(stderr=True, force_jupyter=True))
    fa_cli.run(*DEBUG, "resume=false")
    assert re.search(r"\rstep 10 of 10  test_error \S+ *\n$", capsys.readouterr().out)


def test_words_come_one_by_one(here):
    """A list of them is told."""
    with pytest.raises(fa_cli.UserError, match="one by one"):
        fa_cli.run(["rule=fa"])


def test_runs_are_loaded_together(here):
    """Of one run, an experiment or all, with the keys that differ as columns."""
    for rule in ("bp", "fa"):
        fa_cli.run(*DEBUG, f"rule={rule}")
    found = fa_cli.load("outputs")
    assert set(found.metrics["rule"]) == {"bp", "fa"} and len(found.runs) == 2
    assert found.metrics.groupby("rule")["step"].max().tolist() == [10, 10]
    loss = found.summary.query("metric == 'loss'").set_index("rule")["mean"]
    assert (loss > 0).all() and found.runs[0].config["rule"]["name"] == "bp"
    with pytest.raises(fa_cli.UserError, match="no finished run in nowhere"):
        fa_cli.load("nowhere")


def global_state() -> dict:
    """What a run could leave behind in another person's process."""
    info = threadpoolctl.threadpool_info()
    return {
        "hydra": GlobalHydra.instance().is_initialized(),
        "store": sorted(ConfigStore.instance().repo),
        "resolver": OmegaConf.has_resolver("per_rule"),
        "blas": {lib["filepath"]: lib["num_threads"] for lib in info},
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)],
        "threads": threading.active_count(),
    }


def test_nothing_is_left_behind(here):
    """Hydra's state, resolvers, BLAS threads, signal handlers and threads are as they were."""
    fa_cli.run(*DEBUG)  # loads the libraries
    before = global_state()
    fa_cli.run(*DEBUG, "rule=bp", "model.sizes=[64,1200,300,10]")
    for wrong in ("rule=nope", "steps=-3", "model.sizs=3", "+sweep=fig2", "rule=bp,fa"):
        with pytest.raises(fa_cli.UserError):
            fa_cli.run(wrong)
    assert global_state() == before


def in_a_new_process(code: str, folder: Path) -> str:
    """What a piece of Python prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plot_backend_is_the_persons(here):
    """Neither importing the figures nor a run chooses one."""
    code = """
import matplotlib
matplotlib.use("svg")
import fa_cli, fa_cli.figures
fa_cli.run("experiment=debug", "steps=10")
print(matplotlib.get_backend())
"""
    assert in_a_new_process(code, here).split()[-1] == "svg"


@pytest.mark.parametrize("module", READERS)
def test_reading_imports_no_training(here, module):
    """Results stand alone: no network, backend or trainer, nor Hydra."""
    code = f"""
import sys, pkgutil, importlib
import {module} as module
for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
    importlib.import_module(f"{module}.{{found.name}}")
trained = [name for name in {TRAINERS} if f"fa_cli.{{name}}" in sys.modules]
print(trained, "hydra" in sys.modules, "numba" in sys.modules)
"""
    assert in_a_new_process(code, here).strip() == "[] False False"


def test_within_another_hydra_application(here):
    """Whose own state is there again afterwards."""
    (here / "conf").mkdir()
    (here / "conf" / "config.yaml").write_text("mine: 7\n")
    (here / "app.py").write_text(
        """
import fa_cli, hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    results = fa_cli.run("experiment=debug", "steps=10")
    print(cfg.mine, HydraConfig.get().job.name, len(results.metrics))

main()
"""
    )
    done = subprocess.run([sys.executable, "app.py"], cwd=here, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-3:] == ["7", "app", "4"]
