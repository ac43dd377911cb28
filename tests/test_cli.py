"""The command as a person uses it.

Results on disk, repetition, resumption, seeds, sweeps, completion, rules from outside.
"""

import errno
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import (
    DATA,
    interrupted,
    needs_mnist,
    run_command,
    run_here,
    snapshot,
    start_command,
    succeed,
    told,
    wait_for,
)

from fa_cli import cli, composing
from fa_cli.data import fetch
from fa_cli.results import recorder
from fa_cli.results.files import write_bytes

FILES = {"metrics.csv", "summary.csv", "config.yaml", "manifest.json", "done"}
FILES |= {".hydra/config.yaml", ".hydra/overrides.yaml"}
OTHERS = {"manifest.json", ".hydra/config.yaml", ".hydra/overrides.yaml"}  # times, what was typed


def run_folder(folder: Path) -> Path:
    """The one finished run below a folder."""
    (done,) = folder.rglob("done")
    return done.parent


def metrics_of(folder: Path) -> pd.DataFrame:
    """metrics.csv of the one finished run below a folder."""
    return pd.read_csv(run_folder(folder) / "metrics.csv")


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """What a .npz file holds."""
    with np.load(path) as stored:
        return {key: stored[key] for key in stored.files}


def results(folder: Path) -> dict[str, bytes]:
    """The files of the one finished run below a folder that a repetition must leave the same."""
    run = run_folder(folder)
    files = {path.relative_to(run).as_posix(): content for path, content in snapshot(run).items()}
    return {name: content for name, content in files.items() if name not in OTHERS}


FALLING = ["optimizer.schedule=plateau", "optimizer.patience=0.1", "dataset.validation=300"]


# ---- a run ---------------------------------------------------------------------------------------


def test_a_bare_run(fa_run, tmp_path):
    """Fig. 2's network with feedback alignment: a table, the folder, what to type next.

    Plain text where there is no terminal; the same again changes nothing.
    """
    done = fa_run()
    said = succeed(done)
    assert done.stderr == "" and "\x1b" not in said and said.startswith("final values")
    for part in ("nse", "angle_to_bp_1", "n = 20", "outputs/linear/rule=fa", "next: "):
        assert part in said
    folder = tmp_path / "outputs" / "linear" / "rule=fa"
    assert {path.relative_to(folder).as_posix() for path in snapshot(folder)} == FILES
    metrics = pd.read_csv(folder / "metrics.csv")
    assert list(metrics)[:5] == ["seed", "step", "epoch", "examples", "phase"]
    assert set(metrics["seed"]) == set(range(20)) and metrics["step"].max() == 2000
    assert metrics[metrics["step"] == 2000]["nse"].max() < 1e-6
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["backend"] == "numpy" and "numpy" in manifest["versions"]
    assert manifest["examples_per_second"] > 0 and 50 < manifest["peak_memory_mb"] < 1000
    before = snapshot(folder)
    assert "finished before" in succeed(run_here(tmp_path))
    assert snapshot(folder) == before
    first = results(tmp_path)
    assert "trained in" in succeed(run_here(tmp_path, "resume=false"))
    assert results(tmp_path) == first


