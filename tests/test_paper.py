"""`fa-run paper`: all that the report judges, part by part, and how long each takes."""

import json
import signal
import time
from pathlib import Path

import pytest
import yaml
from helpers import run_here, start_command, succeed, told, wait_for
from omegaconf import OmegaConf

from fa_cli import composing, config, paper
from fa_cli.claims.report import read_claims
from fa_cli.results.identity import identity
from fa_cli.results.reading import finished, read_yaml

REFERENCE = Path(__file__).parents[1] / "outputs" / "paper"
HEADER = """# Seconds that the runs of the report took on two cores, from the manifests of the
# reference results, and the speed of a core there in GFlop/s;
# written by `python tests/test_paper.py`
"""
SPEED = 170  # GFlop/s of a core of the machine that made most of them
SPEEDS = {"Haswell": 75}  # of others, by the kernel that BLAS had there
pytestmark = pytest.mark.quick


def seconds() -> dict[str, int]:
    """What each reference run that the report wants took, or would have on the faster machine.

    That has two cores: a run that had one takes half as long, but for stacked small networks.
    """
    found = {}
    for part in paper.parts_of(read_claims()):
        for run in part.runs:
            if finished(REFERENCE / run):
                manifest = json.loads((REFERENCE / run / "manifest.json").read_text())
                kernel = manifest.get("blas", [""])[-1].split(" ")[-1]
                slower = SPEED / SPEEDS.get(kernel, SPEED)
                alone = manifest["loop"] != ["seeds together"] and manifest["threads"] == 1
                several = read_yaml(REFERENCE / run / "config.yaml")["seeds"] != 1
                slower *= 2 if alone and several else 1
                found[run] = max(1, round(manifest["seconds"] / slower))
    return found


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference results are not here")
def test_times_are_those_of_the_reference_results():
    """Where they were made again: python tests/test_paper.py."""
    assert yaml.safe_load(paper.COSTS.read_text())["seconds"] == seconds()


@pytest.mark.slow
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference results are not here")
def test_the_same_command_finds_reference_results_finished():
    """Their words mean today what they meant then; of a search, some trials of each rule.

    Fig. 4's first search was typed by hand on an experiment whose schedule is another one now.
    """
    other = {}
    with composing.apart():
        every = sorted(REFERENCE.rglob(".hydra/overrides.yaml"))
        searched = [path for path in every if path.is_relative_to(REFERENCE / "search")]
        for typed in [*(path for path in every if path not in searched), *searched[::12]]:
            run = typed.parents[1]
            words = yaml.safe_load(typed.read_text())
            by_hand = not any(word.startswith("+sweep=") for word in words)
            if run.parent.name == "fig4_spiking" and by_hand and typed in searched:
                continue
            composed = composing.compose(words)
            own = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
            plain = config.resolve(own, words)
            now = identity(plain, config.option_defaults(plain))
            if found := now.difference(read_yaml(run / "config.yaml")):
                other[str(run.relative_to(REFERENCE))] = found
    assert other == {}


@pytest.mark.slow
def test_a_signal_waits_for_the_checkpoint(tmp_path):
    """The run in hand writes it, one line says how to go on; the rest is not begun."""
    paper_run = start_command(tmp_path, "paper", "parts=[fig3d]")
    wait_for("config.yaml", tmp_path, paper_run)
    time.sleep(0.5)  # into the run
    paper_run.send_signal(signal.SIGINT)
    _, complaint = paper_run.communicate(timeout=60)
    assert paper_run.returncode == 128 + signal.SIGINT
    assert complaint.splitlines()[-1].endswith("stopped; the same command goes on from there")
    assert len(list(tmp_path.rglob("checkpoint.npz"))) == 1


