"""`fa-run runs` and `fa-run plot figure=sweep`: what was tried, how it ended, what came out."""

import io
import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import run_command, run_here, start_command, succeed, told, wait_for
from rich.console import Console

import fa_cli
from fa_cli.figures.sweep import draw
from fa_cli.results.files import locked
from fa_cli.results.listing import show
from fa_cli.results.recorder import PROGRESS
from fa_cli.results.runs import collect
from fa_cli.terminal import in_words

RATES = "optimizer.learning_rate=0.005,10"
SWEEP = ["-m", "rule=fa,bp", "rule.feedback_scale=0.1,0.5", RATES, "steps=100", "seeds=2"]
SCALE = "rule.feedback_scale"


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> Path:
    """A sweep half of whose runs diverge, and one run that was stopped."""
    folder = tmp_path_factory.mktemp("swept")
    assert "8 runs: 4 trained, 4 failed" in run_command(folder, *SWEEP).stdout
    words = ["steps=100000000", "record.checkpoint_seconds=0.1", "rule=shallow"]
    run = start_command(folder, *words)
    wait_for("checkpoint.npz", folder, run)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    return folder


def last_rows(swept: Path) -> pd.DataFrame:
    """What the finished runs ended with, and their rule and feedback scale."""
    rows = []
    for folder in sorted(done.parent for done in swept.rglob("done")):
        rule = yaml.safe_load((folder / "config.yaml").read_text())["rule"]
        metrics = pd.read_csv(folder / "metrics.csv").query("step == 100")
        rows.append(metrics.assign(rule=rule["name"], scale=rule["feedback_scale"]))
    return pd.concat(rows)


def test_status_and_differing_values(swept):
    """Done, failed, interrupted, running; the keys that differ and no others; final values."""
    found = collect(swept / "outputs")
    statuses = found.table.groupby("run")["status"].first().value_counts()
    assert statuses.to_dict() == {"done": 4, "failed": 4, "interrupted": 1}
    assert {"rule", SCALE, "optimizer.learning_rate", "steps"} <= set(found.keys)
    assert not {"dtype", "model.hidden", "optimizer.momentum"} & set(found.keys)
    listed = found.table[found.table["status"] == "done"]
    for name in ("seed", "nse", "rule"):
        assert listed[name].tolist() == last_rows(swept)[name].tolist()
    (stopped,) = (swept / "outputs").rglob("checkpoint.npz")
    with locked(stopped.parent):
        assert "running" in collect(swept / "outputs").table["status"].tolist()


def test_the_table_and_its_csv(swept):
    """One line a run on the terminal; for pandas a row for each run and seed."""
    shown = succeed(run_here(swept, "runs"))
    assert (shown.count("failed"), shown.count("interrupted")) == (4, 1)
    table = pd.read_csv(io.StringIO(succeed(run_here(swept, "runs", "--csv"))))
    assert len(table) == 4 * 2 + 4 + 1 and table["nse"].notna().sum() == 8 + 1  # the stopped one
    told(run_here(swept, "runs", "results=nowhere"), "results=nowhere: no such folder")


def test_sorted_by_what_the_table_does_not_show(swept):
    """Norms are left out of it, and yet one can sort by them."""
    shown = succeed(run_command(swept, "runs", "sort=weight_norm_1", COLUMNS="300"))
    table = collect(swept / "outputs").table.query("status == 'done'")
    means = table.groupby(["rule", SCALE])["weight_norm_1"].mean().sort_values()
    lines = [line for line in shown.splitlines() if "done" in line]
    for line, (rule, scale) in zip(lines, means.index, strict=True):
        assert rule in line and f" {scale} " in line


def test_lines_of_a_sweep(swept):
    """A line for each rule: means over seeds against the scale."""
    (axes,) = draw(swept / "outputs", x=SCALE, y="nse", hue="rule").axes
    means = last_rows(swept).groupby(["rule", "scale"])["nse"].mean()
    assert len(axes.lines) == 2
    for line, rule in zip(axes.lines, ("bp", "fa"), strict=True):
        assert [*line.get_xdata()] == [0.1, 0.5]
        np.testing.assert_allclose(line.get_ydata(), means[rule])
    assert axes.get_xlabel() == SCALE and axes.get_ylabel() == "nse, mean and s.d. over seeds"
    assert axes.get_yscale() == ("log" if means.max() > 20 * means.min() else "linear")


