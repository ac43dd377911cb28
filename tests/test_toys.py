"""A new rule, layer, dataset, metric, figure or model is one file and a YAML, and touches no other.

Each is tried with a toy, dropped into a copy of the package.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT, TOYS = Path(__file__).parents[1], Path(__file__).with_name("toys")
ROOMS = {
    "rule": "rules",
    "layer": "layers",
    "dataset": "data",
    "metric": "probes",
    "figure": "figures",
    "model": "models",
}
YAML = {  # file below conf/, its text
    "rule": ("rule/toy.yaml", "name: toy\ngain: 1.0\n"),
    "layer": ("model/toy.yaml", "sizes: null\nlayers: [64, {kind: toy}, 20, 10]\nbiases: true\n"),
    "dataset": ("dataset/toy.yaml", "name: toy\nfactor: 2.0\n"),
    "model": ("model/toy.yaml", "name: toy\nsizes: [64, 20, 10]\ngain: 2.0\n"),
}
WORDS = {
    "rule": "experiment=debug rule=toy rule.gain=0.5",
    "layer": "model=toy dataset=digits rule=kolen_pollack steps=50 batch_size=5",
    "dataset": "dataset=toy dataset.factor=3 model.sizes=[8,8] steps=50",
    "metric": "experiment=debug record.metrics=[loss,toy]",
    "figure": "experiment=debug hydra.run.dir=outputs/toy/run",
    "model": "experiment=debug model=toy",
}


@pytest.fixture
def tree(tmp_path) -> Path:
    """A copy of the package and its configs."""
    for name in ("fa_cli", "conf"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / "tree" / name, ignore=ignore)
    return tmp_path / "tree"


def add_toy(kind: str, tree: Path) -> None:
    """One file, and a YAML where its kind has some."""
    shutil.copy(TOYS / f"{kind}.py", tree / "fa_cli" / ROOMS[kind] / "toy.py")
    if kind in YAML:
        name, text = YAML[kind]
        (tree / "conf" / name).write_text(text)


def run(tree: Path, *words: str) -> str:
    """The command of that copy."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "fa_cli", *words]
    pipes = {"capture_output": True, "text": True, "timeout": 100}
    done = subprocess.run(command, cwd=tree.parent, env=environment, **pipes)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", WORDS)
def test_one_file_is_all(tree, tmp_path, kind):
    """It runs, and its numbers are in the results."""
    add_toy(kind, tree)
    run(tree, *WORDS[kind].split())
    (path,) = tmp_path.rglob("metrics.csv")
    table = pd.read_csv(path)
    assert np.isfinite(table["loss"]).all()
    if kind == "metric":
        assert (table["toy_0"] > 0).all() and "toy_1" in table
    if kind == "figure":
        assert "toy.png" in run(tree, "plot", "figure=toy")
    if kind == "rule":
        assert "schematic_toy_2" in run(tree, "plot", "figure=schematic", "rule=toy")
    if kind in ("rule", "dataset"):
        assert table["loss"].iloc[-1] < table["loss"].iloc[0]
    if kind == "layer":
        assert "angle_w_b_1" in table
