"""What the tests share: the command as a person runs it, small networks, one tolerance by dtype."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fa_cli import cli, composing, tally
from fa_cli.backend import Backend, NumpyBackend
from fa_cli.data import Batch
from fa_cli.layers import LAYERS, load_layers
from fa_cli.models import load_models
from fa_cli.network import Network, add_feedback, build
from fa_cli.options import defaults_of
from fa_cli.probes import load_metrics
from fa_cli.rules import RULES, load_rules
from fa_cli.schema import ModelConfig, RuleConfig
from fa_cli.signals import ALL, Array, Deltas, Signals

for load in (load_layers, load_models, load_rules, load_metrics):
    load()

DATA = Path(os.environ["FA_DATA_DIR"]).absolute() if os.environ.get("FA_DATA_DIR") else None


def is_there(dataset: str) -> bool:
    """Whether real data are here."""
    return DATA is not None and (DATA / dataset).is_dir()


def needs(dataset: str) -> pytest.MarkDecorator:
    """A mark of tests that want real data."""
    return pytest.mark.skipif(not is_there(dataset), reason=f"FA_DATA_DIR holds no {dataset}/")


needs_mnist = needs("mnist")
FA_RUN = str(Path(sys.executable).with_name("fa-run"))


def tolerance(dtype: Any) -> float:
    """Relative tolerance for results of a few chained operations."""
    return {"float32": 1e-4, "float64": 1e-10}[str(dtype)]


# ---- the command ---------------------------------------------------------------------------------


def run_command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the real `fa-run` in `folder`, as a person would, with text output."""
    return subprocess.run(
        [FA_RUN, *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def run_here(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """What `run_command` does, in this process: the same words, texts and status, much faster."""
    out, err = io.StringIO(), io.StringIO()
    names = ("HYDRA_FULL_ERROR", tally.WHERE, tally.SINCE, tally.TALLY, tally.COMMAND)
    own = dict.fromkeys(names, "")  # it sets these
    with pytest.MonkeyPatch.context() as patch, composing.apart():
        for name, value in (own | environment).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["fa-run", *words])
        patch.chdir(folder)
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main()
    return subprocess.CompletedProcess(words, ended.value.code, out.getvalue(), err.getvalue())


def snapshot(folder: Path) -> dict[Path, bytes]:
    """The bytes of all files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def start_command(folder: Path, *words: str, **environment: str) -> subprocess.Popen:
    """Start the real `fa-run` in `folder` and leave it to itself."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [FA_RUN, *words],
        cwd=folder,
        env={**os.environ, **environment},
        preexec_fn=hears_signals,
        **pipes,
    )


def hears_signals() -> None:
    """Let a process end at SIGHUP and SIGINT, also where the tests run under nohup or with `&`."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def succeed(done: subprocess.CompletedProcess) -> str:
    """What a command said that ended well."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(done: subprocess.CompletedProcess, *parts: str) -> None:
    """The command failed with one line on stderr that holds `parts`."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("fa-run: ")
    for part in parts:
        assert part in line, line


def interrupted(folder: Path, *words: str, at: str = "checkpoint.npz") -> str:
    """What the real `fa-run` says on stderr that is stopped once it has written a file."""
    command = start_command(folder, *words)
    wait_for(at, folder, command)
    command.send_signal(signal.SIGINT)
    return command.communicate(timeout=60)[1]


def wait_for(name: str, folder: Path, process: subprocess.Popen) -> None:
    """Until a running command has written a file of this name, however busy the machine is."""
    while not list(folder.rglob(name)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


# ---- pages ---------------------------------------------------------------------------------------

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")


def seen(address: str, folder: Path, width: int, told: list[str] | None = None) -> str:
    """A page as a browser has it once its scripts have run; raises where it has none.

    `folder`: for files of the browser. What pages print to its console goes to `told`.
    """
    assert BROWSER is not None  # as `needs_browser` has it
    own = tempfile.mkdtemp(dir=folder)  # two browsers of one profile get in the way
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    switches += ["--enable-logging=stderr", f"--window-size={width},900", f"--user-data-dir={own}"]
    command = [BROWSER, *switches, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "</html>" in done.stdout, done.stderr
    if told is not None:
        told += done.stderr.splitlines()
    return done.stdout


# ---- small networks ------------------------------------------------------------------------------

OPTIONS = {  # of rules, where the tests say nothing else
    "fa": {"derivative": "local"},
    "dfa": {"derivative": "local"},
    "node_perturbation": {"sigma": 0.01},
}


def layers_of(kind: str) -> list:
    """A network of two layers of a kind over an image, and a dense output; every option is 3."""
    described = {"kind": kind, **dict.fromkeys(LAYERS[kind].options, 3)}
    return [[1, 6, 6], described, described, 4]


def network(
    sizes: Sequence = (5, 4, 3),
    rule: str = "fa",
    seeds: Sequence[int] = (0, 1),
    backend: Backend | None = None,
    feedback_sparsity: float = 0.0,
    **model: Any,
) -> Network:
    """A network with biases and weights of order 1, with the feedback matrices of `rule`.

    `sizes` are units, or a list as of `model.layers`.
    """
    settings = {"biases": True, "bias_scale": 0.5, "weight_scale": 0.8} | model
    described = {"layers" if isinstance(sizes[0], list) else "sizes": list(sizes)}
    net = build(
        ModelConfig(**described, **settings), backend or NumpyBackend("float64"), list(seeds)
    )
    net.feedback = feedback_for(net, rule, feedback_sparsity)
    return net


def feedback_for(net: Network, rule: str, sparsity: float = 0.0) -> dict[int, Array]:
    """Feedback matrices of order 1 for a rule."""
    config = RuleConfig(name=rule, feedback_scale=0.7, feedback_sparsity=sparsity)
    shapes = RULES[rule].feedback(net.layers)
    return add_feedback(net, config, shapes, learns=RULES[rule].adapt is not None)


def aligned(net: Network) -> Network:
    """The same network with B_l = W_l^T."""
    net.feedback = {l: net.reverse(l).copy() for l in range(1, net.depth)}
    return net


def batch(net: Network, count: int = 6, seed: int = 7) -> Signals:
    """The forward pass of random inputs against random targets."""
    x, target = examples(net, count, seed)
    return net.observe(net.backend.to_device(x), net.backend.to_device(target))


def examples(net: Network, count: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Random inputs and targets of all seeds, on the host."""
    rng, seeds = np.random.default_rng(seed), len(net.seeds)
    sizes = net.sizes
    return tuple(rng.standard_normal((seeds, count, size)) for size in (sizes[0], sizes[-1]))


def options_of(rule: str, **options: Any) -> dict:
    """The options of a rule in these tests."""
    return defaults_of(RULES[rule].options) | OPTIONS.get(rule, {}) | options


def noise_for(rule: str, net: Network, count: int, seed: int = 11, **options: Any) -> Deltas:
    """Noise for a rule that takes some: {} for others."""
    if RULES[rule].noise is None:
        return {}
    rng, layers = np.random.default_rng(seed), RULES[rule].noise(net.depth, **options)
    noise = {}
    for l, sd in layers.items():
        xi = sd * rng.standard_normal((len(net.seeds), count, net.sizes[l]))
        noise[l] = net.backend.to_device(xi)
    return noise


def deltas(rule: str, net: Network, signals: Signals, noise: Any = None, **options: Any) -> Deltas:
    """The rule's signals; with `noise` where it takes noise, else with some of its own."""
    seed = options.pop("seed", 11)
    options = options_of(rule, **options)
    if RULES[rule].noise is None:
        return RULES[rule].deltas(net, signals, **options)
    noise = noise or noise_for(rule, net, signals.error.shape[1], seed, **options)
    return RULES[rule].deltas(net, signals, noise, **options)


def parameters_of(net: Network) -> list[np.ndarray]:
    """All W_l and b_l on the host, as copies."""
    learned = [array for name, array in net.parameters().items() if name[0] in "Wb"]
    return [net.backend.to_host(array).copy() for array in learned]


class Examples:
    """Random examples of two seeds, a fifth of the inputs 0, as a dataset without end."""

    steps_per_epoch = None
    heldout_name = "test"

    def __init__(self, net: Network, count: int, batch_size: int):
        rng, self.size = np.random.default_rng(1), batch_size
        shape, dtype = (2, count, net.sizes[0]), net.backend.dtype
        x = rng.standard_normal(shape) * (rng.random(shape) < 0.8)
        self.x = x.astype(dtype)
        self.target = rng.random((2, count, net.sizes[-1])).astype(dtype)

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """As of a dataset."""
        shown = slice(step * self.size, (step + steps) * self.size)
        return Batch(self.x[seeds, shown], self.target[seeds, shown])
