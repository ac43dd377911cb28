"""Rules, datasets and YAML files of a person's own that are not right: one line that says what."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from helpers import run_command, run_here, succeed, told

from fa_cli import registry
from fa_cli.errors import UserError

RULES = {  # what a rule returns, and what is told
    "nothing": ("None", "rule=own returns a NoneType: expected a signal for each layer"),
    "a list": ("[signals.error]", "rule=own returns a list"),
    "no output": (
        "{1: net.back(1, net.feedback[1], signals.error)}",
        "rule=own sends nothing to the output, layer 2",
    ),
    "a word": ("{1: 'x', 2: signals.error}", "sends layer 1 a signal of str"),
    "a mistake": ("{1: signals.nope, 2: signals.error}", "line 7, fails (AttributeError"),
}
IMAGES = {  # what a dataset of images returns
    "floats": ("Files(x / 255, y, x, y)", "the train images are float64 of shape (9, 64)"),
    "pictures": ("Files(x.reshape(9, 8, 8), y, x, y)", "of shape (9, 8, 8): expected bytes"),
    "a label too few": ("Files(x, y, x, y[:-1])", "the test labels are of shape (8,): expected"),
    "a label below 0": ("Files(x, y - 1, x, y)", "the train labels have -1: expected"),
    "no label": ("Files(x, y, x[:0], y[:0])", "there are no test images"),
    "lists": ("Files(x, y.tolist(), x, y)", "train_labels is a list: expected an array"),
    "smaller ones": (
        "Files(x, y, x[:, :9], y)",
        "the test images have 9 numbers each: expected 64",
    ),
    "half classes": ("Files(x, y + 0.5, x, y)", "the train labels are float64"),
    "a tuple": ("(x, y, x, y)", "these images are a tuple: expected Files("),
}
DRAWN = {  # what an endless one draws
    "flat targets": ("x, x.sum(axis=1)", "draws targets of shape (3,) for 3 examples"),
    "inputs alone": ("x", "draws no pair"),
    "too few": ("x[:3], x[:3, :1]", "draws inputs of shape (3, 4) for 100 examples"),
    "no numbers": ("x, x[:, :1] * float('nan')", "expected finite numbers of shape (3, 1)"),
}


RULE = """
from fa_cli.rules import downward, layer_by_layer, rule

@rule("own", feedback=layer_by_layer)
def own(net, signals):
    '''Mine.'''
    return {}
"""
OF_IMAGES = """
import numpy as np
from fa_cli.data import Files
from fa_cli.data.images import images

x, y = np.zeros((9, 64), np.uint8), np.arange(9) % 3

@images("own")
def own(setting):
    '''Mine.'''
    return {}
"""
ENDLESS = """
from fa_cli.data import Endless, dataset

@dataset("own")
def own(setting):
    '''Mine.'''
    def draw(rng, s, count):
        x = rng.random((count, setting.inputs))
        return {}
    return Endless(setting, draw)
"""


def own(folder, group: str, code: str, more: str = "") -> None:
    """A part of a person's own: own.py and mine/GROUP/own.yaml."""
    (folder / "mine" / group).mkdir(parents=True)
    (folder / "mine" / group / "own.yaml").write_text(f"name: own\n{more}")
    (folder / "own.py").write_text(code)


@pytest.mark.parametrize("case", RULES)
def test_a_rule_that_returns_something_else(tmp_path, case):
    """Told before training begins, and `fa-run runs` says that it failed."""
    returned, line = RULES[case]
    own(tmp_path, "rule", RULE.replace("{}", returned))
    words = ["--config-dir", "mine", "rule=own", "steps=9"]
    told(run_command(tmp_path, *words, FA_RULES="own.py"), line)
    assert "failed" in succeed(run_here(tmp_path, "runs"))


@pytest.mark.parametrize("case", IMAGES)
def test_images_that_are_none(tmp_path, case):
    """Shape, kind and number of images and labels."""
    returned, line = IMAGES[case]
    more = "standardize: standard\ntargets: [0, 1]\nvalidation: 0\n"
    own(tmp_path, "dataset", OF_IMAGES.replace("{}", returned), more)
    words = ["--config-dir", "mine", "dataset=own", "model.sizes=[64,5,3]", "steps=9"]
    told(run_command(tmp_path, *words, FA_DATASETS="own.py"), line)