def test_memory_is_that_of_the_process_alone():
    """The peak that a manifest tells does not begin with what held the one that started it."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells it")
    large = np.ones(50_000_000)  # 400 MB
    code = "from fa_cli.results.recorder import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 20 < int(done.stdout) < large.nbytes >> 20


@pytest.mark.slow
@needs_mnist
def test_memory_of_large_networks(tmp_path):
    """Below the images as bytes, four times the parameters, and 300 MB for Python and libraries."""
    words = ["experiment=note9_narrow", "rule=bp", "optimizer.schedule=[]", "steps=1"]
    succeed(run_command(tmp_path, *words, "record.reconstructions=0"))
    folder = run_folder(tmp_path)
    sizes = yaml.safe_load((folder / "config.yaml").read_text())["model"]["sizes"]
    parameters = 5 * sum((below + 1) * above for below, above in pairwise(sizes))
    peak = json.loads((folder / "manifest.json").read_text())["peak_memory_mb"]
    assert peak * 2**20 < 70_000 * 784 + 4 * 4 * parameters + 300e6


def test_help_version_and_config(fa_run, tmp_path):
    """Each subcommand has its own help; `--cfg job` shows the config and trains nothing."""
    assert "fa-run -m rule=bp,fa" in succeed(fa_run("--help"))
    assert "format=png|pdf|svg" in succeed(run_here(tmp_path, "plot", "--help"))
    assert "NAME ..." in succeed(run_here(tmp_path, "data", "--help"))
    assert succeed(run_here(tmp_path, "--version")).startswith("fa-run ")
    shown = succeed(run_here(tmp_path, "--cfg", "job", "--resolve", "rule=bp"))
    assert "learning_rate: 0.01" in shown
    assert not snapshot(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ["rule=fa"],
        ["rule=node_perturbation"],
        ["rule=kolen_pollack", "optimizer.weight_decay=0.01"],
        ["experiment=debug"],
        ["experiment=debug", "rule=bp", "model.hidden=tanh", "dtype=float32"],
        ["experiment=debug", "model.dropout=0.3", *FALLING],
        ["experiment=debug", "rule.feedback_scale=matched", "rule.derivative=passed"],
    ],
    ids=" ".join,
)
def test_a_seed_is_the_same_alone_or_among_others(tmp_path, words):
    """Seed 3 alone and among 0..4: the same rows of metrics.csv to the last digit."""
    words = [*words, "steps=300", "record.every=100"]
    succeed(run_here(tmp_path, *words, "seeds=[3]", "outputs=alone"))
    succeed(run_here(tmp_path, *words, "seeds=5", "outputs=among"))
    alone, among = (results(tmp_path / name)["metrics.csv"] for name in ("alone", "among"))
    rows = [line for line in among.splitlines() if line.startswith(b"3,")]
    assert len(rows) == 4 and alone.splitlines()[1:] == rows


SIZES = {  # a command line: how many runs it makes
    "+sweep=fig2": 4,
    "+sweep=fig3_search_bp seeds=2": 30,
    "-m rule=bp,fa model.sizes=[64,20,10],[64,10,10]": 4,
    "-m rule=bp seeds=range(1,4)": 3,
    "+sweep=fig2 rule=bp,fa": 2,
    "+sweep=tune_fa": None,
    "+sweep=nothing": None,
    "-m rule=bp,fa --config-dir .": None,
}


@pytest.mark.quick
@pytest.mark.parametrize("line", SIZES)
def test_how_many_runs_a_sweep_makes(line):
    """All combinations; a search shows it only at its end."""
    with composing.apart():
        assert composing.sweep_size(line.split()) == SIZES[line]


def test_a_sweep_and_the_names_of_its_folders(fa_run, tmp_path):
    """A folder for each combination, named by what differs; how far it is, after each run."""
    said = succeed(fa_run("-m", "experiment=debug", "rule=bp,shallow", "batch_size=5,10"))
    told = re.findall(r"(\d) of 4 runs; about \d+ \w+ to go", said)
    assert told == ["1", "2", "3"]
    names = {path.parent.name for path in tmp_path.rglob("done")}
    of_bp = {"rule=bp,batch_size=5", "rule=bp,batch_size=10"}
    assert names == of_bp | {name.replace("bp", "shallow") for name in of_bp}


def test_steps_and_epochs(tmp_path):
    """The one that is typed replaces the experiment's: of 1,500 images in fives 2 epochs."""
    succeed(run_here(tmp_path, "experiment=debug", "epochs=2"))
    table = metrics_of(tmp_path).query("seed == 0")
    assert table["step"].tolist() == [0, 300, 600] and table["epoch"].tolist() == [0, 1, 2]
    assert table["examples"].tolist() == [0, 1500, 3000]


def test_phases(tmp_path):
    """Rule and frozen layers change with the phase; while only W_0 learns, W stays as it was."""
    words = ["phases=[{freeze:[1],steps:100},{rule:bp,steps:50}]", "optimizer.learning_rate=0.002"]
    succeed(run_here(tmp_path, *words, "seeds=2", "record.every=50"))
    table = metrics_of(tmp_path).query("seed == 0").set_index("step")
    assert table["phase"].tolist() == [0, 0, 1, 1]
    assert table["weight_norm_1"][0] == table["weight_norm_1"][100] != table["weight_norm_1"][150]
    assert table["weight_norm_0"][0] != table["weight_norm_0"][100]
    assert table["angle_w_b_1"].isna().tolist() == [False, False, True, True]


