"""`fa-run measure`: other metrics of runs that have a checkpoint, without training."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import interrupted, run_here, succeed, told

from fa_cli.results.formats import INDEX

SPIKING = ["model=spiking", "model.sizes=[64,30,30,20]", "model.population=2"]
SPIKING += ["model.streams=5", "dataset.standardize=unit"]
KINDS = {
    "rate": ["rule=fa"],
    "a rule whose feedback learns": ["rule=kolen_pollack"],
    "noise": ["rule=node_perturbation"],
    "phases": ["rule=fa", "phases=[{epochs:1},{rule:bp,epochs:1}]"],
    "a rate that falls": ["optimizer.schedule=plateau", "dataset.validation=500"],
    "spiking": SPIKING,
}


def measured(folder: Path) -> pd.DataFrame:
    """measured.csv of the one run below a folder."""
    (path,) = folder.rglob("measured.csv")
    return pd.read_csv(path)


@pytest.mark.quick
@pytest.mark.parametrize("kind", KINDS)
def test_finds_what_training_has_measured(tmp_path, kind):
    """The run's own metrics at its last step, number by number, for all seeds."""
    words = ["experiment=debug", "epochs=2", "record.keep_checkpoint=true", *KINDS[kind]]
    succeed(run_here(tmp_path, *words))
    said = succeed(run_here(tmp_path, "measure"))
    (path,) = tmp_path.rglob("metrics.csv")
    metrics = pd.read_csv(path)
    last = metrics[metrics["step"] == metrics["step"].max()].reset_index(drop=True)
    now = measured(tmp_path)
    pd.testing.assert_frame_equal(now, last[now.columns])
    assert {*last.dropna(axis=1)} - {*now} <= {"learning_rate"}
    assert f"before step {last['step'].max()} over n = 2 seeds" in said


@pytest.mark.quick
def test_other_metrics(tmp_path):
    """Those that are named, beside the results; a run that is trained anew leaves them behind."""
    words = ["experiment=debug", "record.keep_checkpoint=true"]
    succeed(run_here(tmp_path, *words))
    (done,) = tmp_path.rglob("done")
    before = {path.name: path.read_bytes() for path in done.parent.glob("*.csv")}
    succeed(run_here(tmp_path, "measure", "metrics=[train_error,dead_units]"))
    assert [*measured(tmp_path)] == [*INDEX, "train_error", "dead_units_1"]
    succeed(run_here(tmp_path, "measure", "metrics=[mean_slope,train_error]"))
    slopes = ["mean_slope_1", "mean_slope_2"]
    assert [*measured(tmp_path)] == [*INDEX, *slopes, "train_error", "dead_units_1"]
    kept = {path.name: path.read_bytes() for path in done.parent.glob("*.csv")}
    assert kept.items() >= before.items()
    succeed(run_here(tmp_path, *words, "resume=false"))
    assert not [*tmp_path.rglob("measured.csv")]


def test_single_units(tmp_path):
    """What a CSV cannot hold lies beside it; metrics that are measured later join it."""
    succeed(run_here(tmp_path, "experiment=debug", "record.keep_checkpoint=true", "seeds=2"))
    said = succeed(run_here(tmp_path, "measure", "metrics=[weights]"))
    assert "nan" not in said
    succeed(run_here(tmp_path, "measure", "metrics=[angle_w_b_unit,test_error]"))
    (path,) = tmp_path.rglob("measured.npz")
    (checkpoint,) = tmp_path.rglob("checkpoint.npz")
    with np.load(path) as kept, np.load(checkpoint) as state:
        w0 = state["state/W0"]
        np.testing.assert_array_equal(kept["weights_0"][0], w0.reshape(2, -1))
        assert kept["angle_w_b_unit_1"].shape == (1, 2, w0.shape[1])


@pytest.mark.skipif(find_spec("cupy") is not None, reason="CuPy is here")
def test_what_a_gpu_has_trained(tmp_path):
    """Where there is none, one line says how it is measured without."""
    succeed(run_here(tmp_path, "experiment=debug", "record.keep_checkpoint=true"))
    (path,) = tmp_path.rglob("debug/*/config.yaml")
    plain = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(plain | {"backend": {"name": "cupy", "device": 0}}))
    told(run_here(tmp_path, "measure"), "trained with backend=cupy", "type cpu=true")


def test_of_a_run_that_was_stopped(tmp_path):
    """At the step of its checkpoint."""
    words = ["experiment=debug", "epochs=100000", "backend.compiled=false"]
    interrupted(tmp_path, *words, at="progress.json")
    said = succeed(run_here(tmp_path, "measure", "metrics=[test_error]"))
    step = measured(tmp_path)["step"].max()
    assert step > 0 and f"before step {step}" in said


@pytest.mark.quick
def test_what_cannot_be_measured(tmp_path):
    """An unknown metric, no checkpoint, one that is damaged: one line."""
    told(run_here(tmp_path, "measure", "metrics=[tset_error]"), "did you mean 'test_error'")
    succeed(run_here(tmp_path, "experiment=debug", "epochs=1"))
    told(run_here(tmp_path, "measure"), "record.keep_checkpoint=true")
    succeed(run_here(tmp_path, "experiment=debug", "epochs=2", "record.keep_checkpoint=true"))
    (path,) = tmp_path.rglob("checkpoint.npz")
    path.write_bytes(path.read_bytes()[:-1000])
    told(run_here(tmp_path, "measure"), "damaged")
    (path.parent / "config.yaml").write_text("rule: [")
    told(run_here(tmp_path, "measure", "metrics=loss"), "damaged")


@pytest.mark.quick
def test_read_outs_of_a_single_time_step(tmp_path):
    """The spikes of all time steps are those of the last where there is one."""
    words = ["experiment=debug", "record.keep_checkpoint=true", *SPIKING, "model.steps_per_image=1"]
    succeed(run_here(tmp_path, *words, "rule=fa"))
    succeed(run_here(tmp_path, "measure", "metrics=[test_error,readouts]"))
    found = measured(tmp_path)
    np.testing.assert_array_equal(found["test_error_sum"], found["test_error"])
    assert (found["test_error_rate"] != found["test_error"]).all()
