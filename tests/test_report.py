"""The report: verdicts from made-up results, damaged ones included, and those of the real ones."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import run_command, run_here, succeed

from fa_cli.claims.criteria import CRITERIA, load_criteria
from fa_cli.claims.report import COLUMNS, as_row, judge_claim, read_claims, write_report

load_criteria()
PAPER = Path(__file__).parents[1] / "outputs" / "paper"
NUMBERS = ["measured", "spread", "p"]  # columns
WITH_NUMBERS = ["against", "effect"]  # in a text, which another NumPy may round otherwise
CLAIMS = {"F2": 7, "F3": 24, "F4": 3, "F5": 3}  # how many of each figure and note
CLAIMS |= {"S3": 1, "S5": 2, "S6": 4, "S7": 5, "S8": 2, "S9": 1, "S10": 3, "S11": 4, "S12": 1}
CLAIMS |= {"S13": 2, "S14": 1, "N5": 24, "N6": 5, "N7": 3, "N9": 6, "T1": 2, "T2": 2}
CLAIMS |= {"T3": 2, "T4": 2} | {f"X{k}": 1 for k in ("1", "1b", *"2345")}
IDS = [line["id"] for line in read_claims()]


def make_run(folder: Path, finals, column="nse") -> None:
    """A finished run whose seeds go from 1 to these final values."""
    folder.mkdir(parents=True)
    n = len(finals)
    moments = {"epoch": 0.0, "examples": [0] * n + [10] * n, "phase": 0}
    table = pd.DataFrame({"seed": 2 * [*range(n)], "step": [0] * n + [10] * n, **moments})
    table[column] = [*np.ones(n), *finals]
    manifest = {"commit": "abc", "versions": {"numpy": "2"}, "device": "cpu", "seconds": 1}
    table.to_csv(folder / "metrics.csv", index=False)
    (folder / "config.yaml").write_text(yaml.safe_dump({"rule": {"name": "fa"}}))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    np.savez(folder / "arrays.npz", kept=np.ones(3))
    (folder / "done").touch()


def claim(criterion, n=5, note="", **parameters) -> dict:
    """A made-up row about run a, or about runs a and b."""
    runs = {"a": "x/rule=a"} if criterion == "value" else {"a": "x/rule=a", "b": "x/rule=b"}
    texts = {"id": "X1", "where": "here", "claim": "a | b", "paper": "1 %", "command": "fa-run x"}
    return {**texts, "n": n, "runs": runs, "criterion": criterion, "parameters": parameters,
            "note": note}  # fmt: skip


NSE = claim("value", at=2.4, column="nse", note="as it is.")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("mean", "row", "verdict", "note"),
    [
        (2.6, NSE, "reproduced", "as it is."),
        (2.8, NSE, "close", "as it is."),
        (9.0, NSE, "not reproduced", "as it is."),
        (2.6, NSE | {"n": 6}, "reproduced", "as it is."),
        (2.6, NSE | {"n": 7}, "not run", "n = 6 of 7; would meet"),
        (2.8, NSE | {"n": 7}, "not run", "n = 6 of 7; does not meet"),
    ],
)
def test_verdicts(tmp_path, mean, row, verdict, note):
    """Of six seeds; where a claim wants more it is not judged, but told how it stands."""
    make_run(tmp_path / "x" / "rule=a", np.full(6, mean))
    if verdict == "not run":
        note += f" the criterion so far; as it is.: fa-run x outputs={tmp_path}"
    judged = judge_claim(row, tmp_path)
    assert (judged.word, judged.note, judged.n) == (verdict, note, 6)


@pytest.mark.quick
def test_seeds_that_diverged_are_told(tmp_path):
    """A claim of which some have no final number is not met, and its note says why."""
    make_run(tmp_path / "x" / "rule=a", np.full(6, 2.0))
    path = tmp_path / "x" / "rule=a" / "metrics.csv"
    table = pd.read_csv(path)
    table[(table["seed"] != 4) | (table["step"] == 0)].to_csv(path, index=False)
    judged = judge_claim(NSE, tmp_path)
    assert judged.word == "not reproduced"
    assert judged.note == "1 of 6 seeds of a diverged; as it is."


@pytest.mark.quick
def test_a_row_has_all_its_columns(tmp_path):
    """Mean, s.d., n, test, p, runs; and where a run is missing its name and what to type."""
    make_run(tmp_path / "x" / "rule=a", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    row = as_row(judge_claim(claim("order"), tmp_path))
    assert (row["verdict"], row["measured"], row["n"], row["p"]) == ("not run", "", "", "")
    assert row["note"] == f"no finished result in x/rule=b: fa-run x outputs={tmp_path}"
    make_run(tmp_path / "x" / "rule=b", [1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    row = as_row(judge_claim(claim("order"), tmp_path))
    assert tuple(row) == COLUMNS and row["verdict"] == "reproduced"
    assert (row["measured"], row["spread"], row["n"]) == ("0.35", "0.19", 6)
    assert (row["runs"], row["p"]) == ("x/rule=a x/rule=b", "1.6e-06")


DAMAGES = {  # file: its new content, None to remove it; what is told of it
    "no mark": ("done", None, "no finished result in x/rule=a"),
    "no metrics": ("metrics.csv", None, "No such file or directory"),
    "metrics empty": ("metrics.csv", b"", "ends in the middle of a row"),
    "metrics cut": ("metrics.csv", b"seed,step,ep", "ends in the middle of a row"),
    "metrics other": ("metrics.csv", b"seed,step\n", "no table of numbers with the columns seed"),
    "metrics of no seed": ("metrics.csv", b"step,nse\n0,1\n", "no table of numbers"),
    "metrics of words": (
        "metrics.csv",
        b"seed,step,epoch,examples,phase,nse\n0,0,0,0,0,many\n",
        "no table of numbers",
    ),
    "metrics binary": ("metrics.csv", b"\xff\xfe\x00\x01", "can't decode byte"),
    "another metric": (
        "metrics.csv",
        b"seed,step,epoch,examples,phase,loss\n0,0,0,0,0,1\n",
        "rule=a has not measured nse",
    ),
    "no config": ("config.yaml", None, "No such file or directory"),
    "config empty": ("config.yaml", b"", "config.yaml is not the config of a run"),
    "config of another kind": ("config.yaml", b"rule: fa\n", "is not the config of a run"),
    "config no YAML": ("config.yaml", b"rule: [fa\n", "while parsing"),
    "config with code": (
        "config.yaml",
        b"!!python/object/apply:os.system ['true']\n",
        "could not determine a constructor",
    ),
    "arrays text": ("arrays.npz", b"text", "arrays.npz is damaged"),
    "arrays cut": ("arrays.npz", b"PK\x03\x04", "arrays.npz is damaged"),
}


@pytest.mark.quick
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_results_are_not_judged(tmp_path, damage):
    """Whole, it is judged; damaged it is `not run`, and the note says what is wrong."""
    make_run(tmp_path / "x" / "rule=a", np.full(6, 2.0))
    assert judge_claim(NSE, tmp_path).word == "reproduced"
    name, content, told = DAMAGES[damage]
    path = tmp_path / "x" / "rule=a" / name
    path.unlink() if content is None else path.write_bytes(content)
    verdict = judge_claim(NSE, tmp_path)
    assert (verdict.word, verdict.judgement, verdict.n) == ("not run", None, 0)
    assert told in verdict.note and verdict.note.endswith(f": fa-run x outputs={tmp_path}")


@pytest.mark.quick
def test_every_claim_is_there_and_can_be_judged():
    """The paper's claims in order, each with a known criterion, a run and a command."""
    rows = read_claims()
    assert Counter(name.split(".")[0] for name in IDS) == CLAIMS and len(set(IDS)) == len(IDS)
    assert list(CLAIMS) == list(dict.fromkeys(name.split(".")[0] for name in IDS))
    for line in rows:
        assert line["criterion"] in CRITERIA and line["runs"] and line["command"] and line["n"] >= 1
    assert {line["criterion"] for line in rows} == {*CRITERIA}


