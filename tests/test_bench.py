"""`fa-run bench`: contenders are checked before they are timed, and ratios land on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fa_cli import bench, growth
from fa_cli.workloads import given, ours, workloads

PEERS = Path(__file__).parent / "benchmarks" / "peers"
LAZY = '''
def contenders(work, start):
    """Of a tool that does nothing."""
    return {"lazy": lambda: start.weights}
'''


def test_it_writes_times_and_ratios(fa_run, tmp_path):
    """A row for each contender and repeat, the table on the terminal, a plot, and what machine it was."""
    done = fa_run("bench", "only=fig3_batch20", "repeats=2", "peers=null")
    assert done.returncode == 0 and "bare BLAS" in done.stdout, done.stderr
    folder = tmp_path / "outputs" / "bench"
    assert {path.name for path in folder.iterdir()} == {"bench.csv", "bench.png", "machine.csv"}
    table = pd.read_csv(folder / "bench.csv")
    assert sorted(table["contender"]) == ["bare BLAS"] * 2 + ["fa-run"] * 2
    assert (table["us_per_step"] > 0).all() and "1 thread" in pd.read_csv(folder / "machine.csv")[
        "libraries"
    ][0]


def test_a_peer_that_computes_something_else_is_not_timed(fa_run, tmp_path):
    (tmp_path / "with_json.py").write_text(LAZY)
    (tmp_path / "with_absent.py").write_text("import absent\n")
    done = fa_run("bench", "only=fig2", "repeats=1", f"peers={tmp_path}")
    assert done.returncode == 1 and "with_absent.py: left out" in done.stdout
    assert "lazy does not compute the same as fa-run on fig2" in done.stderr


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("only=fig9", "choose from: fig2"),
        ("peers=nowhere", "no such folder"),
        ("repeats=0", "repeats=0: expected a whole number"),
    ],
)
def test_mistakes_are_told_in_one_line(fa_run, word, told):
    done = fa_run("bench", "only=fig2", "peers=null", word)
    assert done.returncode == 1 and told in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("name", ["fig2", "fig3d_batch100", "fig3_batch20"])
def test_peers_end_with_the_same_weights(library, name):
    """After a few steps, to rounding."""
    pytest.importorskip(library)
    work = next(work for work in workloads(cores=1) if work.name == name)._replace(steps=5)
    contenders, start = bench.contenders_of(PEERS / f"with_{library}.py"), given(work)
    bench.agree(work, {bench.OURS: ours(work, start)} | contenders(work, start))


def test_pytorch_spikes_as_this_project_does():
    """The network of Fig. 4, small, in float64."""
    pytest.importorskip("torch")
    work = next(work for work in workloads(cores=2) if work.name == "fig4")
    small = work.dynamics._replace(population=2, streams=10)
    work = work._replace(
        sizes=(12, 20, 15, 20), batch_size=10, dtype="float64", rate=0.1, dynamics=small
    )
    start = given(work)
    contenders = {bench.OURS: ours(work, start)} | bench.contenders_of(PEERS / "with_torch.py")(
        work, start
    )
    assert abs(contenders[bench.OURS]()[0] - start.weights[0]).max() > 0.05
    bench.agree(work, contenders)


def test_growth_is_measured_and_its_exponent_found(monkeypatch):
    monkeypatch.setattr(growth, "EXAMPLES", 40)
    monkeypatch.setattr(growth, "GROWN", {"seeds": ([1, 8], growth.GROWN["seeds"][1])})
    table = growth.measure(repeats=1)
    assert list(table["value"]) == [1, 8] and 4 < table["peak_mb"][1] / table["peak_mb"][0] < 12
    assert growth.slope(
        np.array([1, 2, 4, 8, 16]), 3 * np.array([1, 2, 4, 8, 16]) ** 2.0
    ) == pytest.approx(2)