def test_map_of_a_sweep(swept):
    """Means over seeds: a row for each rule, a column for each scale."""
    axes, _ = draw(swept / "outputs", x=[SCALE, "rule"], y="nse", hue=None).axes
    means = last_rows(swept).pivot_table(index="rule", columns="scale", values="nse")
    (shown,) = axes.images
    np.testing.assert_allclose(shown.get_array(), means)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bp", "fa"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1", "0.5"]


def test_words_are_not_joined_by_lines(swept):
    """Between bp and fa there is nothing: points with one s.d., a group's beside another's."""
    (axes,) = draw(swept / "outputs", x="rule", y="nse", hue=SCALE).axes
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["Backprop", "Feedback alignment"]
    assert len(axes.containers) == 2
    for bars in axes.containers:
        points = bars.lines[0]
        assert points.get_linestyle() == "None" and points.get_marker() == "o"
    first, second = (bars.lines[0].get_xdata() for bars in axes.containers)
    assert (first < second).all() and np.abs(first - [0, 1]).max() < 0.5


@pytest.mark.parametrize(("x", "name"), [(SCALE, SCALE), (f"[{SCALE},rule]", f"{SCALE}_rule")])
def test_the_file_of_a_sweep(swept, x, name):
    """It is named after the keys; what the axes do not show does not differ here."""
    words = ["plot", "figure=sweep", f"x={x}", "y=nse", "hue=rule"]
    shown = succeed(run_here(swept, *words))
    assert f"sweep_{name}_nse_rule.png" in shown and "the runs differ in" not in shown
    assert (swept / "outputs" / "figures" / f"sweep_{name}_nse_rule.png").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "type x=KEY"),
        (["x=rule.feedback_scal"], f"did you mean '{SCALE}'"),
        (["x=rule", "y=accuracy"], "y=accuracy: no run has measured it"),
        (["x=rule", "y=nse", "hue=dtype"], "hue=dtype: no two runs differ in it"),
        (["x=[rule,steps,rule]", "y=nse"], "expected one key, or two"),
    ],
)
def test_mistakes(swept, words, what):
    """In one line."""
    told(run_here(swept, "plot", "figure=sweep", *words), what)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200000, "2 d")]
)
def test_age(seconds, words):
    """In the largest unit that fits."""
    assert in_words(seconds) == words


def test_links_to_runs_are_listed(swept, tmp_path):
    """Once each, also where links lead round in a circle."""
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "elsewhere").symlink_to(swept / "outputs")
    (linked / "round").symlink_to(linked)
    assert len(collect(linked).table) == len(collect(swept / "outputs").table)


def test_the_metric_that_counts_comes_first(swept):
    """On the terminal: of a regression its NSE."""
    shown = listed(swept, 200)
    assert shown.index("nse") < shown.index("loss")


