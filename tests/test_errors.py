"""Whatever a person types wrong is told in one line that names the culprit and the remedy.

Earlier results stay as they are.
"""

import gzip
import importlib.util

import pytest
from helpers import run_command, run_here, snapshot, succeed, told

TINY = "experiment=debug"
TEACHER = ["dataset=teacher", "model=tanh"]
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
    ([*TEACHER, "dataset.sizes=5"], "dataset.sizes=5", "such as [30,20,10]"),
    ([*TEACHER, "dataset.sizes=[30,a,10]"], "dataset.sizes=[30, 'a', 10]", "at least two layers"),
    ([*TEACHER, "dataset.sizes=[30,-2,10]"], "dataset.sizes=[30, -2, 10]", "at least one unit"),
    (["steps=-3"], "steps=-3", "at least 1"),
    (["steps=many"], "steps=many", "a whole number"),
    (["batch_size=0"], "batch_size=0", "at least 1"),
    ([TINY, "batch_size=5000"], "batch_size=5000", "1500 training examples"),
    (["dtype=int8"], "dtype=int8", "float32, float64"),
    (["seeds=0"], "seeds=0", "such as 20"),
    (["seeds=[1,1]"], "seeds=[1, 1]", "different ones"),
    (["epochs=3"], "epochs", "type steps=N"),
    (["model.sparsity=1.5"], "model.sparsity=1.5", "from 0 to below 1"),
    (["optimizer.momentum=1"], "optimizer.momentum=1", "below 1"),
    (["optimizer.learning_rate=10"], "optimizer.learning_rate=10", "smaller"),
    (["phases=[{steps:5,fresh_feedback:true}]", "rule.feedback=[[[1.]]]"], "rule.feedback", "none"),
    (["record.reconstructions=200"], "record.reconstructions=200", "type record.examples=200"),
    (["rule=kolen_pollack", "rule.feedback_neurons=4"], "rule.feedback_neurons=4", "=null"),
    (["record.metrics=[jacobian]", "model=tanh", "model.sizes=[60,40,10]"], "2850", "smaller"),
    (["experiment=note5_local", "rule=bp"], "no option of the rule bp", "type ~rule.derivative"),
    (["+backend.device=0"], "backend.device is no option of the backend numpy", "threads"),
    (["runs", "rule=fa"], "no key is called rule", ""),
    (["plot", "experiment=fig2"], "no key is called experiment", ""),
    (["fail_fast=yes"], "fail_fast=yes", "true or false"),
    (["optimizer.schedule=[[3]]"], "optimizer.schedule", "pairs"),
    (
        ["experiment=fig3_mnist", "data_dir=nowhere", "fetch=false"],
        "nowhere/mnist",
        "fa-run data mnist",
    ),
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
    (["phases=[{steps:0}]"], "phases[0]", "above 0"),
    (["phases=[{epochs:5}]"], "epochs", "type steps=N"),
    (["backend.threads=some"], "backend.threads=some", "whole number"),
    (["plot", "figure=fig99"], "fig99", "choose from: fig1, fig2"),
    (["plot", "results=nowhere"], "results=nowhere", "results=DIR"),
    (["plot", "results=.", "format=bmp"], "format=bmp", "png"),
    (["model=null"], "null", "GROUP=NAME"),
    (["~rule"], "no rule", "rule=NAME"),
    (["rule=pseudobackprop", "dtype=float32", "steps=100"], "learning_rate", "smaller"),
    (["batch_size=2000", "record.every=10"], "learning_rate=0.01", "smaller"),
    (["report", "results=.", "claim=X9"], "'X9'", "such as F2.1"),
    (["data", "imagenet"], "'imagenet'", "mnist"),
]
VAST = "1000000000000000000000000"
MISTAKES += [  # what nobody types; the culprit is enough
    (["optimizer=[1]"], "a group takes a name", "GROUP=NAME"),
    (["rule="], "no rule", "choose from: bp"),
    ([f"seeds={VAST}"], f"seeds={VAST}", "such as 20"),
    ([f"batch_size={VAST}"], f"batch_size={VAST}", ""),
    ([f"record.examples={VAST}"], f"record.examples={VAST}", ""),
    ([f"model.sizes=[30,{VAST},10]"], "model.sizes=", ""),
    ([TINY, f"dataset.targets=[0,{VAST}]"], "dataset.targets=", ""),
    (["dataset.target_scale=1e308"], "dataset.target_scale=1e+308", ""),
    (["optimizer.weight_decay=1e308", "batch_size=2"], "optimizer.weight_decay=1e+308", ""),
    (["rule=node_perturbation", "rule.sigma=1e308"], "rule.sigma=1e+308", ""),
    (["phases=[{freeze:{a:1},steps:3}]"], "phases[0].freeze", ""),
    (["--cfg", "job", "-m", "rule=bp,fa"], "--cfg", "leave -m away"),
    (["plot", "results=.", "figure=5"], "no figure is called '5'", "choose from: fig1, fig2"),
    (["plot", "results=.", "figure=sweep", "x=5"], "no finished run", "fa-run runs"),
    (["plot", "results=.", "x=rule"], "x, y and hue", "figure=sweep"),
    (["plot", "results=[1]"], "results=[1]", "results=DIR"),
    (["report", "results=[1]"], "results=[1]", "results=DIR"),
    (["runs", "results=[1]"], "results=[1]", "results=DIR"),
    (["data", "names=5"], "no dataset called '5' has files", "mnist"),
    (["data", "names=[5]"], "5", "mnist"),
    (["rule.feedback_scale=inf"], "rule.feedback_scale=inf", "finite numbers"),
    (["fetch=maybe"], "fetch=maybe", "true or false"),
    (["plot", "output=a"], "no key is called output", "results"),
    (["plot", "--resolve"], "--resolve", "--cfg"),
    (["--shell-completion"], "install", "uninstall"),
    (["--config-dir", "nowhere"], "--config-dir", "there is no such folder"),
    (["model.hidden=[tanh,relu]"], "model.hidden", "a single word"),
    (["phases=[foo]"], "phases[0]", "{steps:100}"),
    (["optimizer.learning_rate=${steeps}"], "${steeps}", "did you mean 'steps'"),
    (["optimizer={a: 1}"], "no key is called optimizer.a", "optimizer"),
    (["hydra.sweeper=null"], "hydra.sweeper", "hydra/sweeper=basic"),
    (["-m", "hydra.sweeper=null"], "sweeper", ""),
    (["hydra.sweeper.params={rule: 1}"], "hydra.sweeper.params", "KEY=VALUE,VALUE and -m"),
    (["-m", "+hydra.sweeper.params.rule=bp"], "hydra.sweeper.params", "KEY=VALUE,VALUE and -m"),
    (["-m", "optimizer.learning_rate=interval(0,1)"], "interval", "range(start,end,step)"),
    (["-m", "steps=range(10,20,0)"], "range", "a step towards end"),
    (["-m", "steps=range(1.5,2,0)"], "range", "a step towards end"),
    (["-m", "steps=range(20,10,5)"], "nothing to run", "range(start,end,step)"),
    (["-m", "rule=glob(zz*)"], "nothing to run", "glob"),
    (["--resolve"], "--resolve", "--cfg"),
    (["data", "mnist", "data_dir=[1]"], "data_dir=[1]", "data_dir=DIR"),
]
OF_ALL_SORTS = (  # Hydra's errors, a check's, argparse's, those of training and of subcommands
    "rule=backprob",
    "rule=bp,fa",
    "steps=many",
    "rule.name=nope",
    "--nope",
    "optimizer.learning_rate=10",
    "plto",
    "plot figure=fig99",
)


