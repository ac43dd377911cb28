"""Every YAML file composes, and every experiment runs tiny and writes a proper CSV."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import needs_mnist, run_command
from hydra import compose, initialize_config_dir

from fa_cli import config

GROUPS = ("model", "rule", "dataset", "backend", "optimizer", "experiment", "sweep")
OPTIONS = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((config.FOLDER / group).glob("*.yaml"))
]
EXPERIMENTS = [name for group, name in OPTIONS if group == "experiment"]
HEAVY = {
    "fig5": "phases=[{steps:4}]",
    "fig5_phases": "phases=[{steps:4}]",
    "figS14": "phases=[{rule:bp,steps:2},{rule:fa,steps:2}]",
}
HEAVY |= {"fig4_spiking": "model.sizes=[784,30,20,20,1000]"}
ON_MNIST = ("fig3_mnist", "fig3_sparse", "fig4_spiking")


@pytest.fixture(scope="module", autouse=True)
def registered():
    config.register()


def composed(*words):
    with initialize_config_dir(str(config.FOLDER), version_base="1.3"):
        return compose("config", overrides=list(words))


@pytest.mark.parametrize(("group", "name"), OPTIONS, ids=map("=".join, OPTIONS))
def test_every_file_composes(group, name):
    """Each option of each group, on the default experiment; experiments pass all checks of a run as well."""
    cfg = composed(f"{'+' if group == 'sweep' else ''}{group}={name}")
    if group == "experiment":
        config.check(config.resolve(cfg, []))


def test_no_config_names_code():
    """Names resolve through registries: no file of conf/ has an import to run."""
    for path in Path(config.FOLDER).rglob("*.yaml"):
        assert "_target_" not in path.read_text(), path


def test_per_rule_settings():
    """An experiment's setting for each algorithm, and its value for a rule that it does not know."""
    rates = {
        rule: config.resolve(composed(f"rule={rule}"), [])["optimizer"]["learning_rate"]
        for rule in ("bp", "shallow", "dfa")
    }
    assert rates == {"bp": 0.01, "shallow": 6, "dfa": 0.01}
    assert config.resolve(composed("experiment=fig3_mnist", "rule=bp"), [])["model"][
        "weight_scale"
    ] == [0.05, 0.5]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs_mnist) if n in ON_MNIST else n for n in EXPERIMENTS]
)
def test_every_experiment_runs(name, tmp_path):
    """A few steps of two seeds: the columns, the rows, and numbers in them."""
    length = HEAVY.get(name, "phases=[]")
    done = run_command(
        tmp_path, f"experiment={name}", "steps=4", "seeds=2", "record.every=2", length
    )
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.rglob("metrics.csv")
    table = pd.read_csv(path)
    assert list(table)[:5] == ["seed", "step", "epoch", "examples", "phase"]
    assert table["seed"].tolist() == [0, 0, 0, 1, 1, 1] and table["step"].tolist() == [0, 2, 4] * 2
    measured = table["nse"] if "nse" in table else table["loss"]
    assert measured.notna().all() and (measured >= 0).all()
