"""A wheel built from the tree works from any folder, configs and data included."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from helpers import succeed


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
    python("-m", "fa_cli.cli", "experiment=debug")
    assert (elsewhere / "outputs" / "debug" / "rule=fa" / "done").exists()