def listed(folder: Path, width: int, sort: str | None = None) -> str:
    """What `fa-run runs` shows on a terminal of so many columns."""
    found, console = collect(folder / "outputs"), Console(width=width, file=io.StringIO())
    for experiment, rows in found.table.groupby("experiment"):
        show(experiment, rows, found, sort, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_readable_on_any_terminal(swept, width):
    """No line is wider, no word is broken, and what counts is there: keys, metric, status."""
    shown = listed(swept, width)
    assert max(map(len, shown.splitlines())) <= width
    for word in ("learning_rate", "feedback_scale", "nse", "interrupted", "failed", "0.005"):
        assert word in shown


def test_in_the_order_of_values(here, tmp_path):
    """Rates by size and not by their letters, whole numbers as such; or by a metric, best first."""
    words = ["-m", "optimizer.learning_rate=0.01,0.001,1e-05", "steps=9,100", "seeds=1"]
    succeed(here(*words))
    rows = [line for line in listed(tmp_path, 200).splitlines() if "done" in line]
    values = [[cell.strip() for cell in row.split("│")][2:4] for row in rows]
    assert values == [[rate, n] for rate in ("1e-05", "0.001", "0.01") for n in ("9", "100")]
    table = collect(tmp_path / "outputs").table.sort_values("nse")
    by_nse = [line for line in listed(tmp_path, 200, "nse").splitlines() if "done" in line]
    assert [f"{nse:.4g}" in row for nse, row in zip(table["nse"], by_nse, strict=True)] == [
        True
    ] * 6
    told(here("runs", "sort=nsee"), "sort=nsee: did you mean 'nse'?")


def test_a_run_that_trains_shows_its_last_row(tmp_path, monkeypatch):
    """How much of it is done and what it measured last; the same of one that was interrupted."""
    words = ["steps=100000000", "record.every=1000", "backend.compiled=false", "seeds=2"]
    run = start_command(tmp_path, *words)
    wait_for(PROGRESS, tmp_path, run)
    (seen,) = collect(tmp_path / "outputs").table.to_dict("records")
    assert seen["status"] == "running" and 0 < seen["progress"] < 1 and 0 < seen["nse"] < 2
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert "interrupted 0%" in listed(tmp_path, 80)
    (noted,), (kept,) = (tmp_path.rglob(name) for name in (PROGRESS, "checkpoint.npz"))
    with np.load(kept) as stored:  # as far as it will go on from
        assert json.loads(noted.read_text())["step"] == stored["step"]


def test_two_thousand_runs(tmp_path):
    """Are listed in a few seconds: three on an idle machine."""
    fa_cli_run = run_here(tmp_path, "steps=20000", "seeds=5", "record.every=200")
    (done,) = tmp_path.rglob("done")
    for k in range(1999):
        shutil.copytree(done.parent, done.parents[1] / f"rule=fa,steps={k}")
    began = time.monotonic()
    assert listed(tmp_path, 200).count("done") == 2000
    assert time.monotonic() - began < 30, fa_cli_run


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_all_curves_as_one_table(swept, tmp_path, kind):
    """Every row of every finished run, with the values that differ, as `fa_cli.load` has them."""
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    results, file = f"results={swept}/outputs", tmp_path / f"all.{kind}"
    said = succeed(run_here(tmp_path, "export", results, f"format={kind}", f"file={file}"))
    table = pd.read_csv(file) if kind == "csv" else pd.read_parquet(file)
    assert f"{len(table)} rows of 4 runs" in said
    pd.testing.assert_frame_equal(table, fa_cli.load(swept / "outputs").metrics, check_dtype=False)
    assert {"rule", "rule.feedback_scale", "seed", "step", "nse"} <= {*table}


def test_a_key_of_numbers_and_words_as_parquet(tmp_path):
    """A column there has one type: texts."""
    pytest.importorskip("pyarrow")
    words = ["-m", "rule.feedback_scale=0.5,matched", "steps=5", "seeds=1"]
    succeed(run_here(tmp_path, *words))
    succeed(run_here(tmp_path, "export", "format=parquet", f"file={tmp_path}/all.parquet"))
    table = pd.read_parquet(tmp_path / "all.parquet")
    assert {*table["rule.feedback_scale"]} == {"0.5", "matched"}


def test_curves_for_tensorboard(swept, tmp_path):
    """A log for each finished run, twice the same: its means over seeds against its steps."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    words = [f"results={swept}/outputs", "format=tensorboard", f"file={tmp_path}/logs"]
    for _ in range(2):
        assert "of 4 runs" in succeed(run_here(tmp_path, "export", *words))
    inside = succeed(run_here(swept, "export", "format=tensorboard", "file=outputs"))
    assert "of 4 runs" in inside and len(list(swept.rglob("done"))) == 4  # results stay
    metrics = fa_cli.load(swept / "outputs").metrics
    run, rows = next(iter(metrics.groupby("run")))
    log = EventAccumulator(str(tmp_path / "logs" / "linear" / run)).Reload()
    means = rows.groupby("step")["nse"].mean()
    assert [event.step for event in log.Tensors("nse")] == [*means.index]
    values = [make_ndarray(event.tensor_proto) for event in log.Tensors("nse")]
    np.testing.assert_allclose(values, means, rtol=1e-6)
    assert len(list((tmp_path / "logs" / "linear").glob("*/*"))) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["file=[a]"], "file=['a']: expected the name of a file"),
        (["file=x.parquet"], "type format=parquet"),
        (["format=xls"], "choose from: csv, parquet, tensorboard"),
        (["results=."], "no finished run"),
    ],
)
def test_mistakes_of_an_export(here, words, said):
    """In one line."""
    told(here("export", "results=.", *words), said)