def test_a_seed_that_diverges_ends_alone(tmp_path):
    """Its rows end, it is named with step, layer and remedy; the others are as without it."""
    words = ["optimizer.learning_rate=0.012", "steps=1000", "record.every=10"]
    done = run_here(tmp_path, *words, "outputs=all")
    succeed(done)
    pattern = r"seed (\d+) diverged before step (\d+), first in W_\d, with optimizer.learning_rate"
    pattern += "=0.012: type a smaller one"
    ended = {int(seed): int(step) for seed, step in re.findall(pattern, done.stderr)}
    assert 0 < len(ended) == len(done.stderr.splitlines()) < 20
    table, others = metrics_of(tmp_path / "all"), [s for s in range(20) if s not in ended]
    last = dict.fromkeys(others, 1000) | {seed: step - 10 for seed, step in ended.items()}
    assert table.groupby("seed")["step"].max().to_dict() == last
    assert set(pd.read_csv(run_folder(tmp_path) / "summary.csv")["n"]) == {len(others)}
    succeed(run_here(tmp_path, *words, f"seeds={others}".replace(" ", ""), "outputs=others"))
    expected = table[table["seed"].isin(others)].reset_index(drop=True)
    pd.testing.assert_frame_equal(metrics_of(tmp_path / "others"), expected, check_exact=True)


def test_who_looks_hears_of_seeds_that_go_on(tmp_path):
    """Of a run with seeds that have diverged: its own text and `fa-run runs`, until it ends."""
    words = ["optimizer.learning_rate=0.012", "steps=300000000", "record.every=1000", "seeds=20"]
    words += ["record.metrics=[nse]", "record.checkpoint_seconds=0.1"]
    assert "diverged before step" in interrupted(tmp_path, *words)
    (path,) = tmp_path.rglob("progress.json")
    told = json.loads(path.read_text())
    assert told["step"] > 0 and told["metrics"]["nse"] < 0.04  # 1 of each that has


def test_a_sweeper_hears_of_seeds_that_diverged():
    """Who is left tells nothing of a setting: it is the worst there can be."""
    summary = pd.DataFrame({"metric": ["loss", "nse"], "mean": [2.0, 0.5], "n": [3, 3]})
    assert cli.minimised(summary, 3) == cli.minimised(summary, [4, 7, 9]) == 0.5
    assert cli.minimised(summary, 4) == math.inf


LOOPS = [
    (["steps=5000", "record.every=5000"], ["compiled"]),
    (["steps=5000", "record.every=5000", "backend.compiled=false"], ["seeds together"]),
    (["model.sizes=[30,400,10]", "batch_size=100", "steps=1"], ["seeds apart"]),
    (["phases=[{steps:5000},{rule:kolen_pollack,steps:1}]"], ["compiled", "seeds together"]),
]


@pytest.mark.parametrize(("words", "loops"), LOOPS, ids=[" ".join(words) for words, _ in LOOPS])
def test_the_manifest_says_which_loop_ran(tmp_path, words, loops):
    """For each phase: the compiled one, or that of all seeds together, or of one on each core."""
    succeed(run_here(tmp_path, *words, "seeds=2"))
    manifest = json.loads((run_folder(tmp_path) / "manifest.json").read_text())
    assert manifest["loop"] == loops


# ---- what it keeps -------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["fa", "kolen_pollack"])
def test_an_audit_can_be_rederived(tmp_path, rule):
    """record.audit=3: the updates of a 3-layer tanh net, recomputed with plain NumPy.

    That is W, b and B of each step, those after the last audited update included.
    """
    words = ["model=tanh", "dataset=teacher", "batch_size=4", "optimizer.weight_decay=0.5"]
    words += [f"rule={rule}", "record.audit=3", "steps=9", "seeds=2"]
    succeed(run_here(tmp_path, *words))
    audit = arrays_of(run_folder(tmp_path) / "audit.npz")
    assert {key.split("/")[0] for key in audit} == set("0123") and "3/x" not in audit
    eta, learns = 0.01, rule == "kolen_pollack"
    keep = (1 - eta * 0.5) ** 4
    for k, s in np.ndindex(3, 2):
        now = {key.split("/")[1]: array[s] for key, array in audit.items() if key[0] == str(k)}
        x, w0, w1, b = (now[name] for name in ("x", "W0", "W1", "B1"))
        h = np.tanh(x @ w0.T + now["b0"])
        e = now["target"] - (h @ w1.T + now["b1"])
        d = (e @ b.T) * (1 - h**2)
        after = {
            "W1": keep * w1 + eta * e.T @ h,
            "b1": now["b1"] + eta * e.sum(0),
            "W0": keep * w0 + eta * d.T @ x,
            "b0": now["b0"] + eta * d.sum(0),
            "B1": keep * b + eta * h.T @ e if learns else b,
        }
        for name, value in after.items():
            found = audit[f"{k + 1}/{name}"][s]
            np.testing.assert_allclose(found, value, rtol=0, atol=1e-13)


