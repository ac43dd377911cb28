"""Results on disk: tidy CSV, nothing half-written, nothing read that is not finished."""

import io

import numpy as np
import pandas as pd
import pytest

from fa_cli import record
from fa_cli.errors import UserError
from fa_cli.files import write_bytes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_plain_decimals_that_read_back(dtype):
    """No exponents, no lost digits, empty where there is nothing."""
    values = np.array([1e-9, 0.1, 123456.789, 3e12, np.nan, 1 / 3], dtype=dtype)
    text = record.csv(pd.DataFrame({"seed": range(6), "x": values}))
    assert "e" not in text.split("\n", 1)[1] and "nan" not in text
    assert text.splitlines()[5] == "4,"
    np.testing.assert_array_equal(pd.read_csv(io.StringIO(text))["x"].astype(dtype), values)


def test_summary_is_of_the_last_row_of_each_seed():
    """Mean, sd (n - 1), median, least and greatest; a metric that is empty at the end has n = 0."""
    table = pd.DataFrame(
        {
            "seed": [0, 0, 1, 1],
            "step": [0, 5, 0, 5],
            "epoch": 0.0,
            "examples": [0, 5, 0, 5],
            "phase": 0,
        }
    )
    table["nse"], table["early"] = [1.0, 0.2, 1.0, 0.4], [3.0, np.nan, 3.0, np.nan]
    nse, early = record.summarise(table).to_dict("records")
    assert (nse["metric"], nse["n"], nse["min"], nse["max"]) == ("nse", 2, 0.2, 0.4)
    assert nse["mean"] == pytest.approx(0.3) and nse["sd"] == pytest.approx(0.02**0.5)
    assert early["n"] == 0 and np.isnan(early["mean"])


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    """The old content survives and no temporary file stays."""
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with pytest.raises(TypeError):
        write_bytes(path, "not bytes")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_without_done_is_not_read(tmp_path):
    """Whatever else it holds."""
    (tmp_path / "metrics.csv").write_text("seed,step\n0,0\n")
    with pytest.raises(UserError, match="no finished run"):
        record.load(tmp_path)
    assert record.load_all(tmp_path) == []


def test_a_damaged_run_is_named(tmp_path):
    """`done` but no metrics: the error names the folder and what to do."""
    (tmp_path / "done").touch()
    (tmp_path / "config.yaml").write_text("{}")
    with pytest.raises(UserError, match=r"is damaged .* resume=false"):
        record.load(tmp_path)


def test_where_things_lie_is_no_part_of_a_run():
    """The identity of a run is what determines its results."""
    resolved = {
        "steps": 3,
        "outputs": "a",
        "data_dir": "b",
        "resume": False,
        "backend": {"name": "numpy", "threads": 1},
    }
    resolved["record"] = {"every": 1, "checkpoint_seconds": 5}
    assert record.identity(resolved) == {
        "steps": 3,
        "backend": {"name": "numpy"},
        "record": {"every": 1},
    }
