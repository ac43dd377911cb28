"""Whatever a person types wrong is told in one line that names the culprit and the remedy; earlier results stay as they are."""

import gzip
import importlib.util

import numpy as np
import pytest

TINY = "experiment=debug"
MISTAKES = [  # words, the culprit, the remedy
    (["rule=backprob"], "'backprob'", "choose from: bp"),
    (["experiment=fig33"], "'fig33'", "did you mean 'fig"),
    (["dataset=cifar"], "'cifar'", "choose from"),
    (["rule.name=nope"], "'nope'", "choose from: bp"),
    (["model.hidden=sigmoid"], "model.hidden=sigmoid", "logistic"),
    (["record.metrics=[accuracy]"], "'accuracy'", "test_error"),
    (["model.sizs=[30,20,10]"], "model.sizs", "did you mean 'model.sizes'"),
    (["+model.typo=3"], "model.typo", "did you mean"),
    (["+rule.sigma=1"], "rule.sigma", "rule.derivative"),
    (["rule.derivative=global"], "rule.derivative=global", "local, passed"),
    (["model.sizes=[30,-20,10]"], "model.sizes=[30, -20, 10]", "at least one unit"),
    (["model.sizes=[30]"], "model.sizes=[30]", "at least two layers"),
    (["steps=-3"], "steps=-3", "at least 1"),
    (["steps=many"], "steps=many", "a whole number"),
    (["batch_size=0"], "batch_size=0", "at least 1"),
    ([TINY, "batch_size=5000"], "batch_size=5000", "1500 training images"),
    (["dtype=int8"], "dtype=int8", "float32, float64"),
    (["seeds=0"], "seeds=0", "such as 20"),
    (["seeds=[1,1]"], "seeds=[1, 1]", "different ones"),
    (["epochs=3"], "epochs", "type steps=N"),
    (["model.sparsity=1.5"], "model.sparsity=1.5", "from 0 to below 1"),
    (["optimizer.momentum=1"], "optimizer.momentum=1", "below 1"),
    (["optimizer.learning_rate=10"], "optimizer.learning_rate=10", "smaller"),
    (["optimizer.schedule=[[3]]"], "optimizer.schedule", "pairs"),
    (["experiment=fig3_mnist", "data_dir=nowhere"], "nowhere/mnist", "fa-run data mnist"),
    ([TINY, "model.sizes=[30,10]"], "model.sizes", "type model.sizes=[64,...,10]"),
    ([TINY, "dataset.validation=1500"], "dataset.validation=1500", "0 to 1499"),
    ([TINY, "dataset.standardize=zscore"], "dataset.standardize=zscore", "standard"),
    (["rule=bp,fa"], "rule=bp,fa", "add -m"),
    (["model.sizes=[3"], "model.sizes=[3", "key=value"),
    (["plto"], "'plto'", "did you mean 'plot'"),
    (["--nope"], "--nope", "--help"),
    (["sweep=fig2"], "sweep", "+sweep=NAME"),
    (["model.weights=[[[1]],[[1]]]"], "model.weights", "20 x 30"),
    (["model.weight_scale=[1,2,3]"], "model.weight_scale=[1, 2, 3]", "a list of 2"),
    (["phases=[{freeze:[7],steps:5}]"], "phases[0].freeze=[7]", "from 0 to 1"),
    (["phases=[{freeze:[0]}]"], "phases[0]", "one of steps and epochs"),
    (["backend.threads=some"], "backend.threads=some", "whole number"),
    (["plot", "figure=fig99"], "'fig99'", "choose from: fig2"),
    (["plot", "results=nowhere"], "results=nowhere", "results=DIR"),
    (["plot", "results=.", "format=bmp"], "format=bmp", "png"),
    (["model=null"], "null", "GROUP=NAME"),
    (["~rule"], "no rule", "rule=NAME"),
    (["rule=pseudobackprop", "dtype=float32", "steps=50"], "learning_rate", "smaller"),
    (["batch_size=2000", "record.every=10"], "learning_rate=0.01", "smaller"),
    (["report", "results=.", "claim=X9"], "'X9'", "such as F2.1"),
    (["data", "imagenet"], "'imagenet'", "mnist"),
]