def test_the_audit_holds_the_noise(tmp_path):
    """A rule with noise: xi_l as it was added to h_l, of the sd that the config says."""
    words = ["rule=node_perturbation", "record.audit=2", "steps=5", "batch_size=500", "seeds=2"]
    succeed(run_here(tmp_path, *words))
    noise = arrays_of(run_folder(tmp_path) / "audit.npz")["1/noise1"]
    assert noise.shape == (2, 500, 20) and noise.std() == pytest.approx(0.01, rel=0.02)


def test_feedback_that_learns_lives_on_through_phases(tmp_path):
    """Kolen-Pollack, then feedback alignment, then Kolen-Pollack again: B rests, and goes on."""
    phases = "phases=[{steps:2},{rule:fa,steps:2},{steps:2}]"
    words = ["rule=kolen_pollack", "+rule.derivative=local", "optimizer.weight_decay=0.1", phases]
    succeed(run_here(tmp_path, *words, "record.audit=6", "record.keep_checkpoint=true", "seeds=2"))
    audit = arrays_of(run_folder(tmp_path) / "audit.npz")
    b = [audit[f"{step}/B1"] for step in range(7)]
    moved = [(b[step] != b[step + 1]).all() for step in range(6)]
    assert moved == [True, True, False, False, True, True]
    assert (b[2] == b[4]).all()
    kept = arrays_of(run_folder(tmp_path) / "checkpoint.npz")
    np.testing.assert_array_equal(kept["state/B1"], b[6])


def test_arrays_of_another_shape_in_a_later_phase(tmp_path):
    """B_l of two rules: each is kept, under names of their own, and where it was not used nan."""
    phases = "phases=[{rule:dfa,steps:2},{steps:2}]"
    words = ["model.sizes=[6,5,4,3]", phases, "record.every=1", "record.metrics=[weights]"]
    succeed(run_here(tmp_path, *words, "seeds=2", "optimizer.learning_rate=1e-4"))
    kept = arrays_of(run_folder(tmp_path) / "arrays.npz")
    assert kept["feedback_1"].shape == (5, 2, 15) and kept["feedback_1_20"].shape == (5, 2, 20)
    assert np.isnan(kept["feedback_1"][2:]).all() and not np.isnan(kept["feedback_1"][:2]).any()
    assert np.isnan(kept["feedback_1_20"][:2]).all()


@pytest.mark.parametrize("length", ["steps=4", "epochs=1"])
def test_a_length_beside_phases_is_told_to_be_none(tmp_path, length):
    done = run_here(tmp_path, "experiment=debug", length, "phases=[{steps:2}]", "seeds=1")
    succeed(done)
    assert f"{length} is no length: the phases have" in done.stderr
    assert metrics_of(tmp_path)["step"].max() == 2


def test_epochs_beside_phases_of_data_without_epochs(tmp_path):
    """A schedule would count in them: what is refused, after the remark."""
    done = run_here(tmp_path, "phases=[{steps:5}]", "epochs=2")
    assert done.returncode == 1 and "epochs=2 is no length" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("fa-run: epochs") and "type steps=N" in last
    assert not [*tmp_path.rglob("*.csv"), *tmp_path.rglob("done")]


def test_a_seed_that_diverges_before_a_phase_is_no_fault_of_the_rule(tmp_path):
    """The others go on through it."""
    words = ["rule=bp", "phases=[{steps:450},{steps:20}]", "seeds=20", "record.every=1000"]
    done = run_here(tmp_path, *words, "optimizer.learning_rate=0.0155")
    succeed(done)
    assert "diverged" in done.stderr
    assert metrics_of(tmp_path).groupby("seed")["step"].max().eq(470).sum() > 5


def test_feedback_of_a_rule_that_has_none_is_told(tmp_path):
    """Its scale changes nothing; the run goes on."""
    done = run_here(tmp_path, "rule=bp", "rule.feedback_scale=3", "steps=2", "seeds=1")
    succeed(done)
    assert "rule.feedback_scale counts for nothing: rule=bp has no B" in done.stderr


def test_a_failure_names_its_run(tmp_path):
    """In a sweep, of which the others are trained."""
    done = run_here(tmp_path, "-m", "rule=bp,fa", "steps=100,many", "seeds=1")
    lines = [line for line in done.stderr.splitlines() if "steps=many: expected" in line]
    runs = [f"linear/rule={rule},seeds=1,steps=many" for rule in ("bp", "fa")]
    assert sorted(lines) == [f"fa-run: {run}: steps=many: expected a whole number" for run in runs]


