"""A wheel built from the tree works from any folder, configs and data included."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import yaml
from helpers import succeed

import fa_cli


def test_wheel_works_away_from_the_checkout(tmp_path):
    """Built, unpacked elsewhere and run from a third folder: it trains on the embedded digits."""
    root, unpacked, elsewhere = Path(__file__).parents[1], tmp_path / "site", tmp_path / "elsewhere"
    words = ["build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(root)]
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(unpacked)
    elsewhere.mkdir()
    away = {"PYTHONPATH": str(unpacked), "PYTHONSAFEPATH": "1"}

    def python(*words: str) -> str:
        kept = {"cwd": elsewhere, "env": os.environ | away, "capture_output": True, "text": True}
        return succeed(subprocess.run([sys.executable, *words], **kept, timeout=120))

    assert python("-c", "import fa_cli; print(fa_cli.__file__)").startswith(str(unpacked))
    python("-m", "fa_cli", "experiment=debug")
    assert (elsewhere / "outputs" / "debug" / "rule=fa" / "done").exists()
    manifest = json.loads((elsewhere / "outputs/debug/rule=fa/manifest.json").read_text())
    if (root / ".git").exists():
        head = ["git", "-C", str(root), "rev-parse", "HEAD"]
        commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
        assert manifest["commit"] in (commit, f"{commit}+")
    python("-m", "fa_cli", "report")
    assert "<article" in (elsewhere / "outputs" / "report.html").read_text()
    assert "note9" in python("-m", "fa_cli", "paper", "list=true")
    (metadata,) = unpacked.glob("*.dist-info/METADATA")
    told = metadata.read_text()
    links = re.findall(r"\]\(([^)]+)\)", told)
    assert len(links) > 20 and all(link.startswith("https://") for link in links)
    for line in ("Author: The fa-run maintainers", "License-File: LICENSE", "Project-URL: Paper"):
        assert line in told


def test_one_version():
    """The package, its metadata and how to cite it say the same."""
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert fa_cli.__version__ == project["version"] == citation["version"]
    assert f"## {fa_cli.__version__}" in (root / "CHANGELOG.md").read_text()