def test_every_run_of_the_report_belongs_to_a_part():
    """But for those of a search; each part knows which data it wants."""
    parts = {part.name: part for part in paper.parts_of(read_claims())}
    assert all({*part.runs} <= paper.runs_of(*part.words) for part in parts.values())
    made = {run for part in parts.values() for run in part.runs}
    wanted = {run for claim in read_claims() for run in claim["runs"].values()}
    assert {run for run in wanted - made if not run.startswith("search/")} == set()
    assert parts["fig2"].datasets == {"linear"} and len(parts["fig2"].runs) == 4
    assert parts["fig3_variants"].datasets == parts["note5_variants"].datasets == {"mnist"}
    assert parts["note6"].datasets == {"svhn"} and parts["note7"].datasets == {"timit"}
    assert parts["fig4"].runs == ["fig4_spiking/rule=fa", "fig4_spiking/rule=shallow"]
    assert parts["fig5_controls"].runs == ["fig5_phases/rule=bp"]
    assert parts["fashion_rate"].runs == ["fig3_fashion/rule=fa,optimizer.learning_rate=0.03"]
    small = {part.name for part in paper.chosen([*parts.values()], [], images=False)}
    assert {"fig2", "theorems"} < small and small.isdisjoint({"fig3", "note9"})


def test_a_claims_own_command_makes_all_its_runs():
    """So that typing what a row says is enough; those of a search have a sweep of their own."""
    for claim in read_claims():
        words = [command.split() for command in claim["command"].split("; ")]
        made = set().union(*(paper.runs_of(*rest) for first, *rest in words if first == "fa-run"))
        wanted = {run for run in claim["runs"].values() if not run.startswith("search/")}
        assert wanted <= made, claim["id"]


@pytest.mark.parametrize(("cores", "times"), [(1, 2), (2, 1), (8, 1)])
def test_times_of_a_machine_like_that_of_the_reference_results(tmp_path, monkeypatch, cores, times):
    """They are of two cores; one takes twice as long."""
    known = paper.costs_there()
    monkeypatch.setattr(paper, "speed", lambda: known["speed"])
    monkeypatch.setattr(paper, "usable_cores", lambda: cores)
    part = paper.Part("note9", [], ["note9_wide/rule=bp", "note9_wide/rule=fa"], set())
    expected = sum(known["seconds"][run] for run in part.runs)
    assert paper.cost(part, tmp_path) == times * expected


def test_what_there_is_to_do(tmp_path):
    """Nothing is trained; parts without data say what they lack."""
    said = succeed(run_here(tmp_path, "paper", "list=true", f"data_dir={tmp_path}"))
    for part in ("fig2", "fig3", "note9", "theorems"):
        assert any(line.startswith(part) for line in said.splitlines())
    assert "together about " in said and "no svhn in" in said
    assert not list(tmp_path.rglob("metrics.csv"))
    told(run_here(tmp_path, "paper", "parts=[fig99]"), "no part is called 'fig99'")
    told(run_here(tmp_path, "paper", "parts=5"), "no part is called '5'")
    told(run_here(tmp_path, "paper", "images=no"), "images=no: expected true or false")


@pytest.mark.slow
def test_parts_are_made_once(tmp_path):
    """The named ones, in whatever folder; the same command again finds them finished."""
    words = ["paper", "parts=[jacobian,minimum]", "outputs='here, \\'and\\' (there)'"]
    said = succeed(run_here(tmp_path, *words))
    assert "part 1 of 2: jacobian" in said and "part 2 of 2: minimum" in said
    assert finished(tmp_path / "here, 'and' (there)" / "jacobian" / "rule=fa")
    again = succeed(run_here(tmp_path, *words))
    assert "part " not in again.replace("part  ", "") and again.count("finished") == 2
    rest = succeed(run_here(tmp_path, "paper", "list=true", words[-1], "images=false"))
    assert rest.count("finished") == 2 and "note5" not in rest


if __name__ == "__main__":
    known = {"speed": SPEED, "seconds": seconds()}
    paper.COSTS.write_text(HEADER + yaml.safe_dump(known, sort_keys=False, width=200))