def test_a_schedule_whose_unit_is_another_is_told(tmp_path):
    """An experiment's counts in epochs as its length does; steps=N makes it count in steps."""
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    text = "# @package _global_\ndefaults: [debug]\nsteps: null\nepochs: 2\n"
    text += "optimizer: {schedule: [[1, 0.001]]}\n"
    (tmp_path / "mine" / "experiment" / "falling.yaml").write_text(text)
    words = ["--config-dir", "mine", "experiment=falling", "seeds=1"]
    line = "optimizer.schedule=[[1, 0.001]] was meant in epochs and counts in steps"
    assert line in run_here(tmp_path, *words, "steps=3").stderr
    for same in (["epochs=0.1"], ["steps=4", "optimizer.schedule=[[2,0.001]]"]):
        done = run_here(tmp_path, *words, *same)
        succeed(done)
        assert "was meant in" not in done.stderr


def test_a_plateau_without_validation_is_told_what_it_lacks(tmp_path):
    """Also where there are no epochs for its patience."""
    told(run_here(tmp_path, "optimizer.schedule=plateau"), "type dataset.validation=N")


def test_a_schedule_counts_in_the_epochs_of_phases(tmp_path):
    """Their lengths alone are given in epochs: with a rate of 0 from the second on W stays."""
    words = ["experiment=debug", "epochs=null", "phases=[{epochs:1},{rule:bp,epochs:2}]"]
    words += ["optimizer.schedule=[[1,0]]", "record.metrics=[weight_norm]", "seeds=1"]
    succeed(run_here(tmp_path, *words))
    table = metrics_of(tmp_path).set_index("epoch")["weight_norm_0"]
    assert table[0] != table[1] == table[2] == table[3]


def test_a_phase_with_fresh_feedback(tmp_path):
    """Its B is another one than the first phase's, which a third phase has again."""
    phases = "phases=[{steps:2},{steps:2,fresh_feedback:true},{steps:2}]"
    words = [phases, "record.every=1", "record.metrics=[weights]", "seeds=2", "record.audit=6"]
    succeed(run_here(tmp_path, *words))
    b = arrays_of(run_folder(tmp_path) / "arrays.npz")["feedback_1"]
    assert (b[0] == b[1]).all() and (b[2] != b[1]).all() and (b[2] == b[3]).all()
    assert (b[4] == b[0]).all()
    audit = arrays_of(run_folder(tmp_path) / "audit.npz")
    x, e = audit["2/x"], audit["2/target"] - audit["2/x"] @ products(audit, 2).swapaxes(1, 2)
    change = 0.01 * audit["2/B1fresh1"] @ e.swapaxes(1, 2) @ x
    np.testing.assert_allclose(audit["3/W0"] - audit["2/W0"], change, rtol=1e-9)


def products(audit, step: int) -> np.ndarray:
    """W_1 W_0 before a step, (S, n_2, n_0)."""
    return audit[f"{step}/W1"] @ audit[f"{step}/W0"]


def test_a_kept_checkpoint_has_the_final_state(tmp_path):
    """record.keep_checkpoint=true: the last parameters, none where synapses are absent."""
    words = ["experiment=debug", "model.sparsity=[0,0.5]", "rule.feedback_sparsity=0.5"]
    succeed(run_here(tmp_path, *words, "record.keep_checkpoint=true"))
    state = arrays_of(run_folder(tmp_path) / "checkpoint.npz")
    shapes = {"state/W0": (2, 20, 64), "state/W1": (2, 10, 20), "state/B1": (2, 20, 10)}
    assert state["step"] == 30 and {name: state[name].shape for name in shapes} == shapes
    assert (state["state/W1"] == 0).mean() == (state["state/B1"] == 0).mean() == 0.5
    assert (state["state/W0"] == 0).mean() < 0.01


# ---- once more -----------------------------------------------------------------------------------


def test_what_is_trained_again_and_stopped_leaves_the_checkpoint(tmp_path):
    """A finished run and its kept checkpoint are as they were, until the new one is finished."""
    words = ["rule=fa", "steps=20000", "seeds=2", "record.keep_checkpoint=true", "resume=false"]
    succeed(run_here(tmp_path, *words))
    folder = run_folder(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.glob("[!.]*.*")}
    words += ["record.checkpoint_seconds=0", "record.every=1", "backend.compiled=false"]
    complaint = interrupted(tmp_path, *words, f"hydra.run.dir='{folder}'", at="again.npz")
    assert "its earlier results are as they were" in complaint
    now = {path.name: path.read_bytes() for path in folder.glob("[!.]*.*")}
    assert now.items() >= before.items() and {*now} - {*before} <= {"again.npz", "progress.json"}
    succeed(run_here(tmp_path, *words[:5]))
    assert {path.name for path in folder.glob("[!.]*.*")} == {*before}


