"""The report: four verdicts from made-up results, missing and damaged ones included; every claim of the paper is in it."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import run_command

from fa_cli.judge import CRITERIA
from fa_cli.report import COLUMNS, claims, judge, row

COUNTS = {
    "F2": 6,
    "F3": 8,
    "F4": 1,
    "F5": 3,
    "S5": 1,
    "S6": 3,
    "S7": 3,
    "S8": 1,
    "S9": 1,
    "S10": 2,
    "S11": 3,
    "S12": 1,
    "S13": 1,
    "S14": 1,
}
COUNTS |= {"N5": 11, "N6": 3, "N7": 2, "N9": 4, "T1": 2, "T2": 1, "T3": 1, "T4": 1}
IDS = [f"{group}.{k}" for group, count in COUNTS.items() for k in range(1, count + 1)]


def make_run(folder, finals, column="nse", done=True):
    """A finished run whose seeds go from 1 to the given final values."""
    folder.mkdir(parents=True)
    rows = [
        {"seed": s, "step": step, "epoch": 0.0, "examples": step, "phase": 0}
        for s in range(len(finals))
        for step in (0, 10)
    ]
    table = pd.DataFrame(rows)
    table[column] = np.column_stack([np.ones(len(finals)), finals]).ravel()
    table.to_csv(folder / "metrics.csv", index=False)
    (folder / "config.yaml").write_text(yaml.safe_dump({"rule": {"name": "fa"}}))
    (folder / "manifest.json").write_text(
        json.dumps({"commit": "abc", "versions": {"numpy": "2"}, "device": "cpu", "seconds": 1})
    )
    if done:
        (folder / "done").touch()


def claim(criterion, n=5, **parameters):
    """A made-up row about runs a and b."""
    runs = {"a": "x/rule=a"} if criterion == "value" else {"a": "x/rule=a", "b": "x/rule=b"}
    base = {
        "id": "X1",
        "where": "here",
        "claim": "a | b",
        "paper": "1 %",
        "n": n,
        "runs": runs,
        "command": "fa-run x",
    }
    return base | {"criterion": criterion, "parameters": parameters}


def noisy(mean, sd=0.01, n=6):
    return mean + sd * np.linspace(-1, 1, n)


@pytest.mark.parametrize(
    ("row", "a", "b", "verdict"),
    [
        (claim("value", at=2.4, column="nse"), noisy(2.6), None, "reproduced"),
        (claim("value", at=2.4, column="nse"), noisy(2.8), None, "close"),
        (claim("value", at=2.4, column="nse"), noisy(9.0), None, "not reproduced"),
        (claim("value", at=10, column="nse", points=None), noisy(11.4), None, "reproduced"),
        (claim("value", at=10, column="nse", points=None), noisy(11.6), None, "close"),
        (claim("order"), noisy(0.1), noisy(0.2), "reproduced"),
        (claim("order"), noisy(0.1, 0.2), noisy(0.11, 0.2), "close"),
        (claim("order"), noisy(0.3), noisy(0.2), "not reproduced"),
        (claim("as_good_as"), noisy(0.2), noisy(0.2), "reproduced"),
        (claim("as_good_as"), noisy(0.23), noisy(0.2), "close"),
        (claim("as_good_as"), noisy(0.9), noisy(0.2), "not reproduced"),
        (claim("order", n=20), noisy(0.1), noisy(0.2), "not run"),
    ],
)
def test_verdicts(tmp_path, row, a, b, verdict):
    """The general criteria at their edges; too few seeds are never judged."""
    make_run(tmp_path / "x" / "rule=a", a)
    if b is not None:
        make_run(tmp_path / "x" / "rule=b", b)
    assert judge(row, tmp_path).verdict == verdict


def test_a_row_has_all_its_columns(tmp_path):
    """Mean, spread, n, test, p, runs; and a row that is not run says what is missing and what to type."""
    make_run(tmp_path / "x" / "rule=a", noisy(0.1))
    missing = row(judge(claim("order"), tmp_path))
    assert (
        missing["verdict"] == "not run"
        and "x/rule=b" in missing["note"]
        and "fa-run x" in missing["note"]
    )
    make_run(tmp_path / "x" / "rule=b", noisy(0.2))
    judged = row(judge(claim("order"), tmp_path))
    assert list(judged) == COLUMNS
    assert (judged["measured"], judged["n"], judged["runs"]) == ("0.1", 6, "x/rule=a x/rule=b")
    assert float(judged["p"]) < 1e-6 and "Welch" in judged["test"] and float(judged["spread"]) > 0


@pytest.mark.parametrize("damage", ["unfinished", "truncated", "column", "empty"])
def test_damaged_results_are_not_judged(tmp_path, damage):
    """No `done`, a cut CSV, a missing column, an empty file: not run, with the reason."""
    folder = tmp_path / "x" / "rule=a"
    make_run(
        folder,
        noisy(2.0),
        column="other" if damage == "column" else "nse",
        done=damage != "unfinished",
    )
    text = (folder / "metrics.csv").read_text()
    if damage == "truncated":
        (folder / "metrics.csv").write_text("seed,step\n0,0,1,2\n" + text[:7])
    if damage == "empty":
        (folder / "metrics.csv").write_text("")
    verdict = judge(claim("value", at=2.4, column="nse"), tmp_path)
    assert verdict.verdict == "not run" and verdict.judgement is None and verdict.note


def test_every_claim_is_there_and_can_be_judged():
    """The ids of the paper's claims, in order, each with a known criterion, at least one run and a command."""
    rows = claims()
    assert [line["id"] for line in rows] == IDS
    for line in rows:
        assert line["criterion"] in CRITERIA and line["runs"] and line["command"] and line["n"] >= 1


def test_the_command(tmp_path):
    """A small real result: table, files, one claim explained; exit 0 although most is not run."""
    assert run_command(tmp_path, "-m", "experiment=fig2", "rule=bp,fa").returncode == 0
    assert run_command(tmp_path, "plot").returncode == 0
    done = run_command(tmp_path, "report")
    assert done.returncode == 0, done.stderr
    assert "4 reproduced, 0 close, 0 not reproduced, 56 not run" in done.stdout
    table = pd.read_csv(tmp_path / "outputs" / "report.csv")
    assert list(table) == COLUMNS and table["id"].tolist() == IDS
    page = (tmp_path / "outputs" / "report.html").read_text()
    assert "data:image/png;base64," in page and "src=http" not in page and 'src="http' not in page
    assert "fa-run +sweep=fig3d" in page and "numpy" in page
    assert (tmp_path / "outputs" / "report.md").read_text().count("\n| ") == len(
        IDS
    ) + 2  # heading and rule

    explained = run_command(tmp_path, "report", "claim=F2.6").stdout
    assert (
        "n = 20" in explained
        and "final mean > 5 degrees" in explained
        and "fig2/rule=fa" in explained
    )
