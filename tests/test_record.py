"""Results on disk: tidy CSV, nothing half-written, nothing read that is not finished; identity."""

import io
import json

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import succeed

from fa_cli.backend import NumpyBackend
from fa_cli.errors import UserError
from fa_cli.results import identity as identities
from fa_cli.results.checkpoint import fill
from fa_cli.results.files import write_bytes
from fa_cli.results.formats import csv, npz, read_npz, summarise
from fa_cli.results.identity import identity
from fa_cli.results.reading import finished, load_below, load_run, load_runs
from fa_cli.results.rows import Rows
from fa_cli.results.runs import collect

pytestmark = pytest.mark.quick


# ---- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_plain_decimals_that_read_back(dtype):
    """No exponents, no lost digits, empty where there is nothing."""
    values = np.array([1e-9, 0.1, 123456.789, 3e12, np.nan, 1 / 3], dtype=dtype)
    text = csv(pd.DataFrame({"seed": range(6), "x": values}))
    assert "e" not in text.split("\n", 1)[1] and "nan" not in text
    assert text.splitlines()[5] == "4,"
    np.testing.assert_array_equal(pd.read_csv(io.StringIO(text))["x"].astype(dtype), values)


def test_summary_is_of_the_last_row_of_each_seed():
    """Mean, sd (n - 1), median, least and greatest; a metric that is empty at the end has n = 0."""
    steps = {"seed": [0, 0, 1, 1], "step": [0, 5, 0, 5], "epoch": 0.0, "examples": 0, "phase": 0}
    table = pd.DataFrame(steps)
    table["nse"], table["early"] = [1.0, 0.2, 1.0, 0.4], [3.0, np.nan, 3.0, np.nan]
    nse, early = summarise(table).to_dict("records")
    assert list(nse) == ["metric", "mean", "sd", "median", "min", "max", "n"]
    assert (nse["metric"], nse["n"], nse["min"], nse["max"]) == ("nse", 2, 0.2, 0.4)
    assert nse["mean"] == nse["median"] == pytest.approx(0.3)
    assert nse["sd"] == pytest.approx(0.02**0.5)
    assert early["n"] == 0 and np.isnan(early["mean"])


@pytest.mark.filterwarnings("error")
def test_summary_of_what_has_outgrown_all_numbers():
    """No s.d., and no library's warning on the terminal."""
    table = pd.DataFrame({"seed": [0, 1], "step": 1, "epoch": 0.0, "examples": 0, "phase": 0})
    (loss,) = summarise(table.assign(loss=[np.inf, 1.0])).to_dict("records")
    assert loss["mean"] == np.inf and np.isnan(loss["sd"])


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    """The old content survives and no temporary file stays."""
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with pytest.raises(TypeError):
        write_bytes(path, "not bytes")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file"]


# ---- rows ----------------------------------------------------------------------------------------


def rows_of_two_seeds() -> Rows:
    """Three rows, of which the second seed has the first two; one metric comes later."""
    rows = Rows([4, 9])
    rows.add(0, 0, {"nse": np.array([1.0, 2.0]), "unit": np.zeros((2, 3))})
    rows.add(5, 0, {"nse": np.array([0.5, 1.0]), "late": np.array([7.0, 8.0])})
    rows.end(10, np.array([False, True]))
    rows.add(10, 1, {"nse": np.array([0.1, 0.0]), "unit": np.ones((2, 3))})
    return rows


def test_rows_become_a_table_by_seed_and_step():
    """A seed's rows end where it diverged; what was not measured is empty."""
    table = rows_of_two_seeds().table(steps_per_epoch=5, batch_size=20)
    assert table["seed"].tolist() == [4, 4, 4, 9, 9] and table["step"].tolist() == [0, 5, 10, 0, 5]
    assert table["epoch"].tolist() == [0, 1, 2, 0, 1] and table["phase"].tolist() == [0, 0, 1, 0, 0]
    assert table["examples"].tolist() == [0, 100, 200, 0, 100]
    assert table["nse"].tolist() == [1, 0.5, 0.1, 2, 1] and table.index.tolist() == [*range(5)]
    np.testing.assert_array_equal(table["late"], [np.nan, 7, np.nan, np.nan, 8])


def test_values_of_units_are_arrays():
    """(rows, S, units), nan where not measured or after a seed's end."""
    arrays = rows_of_two_seeds().unit_arrays()
    assert set(arrays) == {"unit", "step"} and arrays["unit"].shape == (3, 2, 3)
    measured = np.isfinite(arrays["unit"]).all(axis=2)
    assert measured.tolist() == [[True, True], [False, False], [True, False]]


@pytest.mark.parametrize("step", [10, 12])
def test_rows_go_through_a_checkpoint(step):
    """All of them, but for one of the very step, which will be measured again."""
    rows, again = rows_of_two_seeds(), Rows([4, 9])
    again.restore(rows.stored(), step)
    assert again.steps == ([0, 5] if step == 10 else [0, 5, 10])
    for mine, other in zip(again.metrics, rows.metrics, strict=False):
        assert mine.keys() == other.keys()
        assert all(np.array_equal(mine[name], other[name]) for name in mine)
    assert again.ended.tolist() == [np.inf, 10]