def test_results_of_what_is_trained_again_that_have_no_room(tmp_path, monkeypatch):
    """The earlier ones are gone by then: what was trained is there to go on from."""
    words = ["rule=fa", "steps=400", "seeds=2", "backend.compiled=false"]
    succeed(run_here(tmp_path, *words))
    before, folder = results(tmp_path), run_folder(tmp_path)

    def write(path, content):
        if path.name == "summary.csv":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_bytes(path, content)

    monkeypatch.setattr(recorder, "write_bytes", write)
    again = [*words, "resume=false", "record.checkpoint_seconds=0", f"hydra.run.dir='{folder}'"]
    told(run_here(tmp_path, *again), "No space left on device")
    monkeypatch.undo()
    assert not (folder / "done").exists() and arrays_of(folder / "checkpoint.npz")["step"] > 0
    succeed(run_here(tmp_path, *words))
    assert results(tmp_path) == before


PHASES = "phases=[{steps:500},{rule:fa,steps:14000},{steps:5500}]"
INTERRUPTED = {
    signal.SIGINT: ["rule=node_perturbation", "optimizer.momentum=0.5"],
    signal.SIGTERM: ["rule=kolen_pollack", "optimizer.weight_decay=0.01", "steps=20000"],
    signal.SIGUSR1: ["rule=kolen_pollack", "+rule.derivative=local", PHASES],
    signal.SIGHUP: ["experiment=debug", "model.dropout=0.3", *FALLING, "steps=4000"],
}
INTERRUPTED[signal.SIGINT] += ["phases=[{steps:500},{freeze:[0],steps:19500}]"]


@pytest.mark.parametrize("number", INTERRUPTED, ids=lambda number: number.name)
def test_interrupted_and_resumed(tmp_path, number):
    """A signal writes a checkpoint and ends the run; the same command goes on from there.

    It comes to the same bytes as a run without interruption.
    """
    words = [*INTERRUPTED[number], "optimizer.learning_rate=0.001", "seeds=5", "record.audit=2"]
    words += ["record.checkpoint_seconds=0.1"]
    process = start_command(tmp_path, *words, "outputs=stopped")
    wait_for("checkpoint.npz", tmp_path, process)
    process.send_signal(number)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 128 + number, complaint
    (line,) = complaint.strip().splitlines()
    assert "goes on from there" in line
    (checkpoint,) = (tmp_path / "stopped").rglob("checkpoint.npz")
    assert not list(tmp_path.rglob("done"))
    assert 0 < arrays_of(checkpoint)["step"] < 20000
    for name in ("stopped", "whole"):
        succeed(run_here(tmp_path, *words, f"outputs={name}"))
    assert results(tmp_path / "stopped") == results(tmp_path / "whole")
    assert {"metrics.csv", "audit.npz"} < {*results(tmp_path / "whole")}


def test_a_sweep_wherever_the_flag_stands(here, tmp_path):
    """`-m` first, last or in the middle, and other switches too."""
    middle = ["rule=bp,fa", "-m", "--config-dir", ".", "dtype=float32"]
    for k, words in enumerate((["-m", "rule=bp,fa"], ["rule=bp,fa", "-m"], middle)):
        said = succeed(here(*words, "steps=10", "seeds=1", f"outputs={k}"))
        assert "2 runs: 2 trained" in said and len(list((tmp_path / str(k)).rglob("done"))) == 2


def test_two_identical_sweeps_share_the_work(tmp_path):
    """Started together, they train each run once; a third one finds all of them finished.

    The status of one that leaves a run to the other says so.
    """
    words = ["-m", "rule=bp,fa,shallow", "steps=4000", "seeds=5", "record.every=1000"]
    pair = [start_command(tmp_path, *words) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in pair]
    for process, (out, _) in zip(pair, said, strict=True):
        assert process.returncode == (75 if "left to it" in out else 0), said
    assert len(list(tmp_path.rglob("done"))) == 3
    assert sum(out.count("trained in") for out, _ in said) == 3
    assert "3 runs: 3 finished before" in succeed(run_here(tmp_path, *words))
    assert "3 runs: 3 trained" in succeed(run_here(tmp_path, *words, "resume=false"))


def as_it_was(config: Mapping) -> dict:
    """A config as an earlier version wrote it, without the keys that have come since."""
    model = {key: value for key, value in config["model"].items() if key not in ("name", "layers")}
    kept = {key: value for key, value in config.items() if key != "numerics"}
    return kept | {"model": model}


