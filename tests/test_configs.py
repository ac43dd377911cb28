"""Every YAML file composes, and every experiment runs tiny and writes a proper CSV."""

from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from helpers import is_there, run_here, succeed
from omegaconf import OmegaConf
from small_data import small_files

from fa_cli import composing, config, schema
from fa_cli.data import DATASETS
from fa_cli.schema import RunConfig

PARTS = ("model", "rule", "dataset", "backend", "optimizer")  # groups of a run
THREE = "model.sizes=[784,30,20,20,10]"
LOCAL = "model.layers=[[1,28,28],{kind:local,maps:1,field:16},20,20,10]"
LARGER = "model.layers=[[1,32,32],{kind:local,maps:1,field:20},20,20,20,10]"
SMALLER = {
    **{f"fig4_{kind}": "model.sizes=[784,30,20,20,1000]" for kind in ("spiking", "stream")},
    "note5_local": LOCAL,
    "note5_distorted": LOCAL,
    "note5_deep": "model.sizes=[784,20,20,20,20,20,20,20,20,20,20,10]",
    **{
        f"note5_{kind}": THREE
        for kind in ("tanh", "small", "dropout", "piecewise", "relu", "decay")
    },
    **{f"note5_{kind}": THREE for kind in ("fashion", "back_image", "back_image_synthetic")},
    "note6_tanh": "model.sizes=[1024,30,20,20,20,10]",
    "note6_local": LARGER,
    "note6_piecewise": LARGER,
    "note7": "model.sizes=[39,30,20,20,6]",
    "note9_narrow": "model.sizes=[784,30,10,30,784]",
    "note9_wide": "model.sizes=[784,30,30,30,30,30,784]",
}


def files_of(groups: Iterable[str]) -> list[str]:
    """`dataset=teacher` and the like: every option of some groups."""
    found = []
    for group in groups:
        files = sorted((schema.FOLDER / group.lstrip("+")).glob("*.yaml"))
        found += [f"{group}={path.stem}" for path in files]
    return found


@cache
def composed(*words: str) -> dict:
    """The config of a run that these words compose, as plain values; nothing is checked yet."""
    with composing.apart():
        whole = composing.compose(words)
        own = OmegaConf.masked_copy(whole, [key for key in whole if key != "hydra"])
        return OmegaConf.to_container(own, resolve=True)


def checked(plain: dict) -> RunConfig:
    """The run of a composed config, as the command checks it."""
    return config.check(config.resolve(OmegaConf.create(plain), []))


@pytest.mark.parametrize("file", files_of([*PARTS, "experiment", "+sweep"]))
def test_every_file_composes(file):
    """Each option of each group, on the default experiment, to a config that passes all checks."""
    checked(composed(file))


@pytest.mark.quick
def test_no_config_names_code():
    """Names resolve through registries: no file of conf/ has an import to run."""
    for path in schema.FOLDER.rglob("*.yaml"):
        assert "_target_" not in path.read_text(), path


@pytest.mark.quick
def test_per_rule_settings():
    """An experiment's setting for each algorithm, and its value for a rule it does not know."""
    for rule, rate in {"bp": 0.01, "shallow": 6, "dfa": 0.01}.items():
        assert composed(f"rule={rule}")["optimizer"]["learning_rate"] == rate
    composing.tell_hydra()
    scale = "${per_rule:{bp:[0.05,0.5],other:0.05}}"
    for rule, expected in {"bp": [0.05, 0.5], "fa": 0.05}.items():
        assert OmegaConf.create({"rule": {"name": rule}, "scale": scale}).scale == expected


def short_phases(experiment: str) -> list[dict]:
    """The phases of an experiment, each of them a single step."""
    short = []
    for phase in composed(experiment)["phases"]:
        kept = {key: value for key, value in phase.items() if key in ("rule", "freeze")}
        short.append(kept | {"steps": 1})
    return short


def dataset_of(experiment: str) -> str:
    """The name of an experiment's dataset."""
    return composed(experiment)["dataset"]["name"]


@pytest.mark.parametrize("experiment", files_of(["experiment"]))
def test_every_experiment_runs(experiment, tmp_path):
    """Two steps of two seeds, or one of each phase: the columns, the rows, and numbers in them."""
    dataset = DATASETS[dataset_of(experiment)]  # composed here: all would be slow to collect
    if dataset.fetched and not is_there(dataset.fetched.name):
        pytest.skip(f"FA_DATA_DIR holds no {dataset.fetched.name}/")
    name, phases = experiment.split("=")[1], short_phases(experiment)
    words = [experiment, "seeds=2", "steps=2", "record.every=2"]
    if name in SMALLER:
        words.append(SMALLER[name])
    if dataset.by_hand:
        words += [f"data_dir={small_files()}", "batch_size=10"]
    done = run_here(tmp_path, *words, f"phases={phases}".replace("'", ""))
    succeed(done)
    assert ("steps=2 is no length" in done.stderr) == bool(phases)
    (path,) = tmp_path.rglob("metrics.csv")
    table = pd.read_csv(path)
    assert list(table)[:5] == ["seed", "step", "epoch", "examples", "phase"]
    ends = table.groupby("seed")["step"].agg(["min", "max"])
    assert ends.to_numpy().tolist() == [[0, len(phases) or 2]] * 2
    assert table["phase"].max() == max(0, len(phases) - 1)
    measured = table["nse" if "nse" in table else "loss"]
    assert np.isfinite(measured).all() and (measured >= 0).all()
