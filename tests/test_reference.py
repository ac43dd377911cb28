"""`fa-run keys` and `fa-run metrics`: every key and every metric says what it is."""

import inspect
import re

import pandas as pd
import pytest
from helpers import run_here, succeed, told

from fa_cli import composing, reference
from fa_cli.probes import METRICS, load_metrics

load_metrics()
pytestmark = pytest.mark.quick
EVERYTHING = {  # metrics: a run that measures them all
    "dense": ("experiment=debug", {"angle_w_b_unit", "weights", "share_positive", "dead_units"}),
    "theory": ("experiment=jacobian", {"jacobian", "update_norm"}),
    "conserved": ("experiment=invariant", {"conserved", "traces", "angle_to_pbp"}),
    "lemma": ("experiment=theorem2", {"lemma_5"}),
}


@pytest.fixture(scope="module")
def keys() -> list[reference.Key]:
    """All of them."""
    with composing.apart():
        return reference.all_keys()


def test_every_key_has_words(keys):
    """The schema's, those of phases, and the options of all parts that come with the package."""
    silent = [f"{key.name} ({key.of})" for key in keys if not key.words and key.of != "dataset=toy"]
    assert not silent
    names = {key.name for key in keys}
    assert {"model.sizes", "phases[].freeze", "rule.sigma", "dataset.elastic"} < names
    assert {"model.layers[].field", "model.tau", "backend.threads", "seeds"} < names
    assert all(not key.words.endswith(".") and len(key.words) > 2 for key in keys)


def test_what_a_key_may_be(keys):
    """Kind, range, choices and default, as they are checked."""
    known = {key.name: key for key in keys}
    assert known["optimizer.momentum"].may_be == "number, at least 0, below 1"
    assert known["epochs"].may_be == "number or null, above 0"
    assert known["dtype"].may_be == "float32, float64" and known["dtype"].default == "float64"
    assert "piecewise_linear" in known["model.hidden"].may_be
    assert known["rule.derivative"].may_be == "local, passed"
    assert known["dataset.elastic"].may_be == "a number of at least 0"
    assert known["resume"].default == "true" and known["data_dir"].default == "null"


def test_defaults_of_yaml_files(keys):
    """A key's default is what a person gets: where a choice's file has another, that is said."""
    known = {(key.name, key.of): key for key in keys}
    assert known["dataset.standardize", "dataset=mnist"].defaults == "unit"
    assert known["rule.derivative", "rule=fa"].defaults == "local"
    momentum = known["optimizer.momentum", ""]
    assert momentum.defaults == "0.0; 0.9 with optimizer=momentum"
    assert "logistic with model=logistic, model=spiking" in known["model.output", ""].defaults
    with composing.apart():
        for choice, value in known["model.weight_scale", ""].others.items():
            assert f"{composing.compose([choice]).model.weight_scale}" == value


def test_keys_and_metrics_by_what_one_knows(tmp_path):
    """A part of a key's name; the column of a table."""
    assert "optimizer.learning_rate: " in succeed(run_here(tmp_path, "keys", "learning"))
    assert succeed(run_here(tmp_path, "metrics", "angle_to_bp_1")).startswith("angle_to_bp: ")
    assert succeed(run_here(tmp_path, "metrics", "validation_error")).startswith("test_error: ")
    assert succeed(run_here(tmp_path, "metrics", "gradient_norm")).startswith("update_norm: ")
    assert succeed(run_here(tmp_path, "metrics", "trace_b_w_1")).startswith("traces: ")


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_says_what_it_is(name):
    """One line of what, and at the end its columns with their unit and range."""
    first, *rest = inspect.getdoc(METRICS[name]).splitlines()
    assert first.endswith(".") and "Columns: `" in " ".join(rest)
    last = " ".join(rest).split("Columns: ")[1]
    assert last.endswith(".") and re.search(r"0|any number", last)


@pytest.mark.parametrize("case", EVERYTHING)
def test_columns_are_called_so(tmp_path, case):
    """The columns of metrics.csv and the arrays of arrays.npz are those that the words name."""
    experiment, metrics = EVERYTHING[case]
    names = ",".join(sorted(metrics))
    words = [experiment, f"record.metrics=[{names}]", "steps=2", "record.every=1", "seeds=2"]
    succeed(run_here(tmp_path, *words, "rule=fa"))
    (path,) = tmp_path.rglob("metrics.csv")
    columns = list(pd.read_csv(path))[5:]
    said = " ".join(inspect.getdoc(METRICS[name]) for name in metrics)
    for column in columns:
        general = re.sub(r"_\d$", "_<l>", column)
        assert f"`{column}`" in said or f"`{general}`" in said, column
    assert columns or (path.parent / "arrays.npz").is_file()


def test_the_commands(tmp_path):
    """Beginnings of keys, names of metrics; what is unknown is told in one line."""
    said = succeed(run_here(tmp_path, "keys", "optimizer", "rule.feedback_scale"))
    assert "optimizer.learning_rate: number, at least 0, default 0.01" in said
    assert "beta: range of uniform B_l" in said and "batch_size" not in said
    said = succeed(run_here(tmp_path, "metrics", "nse"))
    assert said.startswith("nse: Squared error") and "eq. (2)-(4)" in said and "loss:" not in said
    assert "angle_to_bp:" in succeed(run_here(tmp_path, "metrics"))
    told(run_here(tmp_path, "keys", "optimiser"), "optimizer")
    told(run_here(tmp_path, "metrics", "nsee"), "no metric is called 'nsee'", "nse")
