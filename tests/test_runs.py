"""`fa-run runs` and `fa-run plot figure=sweep`: what was tried, how it ended, what came out."""

import io
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import run_command, wait_for

from fa_cli.files import locked
from fa_cli.runs import collect, in_words

SWEEP = [
    "-m",
    "rule=fa,bp",
    "rule.feedback_scale=0.1,0.5",
    "optimizer.learning_rate=0.005,10",
    "steps=100",
    "seeds=2",
]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep half of whose runs diverge, and one run that was stopped."""
    folder = tmp_path_factory.mktemp("swept")
    assert "8 runs: 4 trained, 4 failed" in run_command(folder, *SWEEP).stdout
    words = ["steps=100000000", "record.checkpoint_seconds=0.1", "rule=shallow"]
    run = subprocess.Popen(
        [str(Path(sys.executable).with_name("fa-run")), *words], cwd=folder, stderr=subprocess.PIPE
    )
    wait_for("checkpoint.npz", folder, run)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    return folder


def test_status_and_differing_values(swept):
    """done, failed, interrupted and running; the keys that differ and no others; each seed's final value."""
    found = collect(swept / "outputs")
    assert found.table.groupby("run")["status"].first().value_counts().to_dict() == {
        "done": 4,
        "failed": 4,
        "interrupted": 1,
    }
    assert {"rule", "rule.feedback_scale", "optimizer.learning_rate", "steps"} <= set(found.keys)
    assert not {"dtype", "model.hidden", "optimizer.momentum"} & set(found.keys)
    for folder in (swept / "outputs").rglob("done"):
        metrics = pd.read_csv(folder.with_name("metrics.csv")).query("step == 100")
        listed = found.table[found.table["run"] == folder.parent.name]
        assert listed["nse"].tolist() == metrics["nse"].tolist() and listed["seed"].tolist() == [
            0,
            1,
        ]
    (stopped,) = (swept / "outputs").rglob("checkpoint.npz")
    with locked(stopped.parent):
        assert "running" in collect(swept / "outputs").table["status"].tolist()


def test_the_table_and_its_csv(swept):
    """One line a run on the terminal; for pandas a row for each run and seed."""
    done = run_command(swept, "runs")
    assert (
        done.returncode == 0
        and done.stdout.count("failed") == 4
        and done.stdout.count("interrupted") == 1
    )
    table = pd.read_csv(io.StringIO(run_command(swept, "runs", "--csv").stdout))
    assert len(table) == 4 * 2 + 4 + 1 and table["nse"].notna().sum() == 8
    done = run_command(swept, "runs", "results=nowhere")
    assert (
        done.returncode == 1
        and done.stderr == "fa-run: results=nowhere: no such folder; type results=DIR\n"
    )


@pytest.mark.parametrize(
    ("x", "name"),
    [
        ("rule.feedback_scale", "rule.feedback_scale"),
        ("[rule.feedback_scale,rule]", "rule.feedback_scale_rule"),
    ],
)
def test_figure_of_a_sweep(swept, x, name):
    """Lines against one key, a map against two."""
    words = [f"x={x}", "y=nse", "hue=rule"]
    done = run_command(swept, "plot", "figure=sweep", *words)
    assert done.returncode == 0, done.stderr
    assert "the runs differ in" not in done.stdout
    assert len((swept / "outputs" / "figures" / f"sweep_{name}_nse_rule.png").read_bytes()) > 10_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "type x=KEY"),
        (["x=rule.feedback_scal"], "did you mean 'rule.feedback_scale'"),
        (["x=rule", "y=accuracy"], "y=accuracy: no run has measured it"),
        (["x=rule", "y=nse", "hue=dtype"], "hue=dtype: no two runs differ in it"),
        (["x=[rule,steps,rule]", "y=nse"], "expected one key, or two"),
    ],
)
def test_mistakes(swept, words, told):
    """In one line."""
    done = run_command(swept, "plot", "figure=sweep", *words)
    assert done.returncode == 1 and told in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200000, "2 d")]
)
def test_age(seconds, words):
    """In the largest unit that fits."""
    assert in_words(seconds) == words
