"""The command as a person uses it: results on disk, repetition, resumption, seeds, sweeps, completion, rules from outside."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import needs_mnist, run_command, wait_for


def succeed(done) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_bare_run(fa_run, tmp_path):
    """Fig. 2's network with feedback alignment: a table, the folder, what to type next; the same again changes nothing."""
    said = succeed(fa_run())
    for part in ("nse", "angle_to_bp_1", "n = 20", "outputs/linear/rule=fa", "next: "):
        assert part in said
    folder = tmp_path / "outputs" / "linear" / "rule=fa"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "metrics.csv",
        "summary.csv",
        "config.yaml",
        "manifest.json",
        "done",
        ".hydra/config.yaml",
        ".hydra/overrides.yaml",
    }
    metrics = pd.read_csv(folder / "metrics.csv")
    assert list(metrics)[:5] == ["seed", "step", "epoch", "examples", "phase"]
    assert set(metrics["seed"]) == set(range(20)) and metrics["step"].max() == 2000
    assert metrics[metrics["step"] == 2000]["nse"].max() < 1e-6
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (
        manifest["backend"] == "numpy"
        and manifest["examples_per_second"] > 0
        and "numpy" in manifest["versions"]
    )

    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "finished before" in succeed(fa_run())
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    succeed(fa_run("resume=false"))
    after = {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    after = {path: content for path, content in after.items() if path.parent.name != ".hydra"}
    assert after == {path: content for path, content in before.items() if path in after}


def test_help_version_and_config(fa_run, tmp_path):
    """Each subcommand has its own help; `--cfg job` shows the config and trains nothing."""
    assert "fa-run -m rule=bp,fa" in succeed(fa_run("--help"))
    assert "format=png|pdf|svg" in succeed(fa_run("plot", "--help"))
    assert "NAME ..." in succeed(fa_run("data", "--help"))
    assert succeed(fa_run("--version")).startswith("fa-run ")
    assert "learning_rate: 0.01" in succeed(fa_run("--cfg", "job", "--resolve", "rule=bp"))
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.parametrize(
    "words",
    [
        ["rule=fa"],
        ["rule=node_perturbation"],
        ["experiment=debug"],
        ["experiment=debug", "rule=bp", "model.hidden=tanh", "dtype=float32"],
    ],
    ids=" ".join,
)
def test_a_seed_is_the_same_alone_or_among_others(fa_run, tmp_path, words):
    """Seed 3 alone and among 0..4: the same rows of metrics.csv to the last digit."""
    words = [*words, "steps=300", "record.every=100"]
    succeed(fa_run(*words, "seeds=[3]", "outputs=alone"))
    succeed(fa_run(*words, "seeds=5", "outputs=among"))
    (alone,), (among,) = (
        list((tmp_path / name).rglob("metrics.csv")) for name in ("alone", "among")
    )
    rows = [line for line in among.read_text().splitlines() if line.startswith("3,")]
    assert len(rows) == 4 and alone.read_text().splitlines()[1:] == rows


def test_a_sweep_and_the_names_of_its_folders(fa_run, tmp_path):
    """A folder for each combination, named by what differs."""
    succeed(fa_run("-m", "experiment=debug", "rule=bp,shallow", "batch_size=5,10"))
    names = {path.parent.name for path in tmp_path.rglob("done")}
    assert names == {
        f"rule={rule},batch_size={size}" for rule in ("bp", "shallow") for size in (5, 10)
    }


def only_metrics(folder: Path) -> pd.DataFrame:
    (path,) = folder.rglob("metrics.csv")
    return pd.read_csv(path)


def test_steps_and_epochs(fa_run, tmp_path):
    """The one that is typed replaces the experiment's: 2 epochs of 1,500 images in fives are 600 steps."""
    succeed(fa_run("experiment=debug", "epochs=2", "outputs=e"))
    table = only_metrics(tmp_path / "e")
    assert table["step"].tolist()[:3] == [0, 300, 600] and table["epoch"].tolist()[:3] == [0, 1, 2]
    assert table["examples"].tolist()[:3] == [0, 1500, 3000]


def test_phases(fa_run, tmp_path):
    """Rule and frozen layers change with the phase; while only W_0 learns, W stays as it was."""
    succeed(
        fa_run(
            "phases=[{freeze:[1],steps:100},{rule:bp,steps:50}]",
            "optimizer.learning_rate=0.002",
            "seeds=2",
            "record.every=50",
        )
    )
    table = only_metrics(tmp_path).query("seed == 0").set_index("step")
    assert table["phase"].tolist() == [0, 0, 1, 1]
    assert table["weight_norm_1"][0] == table["weight_norm_1"][100] != table["weight_norm_1"][150]
    assert table["weight_norm_0"][0] != table["weight_norm_0"][100]
    assert table["angle_w_b_1"].isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name
)
def test_interrupted_and_resumed(tmp_path, number):
    """A signal writes a checkpoint and ends the run; the same command goes on, to the same bytes as a run without interruption."""
    words = [
        "steps=60000",
        "seeds=5",
        "optimizer.momentum=0.5",
        "optimizer.learning_rate=0.001",
        "rule=node_perturbation",
    ]
    words += ["phases=[{steps:30000},{freeze:[0],steps:30000}]", "record.audit=2"]
    command = [str(Path(sys.executable).with_name("fa-run")), *words]
    process = subprocess.Popen(
        [*command, "outputs=stopped"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for("config.yaml", tmp_path, process)  # written when training begins
    time.sleep(1)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number, told
    assert len(told.strip().splitlines()) == 1 and "goes on from there" in told
    (checkpoint,) = (tmp_path / "stopped").rglob("checkpoint.npz")
    assert not list((tmp_path / "stopped").rglob("done"))
    with np.load(checkpoint) as state:
        assert 0 < state["step"] < 60000
    for name in ("stopped", "whole"):
        succeed(run_command(tmp_path, *words, f"outputs={name}"))
    stopped, whole = (next((tmp_path / name).rglob("done")).parent for name in ("stopped", "whole"))
    for name in ("metrics.csv", "summary.csv"):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes()
    with np.load(stopped / "audit.npz") as mine, np.load(whole / "audit.npz") as other:
        assert mine.files == other.files
    assert not (stopped / "checkpoint.npz").exists()


def test_a_seed_that_diverges_ends_alone(fa_run, tmp_path):
    """Its rows end, it is named with step, layer and remedy; the others have the values that they have without it."""
    words = ["optimizer.learning_rate=0.012", "steps=1000", "record.every=10"]
    done = fa_run(*words, "outputs=all")
    assert done.returncode == 0
    said = r"seed (\d+) diverged before step (\d+), first in W_\d, with optimizer.learning_rate=0.012: type a smaller one"
    ended = {int(seed): int(step) for seed, step in re.findall(said, done.stderr)}
    assert 0 < len(ended) == len(done.stderr.splitlines()) < 20
    table = only_metrics(tmp_path / "all")
    assert table.groupby("seed")["step"].max().to_dict() == {
        s: ended.get(s, 1010) - 10 for s in range(20)
    }
    (summary,) = (tmp_path / "all").rglob("summary.csv")
    assert set(pd.read_csv(summary)["n"]) == {20 - len(ended)}
    others = [s for s in range(20) if s not in ended]
    succeed(fa_run(*words, f"seeds={others}".replace(" ", ""), "outputs=others"))
    assert (
        table[~table["seed"].isin(ended)]
        .reset_index(drop=True)
        .equals(only_metrics(tmp_path / "others"))
    )


def test_two_identical_sweeps_share_the_work(tmp_path):
    """Started together, they train each run once; a third one finds all of them finished."""
    words = ["-m", "rule=bp,fa,shallow", "steps=20000", "seeds=5", "record.every=1000"]
    command = [str(Path(sys.executable).with_name("fa-run")), *words]
    pair = [
        subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], told
    assert len(list(tmp_path.rglob("done"))) == 3
    assert sum(out.count("trained in") for out, _ in told) == 3
    assert "3 runs: 3 finished before" in succeed(run_command(tmp_path, *words))
    assert "3 runs: 3 trained" in succeed(run_command(tmp_path, *words, "resume=false"))


def test_an_audit_can_be_rederived(fa_run, tmp_path):
    """record.audit=3: the updates of a 3-layer tanh net under feedback alignment, recomputed with plain NumPy."""
    eta = 0.01
    succeed(
        fa_run(
            "model=tanh",
            "dataset=teacher",
            "record.audit=3",
            f"optimizer.learning_rate={eta}",
            "steps=9",
            "seeds=2",
            "batch_size=4",
        )
    )
    (path,) = tmp_path.rglob("audit.npz")
    audit = np.load(path)
    assert {key.split("/")[0] for key in audit.files} == set("0123") and "3/x" not in audit
    for k in range(3):
        for s in range(2):
            w0, w1, b0, b1, feedback = (
                audit[f"{k}/{name}"][s] for name in ("W0", "W1", "b0", "b1", "B1")
            )
            x, target = audit[f"{k}/x"][s], audit[f"{k}/target"][s]
            h = np.tanh(x @ w0.T + b0)
            e = target - (h @ w1.T + b1)
            d = (e @ feedback.T) * (1 - h**2)
            for name, value in {
                "W1": w1 + eta * e.T @ h,
                "b1": b1 + eta * e.sum(0),
                "W0": w0 + eta * d.T @ x,
                "b0": b0 + eta * d.sum(0),
            }.items():
                np.testing.assert_allclose(audit[f"{k + 1}/{name}"][s], value, rtol=0, atol=1e-13)


def test_the_audit_holds_the_noise(fa_run, tmp_path):
    """A rule with noise: xi_l as it was added to h_l, of the sd that the config says."""
    succeed(
        fa_run("rule=node_perturbation", "record.audit=2", "steps=5", "batch_size=500", "seeds=2")
    )
    (path,) = tmp_path.rglob("audit.npz")
    with np.load(path) as audit:
        assert audit["1/noise1"].shape == (2, 500, 20)
        assert audit["1/noise1"].std() == pytest.approx(0.01, rel=0.02)


def test_a_kept_checkpoint_has_the_final_state(fa_run, tmp_path):
    """record.keep_checkpoint=true: parameters after the last step."""
    succeed(fa_run("experiment=debug", "record.keep_checkpoint=true"))
    (path,) = tmp_path.rglob("checkpoint.npz")
    with np.load(path) as state:
        assert (
            state["step"] == 30
            and state["state/W0"].shape == (2, 20, 64)
            and state["feedback/1"].shape == (2, 20, 10)
        )


TOY = '''
from fa_cli.network import Deltas, Network, Signals, transpose
from fa_cli.rules import layer_by_layer, rule

@rule("sign_fa", feedback=layer_by_layer)
def sign_fa(net: Network, signals: Signals, gain: float) -> Deltas:
    """Only the sign of the error is fed back."""
    delta = {net.depth: signals.error}
    for l in range(net.depth - 1, 0, -1):
        arriving = gain * net.backend.matmul(net.backend.xp.sign(delta[l + 1]), transpose(net.feedback[l]))
        delta[l] = signals.settle(l, arriving)
    return delta
'''


def test_a_rule_from_outside(fa_run, tmp_path):
    """README's example: one file and one YAML, neither of them in the package; it learns, and its option is checked."""
    (tmp_path / "sign_fa.py").write_text(TOY)
    (tmp_path / "rule").mkdir()
    (tmp_path / "rule" / "sign_fa.yaml").write_text("name: sign_fa\ngain: 1.0\n")
    words = ["--config-dir", ".", "rule=sign_fa"]
    succeed(fa_run(*words, FA_RULES="sign_fa.py"))
    nse = only_metrics(tmp_path).groupby("step")["nse"].mean()
    assert nse.iloc[-1] < 0.05 * nse.iloc[0]
    done = fa_run(*words, "rule.gain=much", FA_RULES="sign_fa.py")
    assert done.returncode == 1 and "rule.gain=much: expected a number" in done.stderr


def test_sparse_networks_by_command_line(fa_run, tmp_path):
    """Half of W's and B's elements absent at the end of training, as at its start."""
    succeed(
        fa_run(
            "experiment=debug",
            "model.sparsity=[0,0.5]",
            "rule.feedback_sparsity=0.5",
            "record.keep_checkpoint=true",
        )
    )
    (path,) = tmp_path.rglob("checkpoint.npz")
    with np.load(path) as state:
        assert (state["state/W1"] == 0).mean() == (state["feedback/1"] == 0).mean() == 0.5
        assert (state["state/W0"] == 0).mean() < 0.01


@needs_mnist
def test_data(fa_run):
    """`data mnist` verifies files that are there; `data` lists."""
    assert "verified" in succeed(fa_run("data", "mnist"))
    assert "mnist  verified" in succeed(fa_run("data"))
    assert "is not in nowhere/mnist" in succeed(fa_run("data", "data_dir=nowhere"))


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
def test_completion(fa_run, line, expected):
    """What the shell asks when a person presses TAB."""
    said = succeed(fa_run("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line))))
    assert expected <= set(said.split()), said


def test_completion_in_a_real_shell(tmp_path):
    """The script that `fa-run -sc install=bash` prints works in bash."""
    script = f"""
    PATH={Path(sys.executable).parent}:$PATH
    eval "$(fa-run -sc install=bash)"
    COMP_LINE="fa-run plot fig" COMP_POINT=15 COMP_WORDS=(fa-run plot fig) COMP_CWORD=2
    hydra_bash_completion; echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "figure=" in done.stdout, done.stdout + done.stderr


def test_progress_goes_to_a_log_as_plain_text(fa_run):
    """No control characters where there is no terminal, and nothing on stderr."""
    done = fa_run("steps=500")
    assert done.stderr == "" and "\x1b" not in done.stdout
    assert io.StringIO(done.stdout).readline().startswith("final values")
