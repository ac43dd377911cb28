"""A wheel built from the tree works from any folder, configs and data included."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path


def test_wheel_works_away_from_the_checkout(tmp_path):
    """Built, unpacked elsewhere and run from a third folder: it trains, on the embedded digits too."""
    root, unpacked, elsewhere = Path(__file__).parents[1], tmp_path / "site", tmp_path / "elsewhere"
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(root),
    ]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(unpacked)
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "PYTHONSAFEPATH": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import fa_cli; print(fa_cli.__file__)"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(unpacked))
    run = [sys.executable, "-m", "fa_cli.cli", "experiment=debug"]
    done = subprocess.run(
        run, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "outputs" / "debug" / "rule=fa" / "done").exists()