@pytest.mark.quick
@pytest.mark.skipif(not PAPER.is_dir(), reason="the reference results are not here")
def test_the_reference_results_are_judged_as_before(tmp_path, monkeypatch):
    """All that the report says of them; numbers up to rounding."""
    again = tmp_path / "outputs" / "paper"
    again.mkdir(parents=True)
    for folder in PAPER.iterdir():
        if folder.is_dir():
            (again / folder.name).symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    write_report(SimpleNamespace(results="outputs/paper", outputs=None, claim=None))
    before, now = (read_report(folder / "report.csv") for folder in (PAPER, again))
    texts = before.columns.drop([*NUMBERS, *WITH_NUMBERS])
    pd.testing.assert_frame_equal(now[texts], before[texts])
    for name in WITH_NUMBERS:
        words = [table[name].str.replace(r"[\d.e+-]+", "", regex=True) for table in (now, before)]
        pd.testing.assert_series_equal(*words)
    numbers = [table[NUMBERS].replace("", "nan").astype(float) for table in (now, before)]
    pd.testing.assert_frame_equal(*numbers, rtol=0.02, atol=1e-12)
    counted = now["verdict"].value_counts()
    assert counted["reproduced"] >= 30 and counted.sum() == len(IDS)
    assert f"{counted['reproduced']} reproduced" in (again / "report.md").read_text()


def read_report(path: Path) -> pd.DataFrame:
    """A report.csv as text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_the_command(tmp_path):
    """A real if small result: table, files, one claim told; status 0 although most is not run."""
    succeed(run_here(tmp_path, "-m", "experiment=fig2", "rule=bp,fa"))
    succeed(run_here(tmp_path, "plot"))
    shown = succeed(run_command(tmp_path, "report"))
    assert "[/]" not in shown  # colours as such, and none where there is no terminal
    assert f"4 reproduced, 0 close, 0 not reproduced, {len(IDS) - 4} not run" in shown
    outputs = tmp_path / "outputs"
    table = read_report(outputs / "report.csv")
    assert (*table,) == COLUMNS and table["id"].tolist() == IDS
    page = (outputs / "report.html").read_text()
    assert "data:image/png;base64," in page and "src=http" not in page and 'src="http' not in page
    assert "fa-run +sweep=fig3d" in page and "NumPy" in page
    assert (outputs / "report.md").read_text().count("\n| ") == len(IDS) + 2  # heading and rule

    told = succeed(run_here(tmp_path, "report", "claim=F2.6"))
    assert "n = 20" in told and "final mean > 5 degrees" in told and "fig2/rule=fa" in told
