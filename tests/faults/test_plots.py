"""Drawing over good figures, and something happens: each file is the old figure or the new one."""

import os
import signal
import time
from pathlib import Path

import matplotlib.image
import pytest
from faults import count, generator
from helpers import run_command, run_here, start_command, succeed, told, wait_for
from test_disk import disk, fill

TINY = ["seeds=1", "backend.compiled=false"]
FIGURES = ["fig2", "sweep"]
PLOT = ["plot", f"figure=[{','.join(FIGURES)}]", "x=steps", "y=nse"]
NUMBERS = [signal.SIGKILL, signal.SIGTERM]
SLOW = """
import os, time
sync = os.fsync
os.fsync = lambda file: (time.sleep(0.3), sync(file))
"""


def drawn(folder: Path) -> dict[str, bytes]:
    """The figures in a folder of results, by name."""
    return {path.name: path.read_bytes() for path in (folder / "outputs/figures").glob("*.png")}


def unfinished(folder: Path) -> list[Path]:
    """What is half written there."""
    return [*folder.rglob(".*.tmp")]


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory):
    """A folder of results, its figures before its last run and after it, and a plot's seconds.

    Its disk is slow, so that figures are being written for a good part of that time.
    """
    folder = tmp_path_factory.mktemp("redrawn")
    (folder / "slow").mkdir()
    (folder / "slow" / "sitecustomize.py").write_text(SLOW)
    succeed(run_here(folder, "experiment=fig2", "steps=50,100", "-m", *TINY))
    succeed(run_here(folder, *PLOT))
    old = drawn(folder)
    succeed(run_here(folder, "experiment=fig2", "rule=bp", "steps=50", *TINY))
    began = time.monotonic()
    succeed(run_command(folder, *PLOT, PYTHONPATH="slow"))
    return folder, old, drawn(folder), time.monotonic() - began


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_a_plot_that_is_killed(redrawn, tell, number):
    """No figure is lost or in part, and the next plot leaves nothing but figures."""
    folder, old, new, seconds = redrawn
    assert len(old) == len(FIGURES) and all(old[name] != new[name] for name in new)
    rng, total, midway, writing, before = generator(2, number), count(1, 0.15), 0, 0, 0
    for attempt in range(total):
        for name, content in old.items():
            (folder / "outputs/figures" / name).write_bytes(content)
        plot = start_command(folder, *PLOT, PYTHONPATH="slow")
        if attempt:
            time.sleep(rng.uniform(0.5, 1) * seconds)
        else:
            wait_for(".fig2.png.*.tmp", folder, plot)
        plot.send_signal(number)
        _, complaint = plot.communicate(timeout=60)
        assert "Traceback" not in complaint, complaint
        left = drawn(folder)
        assert {*left} == {*old} and all(left[name] in (old[name], new[name]) for name in left)
        midway += plot.returncode != 0
        writing += len(unfinished(folder)) > before
        before = len(unfinished(folder))
    for name in new:
        assert matplotlib.image.imread(folder / "outputs/figures" / name).ndim == 3
    succeed(run_here(folder, *PLOT))
    assert drawn(folder) == new and not unfinished(folder)
    tell(
        f"{number.name}: {midway} of {total} plots were stopped, {writing} while they wrote a "
        "figure; every figure is the old one or the new one"
    )
    assert writing and midway >= total // 8  # the machine may be faster than it was


def test_two_plots_at_once(redrawn):
    """Neither removes what the other is writing."""
    folder, _, new, _ = redrawn
    plots = [start_command(folder, *PLOT, PYTHONPATH="slow") for _ in range(2)]
    for plot in plots:
        _, complaint = plot.communicate(timeout=100)
        assert plot.returncode == 0, complaint
    assert drawn(folder) == new and not unfinished(folder)


def test_a_disk_that_fills_while_a_figure_is_written(tmp_path):
    """It is told, the good figure stays; with room again it is drawn anew."""
    with disk(tmp_path / "outputs") as small:
        succeed(run_here(tmp_path, "experiment=fig2", "steps=50", *TINY))
        succeed(run_here(tmp_path, "plot", "figure=fig2"))
        old = drawn(tmp_path)
        succeed(run_here(tmp_path, "experiment=fig2", "rule=bp", "steps=50", *TINY))
        filler = fill(small)
        os.truncate(filler, filler.stat().st_size - 8192)  # a part of a figure
        told(run_here(tmp_path, "plot", "figure=fig2"), "No space left")
        assert drawn(tmp_path) == old and not unfinished(tmp_path)
        filler.unlink()
        succeed(run_here(tmp_path, "plot", "figure=fig2"))
        assert drawn(tmp_path) != old