def test_who_wants_to_see_where(tmp_path):
    """Hydra's switch shows the traceback of a line, too."""
    done = run_command(tmp_path, "rule.feedback_scale=x", HYDRA_FULL_ERROR="1")
    assert done.returncode == 1 and "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("fa-run: rule.feedback_scale=x: expected")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["experiment=fig3"], ["type +sweep=fig3"]),
        (["fig3"], ["type fa-run +sweep=fig3"]),
        (["--config-dir", "mine", "keys"], ["type the subcommand first: fa-run keys"]),
        (["-m", "rule=bp,node_perturbation", "rule.sigma=0.1,1"], ["leave other choices of rule"]),
        (["+rule.derivative=passed"], ["type rule.derivative=... without the +"]),
        (["rule=mine"], ["one of your own wants --config-dir"]),
        (["report", "claim=f2.11", "results=."], ["did you mean 'F2.1'?"]),
        (["report", "f2.11", "results=."], ["did you mean 'F2.1'?"]),
        (["plot", "fgi2"], ["did you mean 'fig2'?"]),
    ],
)
def test_what_a_stranger_types(tmp_path, words, parts):
    """The line says what to type in its place."""
    told(run_here(tmp_path, *words), *parts)


@pytest.mark.parametrize(
    ("words", "culprit", "remedy"), MISTAKES, ids=[" ".join(words) for words, *_ in MISTAKES]
)
def test_one_line_names_culprit_and_remedy(here, tmp_path, words, culprit, remedy):
    """And nothing is left behind in the results' folder."""
    told(here(*words), culprit, remedy)
    assert not [*tmp_path.rglob("*.csv"), *tmp_path.rglob("done")]
    left = [path.name for path in tmp_path.glob("outputs/*/*/*")]
    assert sorted(left) == (["config.yaml", "failed"] if remedy == "smaller" else [])