def test_a_run_that_measures_nothing_goes_on():
    """Its rows have no columns."""
    rows, again = Rows([4, 9]), Rows([4, 9])
    rows.add(0, 0, {})
    again.restore(rows.stored(), 5)
    assert again.steps == [0] and again.metrics == [{}]


def test_a_checkpoint_keeps_the_digits_of_the_plateau():
    """Errors of float64 in a run of float32: the best one, rounded, would be beaten by itself."""
    best = {"plateau/best": np.zeros(1)}
    stored = {"state/plateau/best": np.array([0.0153])}
    fill(best, stored, NumpyBackend("float32"))
    assert best["plateau/best"] == stored["state/plateau/best"]


# ---- what makes two runs the same ----------------------------------------------------------------

RESOLVED = {
    "steps": 3,
    "outputs": "a",
    "data_dir": "b",
    "fetch": False,
    "fail_fast": False,
    "resume": False,
    "model": {"name": "rate", "sizes": [3, 2]},
    "rule": {"name": "fa", "derivative": "local"},
    "backend": {"name": "numpy", "threads": 1, "compiled": True},
    "record": {"every": 1, "checkpoint_seconds": 5, "keep_checkpoint": True},
}


def changed(group: str | None = None, **values) -> dict:
    """The same config with other values; None takes a key away."""
    config = json.loads(json.dumps(RESOLVED))
    node = config[group] if group else config
    for key, value in values.items():
        node.pop(key, None)
        if value is not None:
            node[key] = value
    return config


def test_where_things_lie_is_no_part_of_a_run():
    """The identity of a run is what determines its results."""
    same, elsewhere = identity(RESOLVED), identity(changed(outputs="z", data_dir="y", resume=True))
    assert same.values == elsewhere.values
    assert "outputs" not in same.values and same.values["record"] == {"every": 1}
    assert same.values["backend"] == {"name": "numpy", "compiled": True}
    assert same.difference(same.values) == ""


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        (changed(steps=4), "steps was 4, now 3"),
        (changed("model", sizes=[3, 3]), "model.sizes was [3, 3], now [3, 2]"),
        (changed("rule", derivative="passed"), "rule.derivative was passed, now local"),
        (changed("model", name=None), ""),  # a key that came later has its default
        (changed("model", bias_scale=0.0), ""),
        (changed("model", bias_scale=0.1), "model.bias_scale was 0.1, now 0.0"),
        (changed("backend", compiled=None), ""),  # an option's default
        (changed("rule", derivative=None), "rule.derivative was absent, now local"),
        (changed("model", gone=2), "model.gone was 2, now absent"),
    ],
)
def test_a_key_that_one_side_lacks_has_its_default(earlier, said):
    """So that configs of earlier versions, and of later ones, are the same run."""
    mine = identity(RESOLVED, defaults={"backend.compiled": True})
    assert mine.difference(identity(earlier).values) == said


def test_a_key_that_is_gone_is_ignored_where_it_had_its_default(monkeypatch):
    """Otherwise it made a difference then."""
    monkeypatch.setitem(identities.DEFAULTS, "model.gone", 2)
    same, other = (identity(changed("model", gone=value)).values for value in (2, 3))
    assert identity(RESOLVED).difference(same) == ""
    assert identity(RESOLVED).difference(other) == "model.gone was 3, now 2"


def test_other_numbers_are_another_run(monkeypatch):
    """NUMERICS grows when results change; runs from before it had a number have the first."""
    old = {key: value for key, value in identity(RESOLVED).values.items() if key != "numerics"}
    assert identity(RESOLVED).difference(old) == ""
    monkeypatch.setattr(identities, "NUMERICS", 2)
    assert identity(RESOLVED).difference(old) == "numerics was 1, now 2"


def test_code_from_outside_is_part_of_a_run(tmp_path):
    """A rule's file that was edited is named; of earlier versions nobody knows what it was."""
    path = tmp_path / "sign_fa.py"
    path.write_text("first")
    first = identity(RESOLVED, sources=[path]).values
    assert identity(RESOLVED, sources=[path]).difference(first) == ""
    path.write_text("second")
    second = identity(RESOLVED, sources=[path])
    assert second.difference(first).startswith("sign_fa.py has changed")
    unknown = {key: value for key, value in first.items() if key not in ("numerics", "sources")}
    assert second.difference(unknown) == ""


# ---- reading -------------------------------------------------------------------------------------