def test_a_few_examples_that_are_no_numbers(tmp_path):
    """They are looked at as well: training would only say that it diverged."""
    code = ENDLESS.replace("import Endless,", "import Fixed,")
    code = code[: code.index("    def draw")]
    code += "    return Fixed(setting, np.full((1, 2, 4), np.nan), np.ones((1, 2, 1)))\n"
    own(tmp_path, "dataset", f"import numpy as np\n{code}")
    words = ["--config-dir", "mine", "dataset=own", "model.sizes=[4,5,1]", "steps=9"]
    done = run_command(tmp_path, *words, "batch_size=2", FA_DATASETS="own.py")
    told(done, "inputs that are not finite, the first at [0, 0, 0]")


def test_numbers_that_have_changed(tmp_path):
    """A finished run is not told of other data; vectors of any numbers are taken."""
    code = OF_IMAGES.replace("images", "vectors").replace("np.zeros((9, 64), np.uint8)", "X")
    code = code.replace("x, y =", "X = np.load('x.npy')\nx, y =")
    own(
        tmp_path,
        "dataset",
        code.replace("{}", "Files(x, y, x, y)"),
        "targets: [0, 1]\nvalidation: 0\n",
    )
    x = np.random.default_rng(0).standard_normal((9, 64))
    np.save(tmp_path / "x.npy", x)
    words = [
        "--config-dir",
        "mine",
        "dataset=own",
        "model.sizes=[64,5,3]",
        "steps=9",
        "dtype=float32",
    ]
    succeed(run_command(tmp_path, *words, FA_DATASETS="own.py"))
    assert "finished before" in succeed(run_command(tmp_path, *words, FA_DATASETS="own.py"))
    np.save(tmp_path / "x.npy", 2 * x)
    told(
        run_command(tmp_path, *words, FA_DATASETS="own.py"),
        "with other train images of dataset=own",
    )
    succeed(run_command(tmp_path, *words, "resume=false", FA_DATASETS="own.py"))


def test_a_file_that_is_not_there(tmp_path):
    """Which line of a person's file wants it; not what to do about folders of results."""
    code = OF_IMAGES.replace("{}", "Files(*np.load('gone.npy'))")
    more = "standardize: standard\ntargets: [0, 1]\nvalidation: 0\n"
    own(tmp_path, "dataset", code, more)
    words = ["--config-dir", "mine", "dataset=own", "model.sizes=[64,5,3]", "steps=9"]
    line = "own.py, line 11, fails (FileNotFoundError"
    told(run_command(tmp_path, *words, FA_DATASETS="own.py"), line)


@pytest.mark.parametrize(
    ("decorator", "line"),
    [
        ("rule", "@rule stands without a name"),
        ("rule('own', feedback='layer_by_layer')", "feedback='layer_by_layer' is no function"),
        ("rule('own', adapt=5)", "adapt=5 is no function"),
    ],
)
def test_a_rule_that_says_nonsense_of_itself(tmp_path, decorator, line):
    """When it is made known, not in the middle of training."""
    own(tmp_path, "rule", RULE.replace('rule("own", feedback=layer_by_layer)', decorator))
    told(run_command(tmp_path, "--config-dir", "mine", "rule=own", FA_RULES="own.py"), line)


@pytest.mark.parametrize("look", ["colour='nocolour'", "line='~~'"])
def test_a_look_that_matplotlib_does_not_know(tmp_path, look):
    """Training needs none; a figure says whose it is."""
    code = RULE.replace("{}", "{net.depth: signals.error}")
    own(tmp_path, "rule", code.replace("feedback=layer_by_layer", look))
    mine = {"FA_RULES": "own.py"}
    words = ["--config-dir", "mine", "-m", "rule=own,bp", "steps=9,10", "seeds=1"]
    succeed(run_command(tmp_path, *words, **mine))
    plot = ["plot", "figure=sweep", "x=steps", "y=nse", "hue=rule"]
    told(run_command(tmp_path, *plot, **mine), f"rule 'own': {look} is no")


def test_yaml_that_says_nothing_or_too_little(tmp_path):
    """No name, a list, another encoding, none of the first lines that an experiment begins with."""
    (tmp_path / "mine" / "rule").mkdir(parents=True)
    (tmp_path / "mine" / "experiment").mkdir()
    for name, content in {"empty": b"", "liste": b"- 1\n", "latin": b"name: fa # \xe4\n"}.items():
        (tmp_path / "mine" / "rule" / f"{name}.yaml").write_bytes(content)
    (tmp_path / "mine" / "experiment" / "mine.yaml").write_text("steps: 5\n")
    lines = {
        "rule=empty": "the line `name: NAME`",
        "rule=liste": "rule/liste.yaml holds no keys",
        "rule=latin": "not in UTF-8",
        "experiment=mine": "lacks its first line, `# @package _global_`",
    }
    for word, line in lines.items():
        told(run_here(tmp_path, "--config-dir", "mine", word), line)