def told(done, *parts: str) -> None:
    """The command failed with one line on stderr that holds `parts`."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("fa-run: ")
    for part in parts:
        assert part in line, line


@pytest.mark.parametrize(
    ("words", "culprit", "remedy"),
    MISTAKES,
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_line_names_culprit_and_remedy(fa_run, tmp_path, words, culprit, remedy):
    """And nothing is left behind in the results' folder."""
    told(fa_run(*words), culprit, remedy)
    assert not list(tmp_path.rglob("*.csv")) and not list(tmp_path.rglob("done"))
    left = [path.name for path in tmp_path.glob("outputs/*/*/*")]
    assert sorted(left) == (["config.yaml", "failed"] if remedy == "smaller" else [])


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed here")
def test_no_gpu(fa_run):
    """Without CuPy or without a GPU: what is missing and what works instead."""
    told(fa_run("backend=cupy"), "backend=cupy", "backend=numpy")


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (gzip.compress(b"\0\0\x08\x03")[:-3], "truncated"),
        (gzip.compress(b"\0\0\x08\x03 altered"), "SHA-256"),
        (b"no gzip", "truncated or no gzip"),
    ],
    ids=[
        "truncated",
        "altered",
        "no gzip",
    ],  # those that pytest would make hold gzip's time stamp: another in each of its processes
)
def test_a_wrong_data_file_is_never_used(fa_run, tmp_path, content, culprit):
    """Truncated, altered or foreign: its name, what is wrong, and how to get the right one."""
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    (tmp_path / "data" / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(content)
    told(
        fa_run("experiment=fig3_mnist", "data_dir=data"),
        "train-images-idx3-ubyte.gz",
        culprit,
        "fa-run data mnist",
    )


@pytest.mark.parametrize("where", ["file/below", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written(fa_run, tmp_path, where):
    """The folder and what to type."""
    (tmp_path / "file").touch()
    told(
        fa_run(TINY, f"outputs={where}"),
        where.split("/")[1] if where.startswith("/") else "file",
        "outputs=DIR",
    )


def test_a_damaged_checkpoint(fa_run, tmp_path):
    """It is named, not trusted."""
    folder = tmp_path / "outputs" / "debug" / "rule=fa"
    folder.mkdir(parents=True)
    (folder / "checkpoint.npz").write_bytes(b"PK garbage")
    told(fa_run(TINY), "checkpoint.npz", "delete it")


@pytest.mark.parametrize(
    ("name", "value", "culprit"), [("format", 99, "another version"), ("step", None, "is damaged")]
)
def test_a_checkpoint_of_another_kind(fa_run, tmp_path, name, value, culprit):
    """Of another version of fa-run, or with a part missing: refused, and left as it is."""
    words = [TINY, "record.keep_checkpoint=true"]
    assert fa_run(*words).returncode == 0
    (path,) = tmp_path.rglob("checkpoint.npz")
    (path.parent / "done").unlink()
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files if key != name}
    np.savez(path, **arrays, **({name: value} if value else {}))
    before = path.read_bytes()
    told(fa_run(*words), "checkpoint.npz", culprit)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_config(fa_run, tmp_path):
    """It names the key that differs."""
    assert fa_run(TINY, "record.keep_checkpoint=true", "batch_size=10").returncode == 0
    (path,) = tmp_path.rglob("checkpoint.npz")
    (path.parent / "done").unlink()
    told(
        fa_run(TINY, "batch_size=20", f"hydra.run.dir='{path.parent}'"),
        "batch_size was 10, now 20",
        "resume=false",
    )


def test_a_rule_from_outside_that_is_not_there(fa_run):
    """FA_RULES names what could not be imported."""
    told(fa_run(FA_RULES="missing.py"), "FA_RULES=missing.py", "path of a .py file")


def snapshot(folder) -> dict:
    """The bytes of all files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_earlier_results_are_untouched(fa_run, tmp_path):
    """A run that fails in the folder of a finished one leaves every byte of it."""
    assert fa_run(TINY).returncode == 0
    before = snapshot(tmp_path / "outputs")
    assert len(before) >= 6
    words = [
        TINY,
        "optimizer.learning_rate=1e200",
        "model.output=linear",
        "hydra.run.dir='outputs/debug/rule=fa'",
    ]
    told(fa_run(*words), "another config", "model.output was logistic, now linear", "outputs=DIR")
    told(fa_run(*words, "resume=false"), "learning_rate=1e+200")
    assert snapshot(tmp_path / "outputs") == before


def test_one_bad_run_does_not_stop_a_sweep(fa_run, tmp_path):
    """The good runs are finished, the bad one is told in one line, the exit code says that something failed."""
    told(
        fa_run("-m", "steps=200", "seeds=2", "optimizer.learning_rate=10,0.01"), "learning_rate=10"
    )
    finished = [path.parent.name for path in tmp_path.rglob("done")]
    assert finished == ["rule=fa,optimizer.learning_rate=0.01,seeds=2,steps=200"]