def test_results_of_an_earlier_version(tmp_path):
    """A finished run without the keys that have come since is the same run; another one is not."""
    succeed(run_here(tmp_path, "experiment=debug"))
    path = run_folder(tmp_path) / "config.yaml"
    earlier = as_it_was(yaml.safe_load(path.read_text()))
    assert {"numerics", "name", "layers"}.isdisjoint({*earlier, *earlier["model"]})
    path.write_text(yaml.safe_dump(earlier))
    assert "finished before" in succeed(run_here(tmp_path, "experiment=debug"))
    path.write_text(yaml.safe_dump(earlier | {"batch_size": 7}))
    told(run_here(tmp_path, "experiment=debug"), "another config", "batch_size was 7, now 5")


def test_a_checkpoint_of_an_earlier_version(tmp_path):
    """It goes on: keys that have come since count as their defaults, and B is drawn again."""
    words = ["experiment=debug", "record.every=10", "outputs=whole"]
    succeed(run_here(tmp_path, *words))
    halfway = ["steps=20", "record.keep_checkpoint=true", "outputs=half"]
    succeed(run_here(tmp_path, *words, *halfway))
    state = arrays_of(run_folder(tmp_path / "half") / "checkpoint.npz")
    earlier = as_it_was(json.loads(str(state["identity"]))) | {"steps": 30}
    state["identity"] = np.array(json.dumps(earlier))
    state["feedback/1"] = state.pop("state/B1")
    state["metrics/0/loss"][:] = 123  # a mark of the rows that were kept
    folder = tmp_path / "resumed" / "debug" / "rule=fa,record.every=10"
    folder.mkdir(parents=True)
    np.savez(folder / "checkpoint.npz", **state)
    succeed(run_here(tmp_path, *words[:-1], "outputs=resumed"))
    resumed, whole = metrics_of(tmp_path / "resumed"), metrics_of(tmp_path / "whole")
    assert resumed.query("step == 0")["loss"].tolist() == [123, 123]
    pd.testing.assert_frame_equal(resumed.query("step > 0"), whole.query("step > 0"))


# ---- rules from outside --------------------------------------------------------------------------

README = (Path(__file__).parents[1] / "README.md").read_text()
TOY = re.search(r"```python\n(# sign_fa.py\n.*?)```", README, re.DOTALL)[1]
TOY_YAML = re.search(r"```yaml\n(# mine/rule/sign_fa.yaml\n.*?)```", README, re.DOTALL)[1]
OLDER_TOY = '''
from fa_cli.network import Deltas, Network, Signals, transpose
from fa_cli.rules import layer_by_layer, rule

@rule("sign_fa", feedback=layer_by_layer)
def sign_fa(net: Network, signals: Signals, gain: float) -> Deltas:
    """Only the sign of the error is fed back."""
    delta = {net.depth: signals.error}
    for l in range(net.depth - 1, 0, -1):
        sent = net.backend.xp.sign(delta[l + 1])
        arriving = gain * net.backend.matmul(sent, transpose(net.feedback[l]))
        delta[l] = signals.settle(l, arriving)
    return delta
'''


@pytest.mark.parametrize("toy", [TOY, OLDER_TOY], ids=["README's", "an older one"])
def test_a_rule_from_outside(tmp_path, toy):
    """README's example: one file and one YAML, neither of them in the package.

    It learns, its option is checked, and once it is edited its results are not the same run.
    """
    (tmp_path / "sign_fa.py").write_text(toy)
    (tmp_path / "rule").mkdir()
    (tmp_path / "rule" / "sign_fa.yaml").write_text(TOY_YAML)
    words, toys = ["--config-dir", ".", "rule=sign_fa"], {"FA_RULES": "sign_fa.py"}
    succeed(run_command(tmp_path, *words, **toys))
    nse = metrics_of(tmp_path).groupby("step")["nse"].mean()
    assert nse.iloc[-1] < 0.05 * nse.iloc[0]
    done = run_command(tmp_path, *words, "rule.gain=much", **toys)
    told(done, "rule.gain=much: expected a number")
    (tmp_path / "sign_fa.py").write_text(f"{toy}\n# edited\n")
    told(run_command(tmp_path, *words, **toys), "sign_fa.py has changed", "resume=false")


DATASET = """
from fa_cli.data import Endless, dataset


@dataset("doubled")
def doubled(setting, factor: float):
    def draw(rng, s, count):
        x = rng.standard_normal((count, setting.inputs))
        return x, factor * x

    return Endless(setting, draw)
"""