@pytest.mark.parametrize(
    ("hydra", "line"),
    [
        ("{sweeper: {params: {rule: 'bp,fa'}}}", "write `mode: MULTIRUN`"),
        ("{mode: MULTIRUN, sweeper: {params: {rule: [bp, fa]}}}", "rule: bp,fa"),
    ],
)
def test_a_sweep_that_would_be_a_single_run(tmp_path, hydra, line):
    """Hydra passes over its values in silence."""
    (tmp_path / "mine" / "sweep").mkdir(parents=True)
    file = tmp_path / "mine" / "sweep" / "mine.yaml"
    file.write_text(f"# @package _global_\nhydra: {hydra}\n")
    told(run_here(tmp_path, "--config-dir", "mine", "+sweep=mine", "steps=9", "seeds=1"), line)


def test_a_dataclass_in_a_file(tmp_path):
    """With annotations that are evaluated later, which needs the module to be known."""
    code = "from __future__ import annotations\nfrom dataclasses import dataclass\n" + RULE
    code += "@dataclass\nclass Kept:\n    number: int = 0\n"
    own(
        tmp_path,
        "rule",
        code.replace("{}", "{1: signals.error @ net.weights[1], 2: signals.error}"),
    )
    words = ["--config-dir", "mine", "rule=own", "steps=9", "seeds=1"]
    succeed(run_command(tmp_path, *words, FA_RULES="own.py"))


def test_a_package_that_does_not_load(monkeypatch):
    """One that brings rules and is broken: which, and why."""
    broken = EntryPoint("broken", "no_such_package.rules", "fa_cli.rules")
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    with pytest.raises(UserError, match=r"no_such_package\.rules, .* does not load \(ModuleNot"):
        registry.import_outside(registry.Registry("rule"), "fa_cli.rules")


def test_half_known(tmp_path):
    """A function without its YAML file, a YAML file without its function."""
    own(tmp_path, "rule", RULE.replace("{}", "{net.depth: signals.error}"))
    bare = run_command(tmp_path, "rule=own", "steps=9", FA_RULES="own.py")
    told(bare, "rule=own has a function and no YAML file", "`name: own`", "--config-dir MINE")
    told(run_here(tmp_path, "--config-dir", "mine", "rule=own"), "in a file that FA_RULES names")


@pytest.mark.parametrize("case", DRAWN)
def test_examples_that_do_not_fit(tmp_path, case):
    """What is drawn is looked at before training begins."""
    drawn, line = DRAWN[case]
    own(tmp_path, "dataset", ENDLESS.replace("{}", drawn))
    words = ["--config-dir", "mine", "dataset=own", "model.sizes=[4,5,1]", "steps=9"]
    told(run_command(tmp_path, *words, FA_DATASETS="own.py"), line)


def test_a_folder_that_hides_a_key(tmp_path):
    """After the first run `--config-dir .` has a folder outputs; a YAML file that is none."""
    (tmp_path / "outputs").mkdir()
    told(run_here(tmp_path, "--config-dir", ".", "outputs=x", "steps=9"), "type --config-dir mine")
    (tmp_path / "mine" / "rule").mkdir(parents=True)
    (tmp_path / "mine" / "rule" / "own.yaml").write_text("name: fa\n  x: [")
    line = "own.yaml, line 2, is not YAML: mapping values"
    told(run_here(tmp_path, "--config-dir", "mine", "rule=own"), line)


def test_from_python(tmp_path):
    """`--config-dir` is understood there too, and the run is the command's."""
    own(tmp_path, "rule", RULE.replace("{}", "{net.depth: signals.error}"))
    words = ["--config-dir", "mine", "rule=own", "steps=9", "seeds=1"]
    python = f"import os; os.environ['FA_RULES'] = 'own.py'; import fa_cli; fa_cli.run(*{words})"
    command = [sys.executable, "-c", python]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "finished before" in succeed(run_command(tmp_path, *words, FA_RULES="own.py"))
