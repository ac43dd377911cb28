"""A run is recognised whatever it is called, and is what it says it is."""

import pytest
import yaml
from helpers import run_here, succeed, told

from fa_cli.errors import UserError
from fa_cli.naming import earlier_name, run_name
from fa_cli.registry import Registry
from fa_cli.results.formats import DAMAGE
from fa_cli.results.reading import load_run
from fa_cli.results.runs import look

TINY = ["steps=20", "seeds=2"]
quick = pytest.mark.quick


# ---- names ---------------------------------------------------------------------------------------


@quick
@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (["optimizer.learning_rate=1e-3"], "optimizer.learning_rate=0.001"),
        (["optimizer.learning_rate=.001"], "optimizer.learning_rate=0.001"),
        (["optimizer.momentum=0.0"], "optimizer.momentum=0"),
        (["backend.compiled=False"], "backend.compiled=false"),
        (["seeds=5", "seeds=3"], "seeds=3"),
        (["seeds=[3]"], "seeds=+3"),
        (["model.sizes=[64, 20,10]", "+rule.sigma=1"], "model.sizes=+64+20+10,rule.sigma=1"),
        (["record.every=null", "rule=fa", "outputs=x"], "record.every=null"),
        (["~model.weights"], "without-model.weights"),
    ],
)
def test_a_value_has_one_spelling(typed, name):
    """However it was typed."""
    assert run_name("fa", typed) == f"rule=fa,{name}"


@quick
def test_names_are_left_alone_by_shells():
    """Whatever is in a value; other values, other names; none is too long."""
    words = ["a='x y'", "a='x z'", "phases=[{freeze:[1],steps:4}]", "b='é'", 'c="$HOME/*"']
    names = {run_name("fa", [word]) for word in words}
    letters = "abcdefghijklmnopqrstuvwxyz0123456789._-=,+"
    assert len(names) == len(words) and set("".join(names)) <= set(letters)
    assert len(run_name("fa", [f"k{n}=12345" for n in range(100)])) <= 200


def test_three_spellings_are_one_run(here, tmp_path):
    """Trained once."""
    for rate in ("1e-3", "0.001", ".001"):
        said = succeed(here(f"optimizer.learning_rate={rate}", *TINY))
    assert "finished before" in said and len(list(tmp_path.rglob("done"))) == 1


def test_a_run_that_an_earlier_version_named_is_found(here, tmp_path):
    """Its folder has the words as they were typed, its config lacks what came later."""
    words = ["optimizer.learning_rate=1e-3", "model.sizes=[30,5,10]", *TINY]
    succeed(here(*words))
    (done,) = tmp_path.rglob("done")
    old = done.parent.rename(done.parent.with_name(earlier_name("fa", words)))
    config = yaml.safe_load((old / "config.yaml").read_text())
    for gone in ("numerics", "dtype"):
        del config[gone]
    del config["model"]["name"], config["model"]["layers"]
    (old / "config.yaml").write_text(yaml.safe_dump(config))
    (old / "manifest.json").unlink()  # which then said nothing of files
    assert "finished before" in succeed(here(*words))
    assert [path.parent for path in tmp_path.rglob("done")] == [old]
    assert [path.name for path in old.parent.iterdir()] == [old.name]


# ---- what is in a folder is what the run wrote ---------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run with all kinds of files."""
    folder = tmp_path_factory.mktemp("finished")
    words = ["experiment=debug", "record.audit=1", "record.receptive_fields=3", "steps=10"]
    succeed(run_here(folder, *words))
    (done,) = folder.rglob("done")
    return done.parent


