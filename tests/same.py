"""`make same BASE=COMMIT`: tiny runs of a commit and of the work tree, compared byte for byte.

A change of structure must not change a number. Compared are metrics.csv as a file, and every array
of audit.npz and arrays.npz that the commit writes; an array that only the work tree has is named,
no fault.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
TEACHER = "experiment=fig3d_4layer steps=60 record.every=20 seeds=2 batch_size=4 record.audit=2"
DIGITS = "experiment=debug steps=40 record.every=20 record.audit=2"
MANY = "record.metrics=[loss,nse,test_error,angle_to_bp,angle_to_pbp,angle_w_b,angle_w_b_unit,"
MANY += "weights,traces,conserved,delta_norm,weight_norm,feedback_norm]"
SPIKING = (
    "experiment=fig4_spiking dataset=digits model.sizes=[64,20,15,20] model.population=2 "
    "model.streams=10 epochs=null steps=20 record.every=10 optimizer.schedule=[] record.audit=2"
)
SPARSE = "model.sparsity=[0,0.5] rule.feedback_sparsity=0.5"
NOISY = "phases=[{rule:node_perturbation,steps:10},{rule:bp,steps:9}]"
LARGE = "model.sizes=[64,1200,300,10] batch_size=20 backend.threads=2"
LONG = "experiment=fig3d_3layer steps=6000"
RUNS = {
    "bp": f"{TEACHER} rule=bp",
    "fa": f"{TEACHER} rule=fa {MANY}",
    "dfa": f"{TEACHER} rule=dfa rule.derivative=passed",
    "node_perturbation": f"{TEACHER} rule=node_perturbation optimizer.learning_rate=0.0001",
    "pseudobackprop": f"{TEACHER} rule=pseudobackprop optimizer.learning_rate=0.0001",
    "shallow": f"{TEACHER} rule=shallow",
    "depth 1": f"{DIGITS} model.sizes=[64,10] {MANY}",
    "depth 2": f"{DIGITS} model.sizes=[64,20,10] {MANY} model.hidden=relu",
    "depth 4": f"{DIGITS} model.sizes=[64,20,15,12,10] rule.derivative=passed model.output=tanh",
    "sparse": f"{DIGITS} {SPARSE} model.weight_distribution=normal",
    "momentum": f"{DIGITS} optimizer.momentum=0.9 optimizer.weight_decay=0.01",
    "phases": f"{DIGITS} phases=[{{freeze:[1],steps:10}},{{rule:dfa,steps:9}},{{rule:bp,steps:9}}]",
    "noise in a phase": f"{DIGITS} {NOISY} +rule.sigma=0.01",
    "float32": f"{DIGITS} dtype=float32 optimizer.weight_decay=1e-4 model.hidden=piecewise_linear",
    "large": f"{DIGITS} {LARGE} dtype=float32 steps=6 record.every=3 seeds=3",
    "compiled": f"{LONG} record.every=500 seeds=3 optimizer.weight_decay=1e-3",
    "compiled dfa": "experiment=debug rule=dfa steps=5000 record.every=500 dtype=float32",
    "plain": f"{LONG} record.every=3000 seeds=2 backend.compiled=false",
    "fixed": "experiment=figS7_large steps=200",
    "jacobian": "experiment=jacobian seeds=3",
    "spiking": SPIKING,
    "spiking bp": f"{SPIKING} rule=bp dtype=float64 optimizer.momentum=0.5 model.phi_delta=bipolar",
    "resumed": "rule=node_perturbation seeds=2 optimizer.momentum=0.5 optimizer.learning_rate=1e-3 "
    "phases=[{steps:4000},{freeze:[0],steps:4000}] record.audit=2 record.checkpoint_seconds=0",
}  # fmt: skip


def unpack(commit: str, folder: Path) -> None:
    """The tree of a commit, as git has it."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")


def start(tree: Path, words: str, folder: Path) -> subprocess.Popen:
    """`fa-run` as `tree` has it, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fa_cli", *words.split()]
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "PYTHONSAFEPATH": "1",
        "OMP_NUM_THREADS": "1",
    }
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def trained(tree: Path, name: str, folder: Path) -> Path:
    """The folder of a finished run; the one called `resumed` is killed half-way and typed again."""
    if name == "resumed":
        process = start(tree, RUNS[name], folder)
        while not list(folder.rglob("checkpoint.npz")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.kill()
        process.communicate()
    process = start(tree, RUNS[name], folder)
    complaint = process.communicate()[1]
    assert process.returncode == 0, f"{name}: {complaint}"
    (done,) = folder.rglob("done")
    return done.parent


def differences(old: Path, new: Path) -> Iterator[str]:
    """What is not the same in two finished runs."""
    if (old / "metrics.csv").read_bytes() != (new / "metrics.csv").read_bytes():
        yield "metrics.csv"
    for name in ("audit.npz", "arrays.npz"):
        if not (old / name).exists():
            continue
        with np.load(old / name) as before, np.load(new / name) as after:
            for key in before.files:
                if key not in after or not same_bytes(before[key], after[key]):
                    yield f"{name}: {key}"


def same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal to the last bit, nan included."""
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def compare(name: str, trees: tuple[Path, Path], folder: Path) -> list[str]:
    """The differences between both trees' runs of one name."""
    old, new = (trained(tree, name, folder / str(k) / name) for k, tree in enumerate(trees))
    return list(differences(old, new))


def main(commit: str, *names: str) -> int:
    """Compare all runs, or those that are named; returns how many differ."""
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(os.cpu_count()) as pool:
        base = Path(temporary) / "base"
        unpack(commit, base)
        chosen = names or RUNS
        work = [pool.submit(compare, name, (base, ROOT), Path(temporary)) for name in chosen]
        failed = 0
        for name, found in zip(chosen, work, strict=True):
            try:
                told = found.result()
            except AssertionError as error:
                told = [str(error).strip()]
            failed += bool(told)
            print(f"{name:20}{', '.join(told) or 'the same'}", flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} runs are the same as of {commit}")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