def finish(folder, rule="fa", rate=0.1, nse=(1.0, 0.5)) -> None:
    """A finished run of two rows."""
    folder.mkdir(parents=True)
    columns = {"seed": 0, "step": [0, 1], "epoch": 0.0, "examples": [0, 1], "phase": 0}
    pd.DataFrame(columns | {"nse": nse}).to_csv(folder / "metrics.csv", index=False)
    config = {"rule": {"name": rule}, "optimizer": {"learning_rate": rate}, "steps": 1}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "arrays.npz").write_bytes(npz({"a": np.arange(3)}))
    (folder / "done").touch()


def test_runs_are_read_as_tables(tmp_path):
    """All curves and all final values, with the config values that tell the runs apart."""
    finish(tmp_path / "fig2" / "rule=fa")
    finish(tmp_path / "fig2" / "rule=bp", rule="bp", nse=(1.0, 0.25))
    found = load_below(tmp_path)
    columns = ["experiment", "run", "rule", "seed", "step", "epoch", "examples", "phase", "nse"]
    assert list(found.metrics) == columns
    assert found.metrics["rule"].tolist() == ["bp", "bp", "fa", "fa"]
    assert found.metrics["nse"].tolist() == [1, 0.25, 1, 0.5]
    assert found.summary.set_index("rule")["mean"].to_dict() == {"bp": 0.25, "fa": 0.5}
    assert [run.rule for run in found.runs] == ["bp", "fa"]
    np.testing.assert_array_equal(found.runs[0].arrays["a"], [0, 1, 2])
    alone = load_below(tmp_path / "fig2" / "rule=fa")
    assert "rule" not in alone.metrics and alone.metrics["run"].unique() == ["rule=fa"]


def test_nothing_there_is_told(tmp_path):
    """With what to type."""
    with pytest.raises(UserError, match=r"no finished run .* type `fa-run"):
        load_below(tmp_path)


def test_a_folder_without_done_is_not_read(tmp_path):
    """Whatever else it holds."""
    (tmp_path / "metrics.csv").write_text("seed,step\n0,0\n")
    with pytest.raises(UserError, match="no finished run"):
        load_run(tmp_path)
    assert load_runs(tmp_path) == [] and not finished(tmp_path)


def test_a_damaged_run_is_named(tmp_path):
    """`done` but no metrics: the error names the folder and what to do."""
    (tmp_path / "done").touch()
    (tmp_path / "config.yaml").write_text("{}")
    with pytest.raises(UserError, match=r"is damaged .* resume=false"):
        load_run(tmp_path)


def test_what_unpacks_to_too_much_is_no_result(tmp_path, monkeypatch):
    """The limit of what is read."""
    path = tmp_path / "a.npz"
    path.write_bytes(npz({"a": np.zeros(1000)}))
    assert read_npz(path)["a"].shape == (1000,)
    monkeypatch.setattr("fa_cli.results.formats.LARGEST", 7000)
    with pytest.raises(UserError, match="unpacks to more"):
        read_npz(path)


@pytest.mark.parametrize("count", [0, 1, 65_535, 70_000])
def test_any_number_of_arrays(tmp_path, count):
    """A checkpoint has one for each row and metric: what is written is read."""
    path, one = tmp_path / "a.npz", np.zeros(1, np.int8)
    path.write_bytes(npz({str(k): one for k in range(count)}, compress=False))
    with read_npz(path) as stored:
        assert len(stored.files) == count


def test_runs_of_one_name_in_two_places_are_two(tmp_path):
    """The way to each tells them apart, in both kinds of tables."""
    for place in ("a", "b"):
        finish(tmp_path / place / "fig2" / "rule=fa")
    found = load_below(tmp_path)
    assert found.metrics["experiment"].unique().tolist() == ["a/fig2", "b/fig2"]
    listed = collect(tmp_path).table
    assert listed["experiment"].tolist() == ["a/fig2", "b/fig2"]
    alone = load_below(tmp_path / "a").metrics
    assert alone["experiment"].unique().tolist() == ["fig2"]


@pytest.mark.parametrize("content", ["[]", "5", '{"files": 3}', "{"])
def test_a_manifest_that_is_none(tmp_path, content):
    """One damaged run, told in one line; the others are listed."""
    for name in ("good", "bad"):
        finish(tmp_path / "fig2" / name)
    (tmp_path / "fig2" / "bad" / "manifest.json").write_text(content)
    with pytest.raises(UserError, match="bad is damaged"):
        load_run(tmp_path / "fig2" / "bad")
    assert collect(tmp_path).table["status"].tolist() == ["damaged", "done"]


@pytest.mark.parametrize(("early", "first"), [(3, [10, 20, 30]), (2, [13, 26]), (0, [])])
def test_rows_in_the_first_stretch(here, tmp_path, early, first):
    """`record.early=3`: three rows more, evenly spaced, before the first one; no others."""
    succeed(here("steps=100", "seeds=1", "record.every=40", f"record.early={early}"))
    (path,) = tmp_path.rglob("metrics.csv")
    assert pd.read_csv(path)["step"].tolist() == [0, *first, 40, 80, 100]
