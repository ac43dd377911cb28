"""`fa-run bench`: contenders are checked before they are timed, and ratios land on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fa_cli.backend import NumpyBackend
from fa_cli.bench import drawing, growth, measuring
from fa_cli.bench.workloads import Workload, given, ours, workloads

PEERS = Path(__file__).parent / "benchmarks" / "peers"
LAZY = '''
def contenders(work, start):
    """Of a tool that does nothing."""
    return {"lazy": lambda: start.weights}
'''
TWIN = '''
from fa_cli.backend import NumpyBackend
from fa_cli.bench.workloads import ours

def contenders(work, start):
    """Of a tool that is this project once more."""
    return {"twin": ours(work, start, NumpyBackend(work.dtype))}
'''


def workload(name: str, **changed) -> Workload:
    """One of those that are measured, with something changed."""
    known = {work.name: work for work in workloads(cores=2)}
    return known[name]._replace(**changed)


def check_peer(library: str, work: Workload) -> None:
    """Let a tool, if it is installed, train beside this project; skip the test if not."""
    pytest.importorskip(library)
    backend = NumpyBackend(work.dtype)
    with backend.computing():
        peer = measuring.load_peer(PEERS / f"with_{library}.py")
        measuring.check_agreement(work, measuring.competitors(work, backend, peer))


def test_it_writes_times_and_ratios(fa_run, tmp_path):
    """A row for each contender and repeat, a table on the terminal, a plot, the machine."""
    done = fa_run("bench", "only=fig3_batch20", "repeats=2", "peers=null")
    assert done.returncode == 0 and "bare BLAS" in done.stdout, done.stderr
    folder = tmp_path / "outputs" / "bench"
    assert {path.name for path in folder.iterdir()} == {"bench.csv", "bench.png", "machine.csv"}
    table = pd.read_csv(folder / "bench.csv")
    assert sorted(table["contender"]) == ["bare BLAS"] * 2 + ["fa-run"] * 2
    assert (table["us_per_step"] > 0).all()
    libraries = pd.read_csv(folder / "machine.csv")["libraries"][0]
    assert all(library.endswith(" 1 thread") for library in libraries.split("; "))


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


def test_times_of_a_peer_stand_beside_ours(tmp_path):
    path = tmp_path / "with_twin.py"
    path.write_text(TWIN)
    table = measuring.measure(workload("fig2", steps=20), path, repeats=3)
    assert list(table["contender"]) == [measuring.OURS, "twin"] * 3
    assert list(table["repeat"]) == [0, 0, 1, 1, 2, 2] and set(table["beside"]) == {"with_twin"}
    table["us_per_step"] = [2.0, 6.0, 1.0, 4.0, 4.0, 4.0]
    assert list(measuring.medians(table)["ratio"]) == [1, 3]
    axes = drawing.bars(table).axes[0]
    assert axes.patches[0].get_height() == 3 - 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["twin"]


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("name", ["fig2", "fig3d_batch100", "fig3_batch20"])
def test_peers_end_with_the_same_weights(library, name):
    """After a few steps, to rounding."""
    check_peer(library, workload(name, seeds=2, steps=5))


def test_pytorch_spikes_as_this_project_does():
    """The network of Fig. 4, small, in float64."""
    small = workload("fig4").dynamics._replace(population=2, streams=10)
    sizes, changed = (12, 20, 15, 20), {"batch_size": 10, "rate": 0.1, "dtype": "float64"}
    work = workload("fig4", sizes=sizes, dynamics=small, **changed)
    start = given(work)
    final = ours(work, start, NumpyBackend("float64"))()
    assert abs(final[0] - start.weights[0]).max() > 0.05
    check_peer("torch", work)


def test_growth_is_measured_and_its_exponent_found(monkeypatch):
    monkeypatch.setattr(growth, "EXAMPLES", 40)
    monkeypatch.setattr(growth, "GROWN", {"seeds": ([1, 4, 8], growth.GROWN["seeds"][1])})
    table = growth.measure(repeats=1)
    assert list(table["value"]) == [1, 4, 8]
    assert 4 < table["peak_mb"][2] / table["peak_mb"][0] < 12
    assert [panel.get_xlabel() for panel in drawing.growth_curves(table).axes] == ["seeds"] * 2
    sizes = np.array([1, 2, 4, 8, 16])
    assert growth.slope(sizes, 3 * sizes**2.0) == pytest.approx(2)