@pytest.mark.parametrize("typed", OF_ALL_SORTS)
def test_the_command_says_the_same(fa_run, tmp_path, typed):
    """What most tests of errors call within their own process is what a person's shell starts."""
    here, there = run_here(tmp_path, *typed.split()), fa_run(*typed.split())
    told(there)
    assert (here.returncode, here.stdout, here.stderr) == (1, there.stdout, there.stderr)


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed here")
def test_no_gpu(here):
    """Without CuPy or without a GPU: what is missing and what works instead."""
    told(here("backend=cupy"), "backend=cupy", "backend=numpy")


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (gzip.compress(b"\0\0\x08\x03")[:-3], "truncated"),
        (gzip.compress(b"\0\0\x08\x03 altered"), "SHA-256"),
        (b"no gzip", "truncated or no gzip"),
    ],
    ids=["truncated", "altered", "no gzip"],  # pytest's own would hold gzip's time stamp
)
def test_a_wrong_data_file_is_never_used(here, tmp_path, content, culprit):
    """Truncated, altered or foreign: its name, what is wrong, and how to get the right one."""
    name = "train-images-idx3-ubyte.gz"
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    (tmp_path / "data" / "mnist" / name).write_bytes(content)
    done = here("experiment=fig3_mnist", "data_dir=data")
    told(done, name, culprit, "fa-run data mnist")


@pytest.mark.parametrize(("where", "culprit"), [("file/below", "file"), ("/proc/nowhere", "proc")])
def test_a_folder_that_cannot_be_written(here, tmp_path, where, culprit):
    """The folder and what to type."""
    (tmp_path / "file").touch()
    told(here(TINY, f"outputs={where}"), culprit, "outputs=DIR")


def test_a_checkpoint_of_another_config(here, tmp_path):
    """It names the key that differs."""
    succeed(here(TINY, "record.keep_checkpoint=true", "batch_size=10"))
    (path,) = tmp_path.rglob("checkpoint.npz")
    path.with_name("done").unlink()
    done = here(TINY, "batch_size=20", f"hydra.run.dir='{path.parent}'")
    told(done, "batch_size was 10, now 20", "resume=false")


def test_a_rule_from_outside_that_is_not_there(fa_run):
    """FA_RULES names what could not be imported."""
    told(fa_run(FA_RULES="missing.py"), "FA_RULES=missing.py", "path of a .py file")


def test_earlier_results_are_untouched(here, tmp_path):
    """A run that fails in the folder of a finished one leaves every byte of it."""
    succeed(here(TINY))
    before = snapshot(tmp_path / "outputs")
    assert len(before) >= 6
    words = ["optimizer.learning_rate=1e200", "model.output=linear"]
    words += [TINY, "hydra.run.dir='outputs/debug/rule=fa'"]
    told(here(*words), "another config", "model.output was logistic, now linear", "outputs=DIR")
    told(here(*words, "resume=false"), "learning_rate=1e+200")
    assert snapshot(tmp_path / "outputs") == before


def test_one_bad_run_does_not_stop_a_sweep(tmp_path):
    """The good runs are finished, the bad one is told in one line, the exit code says so."""
    words = ["-m", "steps=200", "seeds=2", "optimizer.learning_rate=10,0.01"]
    told(run_command(tmp_path, *words), "learning_rate=10")
    finished = [path.parent.name for path in tmp_path.rglob("done")]
    assert finished == ["rule=fa,optimizer.learning_rate=0.01,seeds=2,steps=200"]


def test_fail_fast(tmp_path):
    """With it the runs that have not begun are left out; without it they are trained then."""
    words = ["-m", "steps=200", "seeds=2", "optimizer.learning_rate=0.001,10,0.01"]
    done = run_command(tmp_path, *words, "fail_fast=true")
    told(done, "learning_rate=10")
    assert "3 runs: 1 trained, 1 failed, 1 left out" in done.stdout
    done = run_command(tmp_path, *words)
    assert "3 runs: 1 finished before, 1 failed, 1 trained" in done.stdout