def test_a_dataset_from_outside(tmp_path):
    """One file and one YAML as well: it is learned, and once it is edited its run is another."""
    (tmp_path / "doubled.py").write_text(DATASET)
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "doubled.yaml").write_text("name: doubled\nfactor: 2.0\n")
    words = ["--config-dir", ".", "dataset=doubled", "model.sizes=[5,20,5]", "steps=300"]
    own = {"FA_DATASETS": "doubled.py"}
    succeed(run_command(tmp_path, *words, **own))
    nse = metrics_of(tmp_path).groupby("step")["nse"].mean()
    assert nse.iloc[-1] < 0.5 * nse.iloc[0]
    told(run_command(tmp_path, *words, FA_DATASETS="no.py"), "FA_DATASETS=no.py", "a .py file")
    (tmp_path / "doubled.py").write_text(DATASET.replace("factor * x", "-factor * x"))
    told(run_command(tmp_path, *words, **own), "doubled.py has changed", "resume=false")


PICTURES = """
import numpy as np

from fa_cli.data import Files
from fa_cli.data.images import images


@images("squares")
def squares(setting):
    pictures = np.random.default_rng(SEED).integers(0, 255, (60, 16), np.uint8)
    return Files(pictures, np.arange(60) % 4, pictures[:8], np.arange(8) % 4)
"""


def test_images_from_outside(tmp_path):
    """With all that images can do; they too belong to a run."""
    (tmp_path / "squares.py").write_text(PICTURES.replace("SEED", "1"))
    (tmp_path / "dataset").mkdir()
    options = "name: squares\nstandardize: unit\ntargets: [0, 1]\nvalidation: 0\n"
    (tmp_path / "dataset" / "squares.yaml").write_text(options)
    words = ["--config-dir", ".", "dataset=squares", "model=logistic", "model.sizes=[16,5,4]"]
    words += ["steps=5", "+dataset.elastic=3"]
    succeed(run_command(tmp_path, *words, FA_DATASETS="squares.py"))
    typed = [word.lstrip("+") for word in words]
    told(run_command(tmp_path, *typed, FA_DATASETS="squares.py"), "type +dataset.elastic=...")
    (tmp_path / "squares.py").write_text(PICTURES.replace("SEED", "2"))
    again = run_command(tmp_path, *words, FA_DATASETS="squares.py")
    told(again, "squares.py has changed", "resume=false")


# ---- other words ---------------------------------------------------------------------------------


@needs_mnist
def test_data(tmp_path):
    """`data mnist` verifies files that are there; `data` lists."""
    assert "verified" in succeed(run_here(tmp_path, "data", "mnist"))
    assert "mnist  verified" in succeed(run_here(tmp_path, "data"))
    assert "is not in nowhere/mnist" in succeed(run_here(tmp_path, "data", "data_dir=nowhere"))


@needs_mnist
def test_a_run_fetches_its_data(tmp_path, monkeypatch):
    """What is not there: one line says so; with fetch=false the error says what to type."""

    def from_shelf(folder: Path, names: list[str]) -> None:
        for name in names:
            shutil.copy(next((DATA / "mnist").glob(f"{name}*")), folder)

    monkeypatch.setattr(fetch, "ways", lambda source: [("the shelf", from_shelf)])
    words = ["experiment=fig3_mnist", "seeds=1", "epochs=0.001", "data_dir=new"]
    told(
        run_here(tmp_path, *words, "fetch=false"), "mnist is not in new/mnist", "fa-run data mnist"
    )
    said = succeed(run_here(tmp_path, *words))
    assert said.count("fetching mnist from the shelf into new/mnist") == 1
    assert "fetching" not in succeed(run_here(tmp_path, *words, "seeds=2", "fetch=false"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fa-run pl", {"plot"}),
        ("fa-run rule=", {"rule=bp", "rule=fa", "rule=node_perturbation"}),
        ("fa-run optimizer.mom", {"optimizer.momentum="}),
        ("fa-run plot fi", {"figure="}),
        ("fa-run data mn", {"mnist"}),
    ],
)
def test_completion(tmp_path, line, expected):
    """What the shell asks when a person presses TAB."""
    asked = {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    said = succeed(run_here(tmp_path, "-sc", "query=bash", **asked))
    assert expected <= set(said.split()), said


def test_completion_in_a_real_shell(tmp_path):
    """The script that `fa-run -sc install=bash` prints works in bash."""
    script = f"""
    PATH={Path(sys.executable).parent}:$PATH
    eval "$(fa-run -sc install=bash)"
    COMP_LINE="fa-run plot fig" COMP_POINT=15 COMP_WORDS=(fa-run plot fig) COMP_CWORD=2
    hydra_bash_completion; echo "${{COMPREPLY[@]}}"
    """
    kept = {"cwd": tmp_path, "env": os.environ, "capture_output": True, "text": True}
    done = subprocess.run(["bash", "-c", script], **kept, timeout=60)
    assert "figure=" in done.stdout, done.stdout + done.stderr