@quick
@pytest.mark.parametrize(
    "name", ["metrics.csv", "summary.csv", "arrays.npz", "audit.npz", "config.yaml"]
)
def test_a_number_that_was_changed_is_noticed(finished, name):
    """Cut, or with another digit: named in one line, and listed as damaged."""
    path = finished / name
    content = path.read_bytes()
    assert load_run(finished).folder == finished
    try:
        for damaged in (content[:-9], content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]):
            path.write_bytes(damaged)
            with pytest.raises(UserError, match=f"{name} is not what the run wrote.*resume=false"):
                load_run(finished)
            assert look(finished)[0] == "damaged"
    finally:
        path.write_bytes(content)


@quick
def test_runs_of_earlier_versions_are_readable(finished, tmp_path):
    """Their manifests say nothing of files."""
    manifest = finished / "manifest.json"
    content = manifest.read_text()
    try:
        manifest.write_text(content.replace('"files"', '"other"'))
        (finished / "summary.csv").write_text((finished / "summary.csv").read_text() + " ")
        assert len(load_run(finished).metrics)
        manifest.write_text("{")
        with pytest.raises((UserError, *DAMAGE)):
            load_run(finished)
    finally:
        manifest.write_text(content)


# ---- two of one name -----------------------------------------------------------------------------

OWN = '''
from fa_cli.rules import rule

@rule("{name}")
def own(net, signals):
    """Nothing is sent."""
    return {{net.depth: signals.error}}
'''


def test_a_rule_that_is_there_already(fa_run, tmp_path):
    """Both files are named; nothing replaces feedback alignment without a word."""
    for name, rule in (("mine", "fa"), ("first", "own"), ("second", "own")):
        (tmp_path / f"{name}.py").write_text(OWN.format(name=rule))
    told(fa_run(*TINY, FA_RULES="mine.py"), "rule 'fa' is defined twice", "rules/fa.py", "mine.py")
    told(fa_run(*TINY, FA_RULES="first.py:second.py"), "'own' is defined twice", "first.py")
    succeed(fa_run(*TINY, FA_RULES="first.py:first.py"))


@pytest.mark.parametrize("content", ["def f(:\n", "1 / 0\n", "import absent_module\n"])
def test_a_file_of_rules_that_is_broken(fa_run, tmp_path, content):
    """One line that names the file; help is shown all the same."""
    (tmp_path / "broken.py").write_text(content)
    told(fa_run(*TINY, FA_RULES="broken.py"), "FA_RULES=broken.py: ")
    assert "fa-run plot" in succeed(fa_run("--help", FA_RULES="broken.py"))


@quick
def test_every_registry_watches_its_names():
    """Whatever kind of part."""
    parts = Registry("toy")
    parts.add("a", 1, test_a_value_has_one_spelling)
    parts.add("a", 2, test_names_are_left_alone_by_shells)
    with pytest.raises(UserError, match="toy 'a' is defined twice"):
        parts.add("a", 3, load_run)
    assert parts["a"] == 2


def test_a_module_beside_a_rule_belongs_to_it(fa_run, tmp_path):
    """What the rule imports from its own folder, edited, makes another run."""
    (tmp_path / "gains.py").write_text("GAIN = 1.0\n")
    (tmp_path / "own.py").write_text(
        "from gains import GAIN\n"
        "from fa_cli.rules import downward, layer_by_layer, rule\n"
        "@rule('own', feedback=layer_by_layer)\n"
        "def own(net, s):\n"
        "    back = lambda l, d: GAIN * net.back(l, net.feedback[l], d[l + 1])\n"
        "    return downward(net, s, back)\n"
    )
    (tmp_path / "rule").mkdir()
    (tmp_path / "rule" / "own.yaml").write_text("name: own\n")
    words = ["--config-dir", ".", "rule=own", "steps=20", "seeds=1"]
    outside = {"FA_RULES": "own.py", "PYTHONPATH": str(tmp_path)}
    assert "trained in" in succeed(fa_run(*words, **outside))
    assert "finished before" in succeed(fa_run(*words, **outside))
    (tmp_path / "gains.py").write_text("GAIN = 5.0\n")
    told(fa_run(*words, **outside), "gains.py has changed", "resume=false")
