"""Schematics of any rule, drawn by the real command or looked at through their labels."""

import pytest
from test_cli import TOY
from test_errors import told

from fa_cli.figures.schematic import feedback, figs4
from fa_cli.rules import RULES, load_rules

load_rules()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_is_drawn(fa_run, tmp_path, rule):
    """`figure=schematic rule=...` needs an empty folder only, and names its file by rule and depth."""
    (tmp_path / "outputs").mkdir()
    done = fa_run("plot", "figure=schematic", f"rule={rule}", "depth=3")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "outputs" / "figures" / f"schematic_{rule}_3.png").read_bytes()) > 10_000


def test_a_rule_from_outside_is_drawn(fa_run, tmp_path):
    """From what it declares: layer by layer feedback."""
    (tmp_path / "outputs").mkdir()
    (tmp_path / "rule").mkdir()
    (tmp_path / "sign_fa.py").write_text(TOY)
    (tmp_path / "rule" / "sign_fa.yaml").write_text("name: sign_fa\ngain: 1.0\n")
    done = fa_run(
        "plot", "--config-dir", ".", "figure=schematic", "rule=sign_fa", FA_RULES="sign_fa.py"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "figures" / "schematic_sign_fa_2.png").exists()


def test_where_the_signals_come_from():
    """FA: from the layer above; direct FA: from the output; node perturbation: one scalar; shallow: nothing."""
    sources = {rule: {l: path.source for l, path in feedback(rule, 3).items()} for rule in RULES}
    assert sources["fa"] == sources["bp"] == {1: 2, 2: 3}
    assert sources["dfa"] == sources["node_perturbation"] == {1: 3, 2: 3}
    assert sources["shallow"] == {}
    assert {path.kind for path in feedback("node_perturbation", 3).values()} == {"scalar"}
    assert (
        feedback("bp", 2)[1].label == "$W^T$" and feedback("pseudobackprop", 2)[1].label == "$W^+$"
    )


def test_supplementary_figure_4_has_two_hidden_layers(tmp_path):
    """B_1 and B_2 carry delta_2 and e; h_1 and h_2 are taught by delta_1 and delta_2."""
    labels = {text.get_text() for text in figs4(tmp_path).axes[0].texts}
    assert {"$B_1$", "$B_2$", "$h_1$", "$h_2$", "$δ_1$", "$δ_2$"} <= labels


def test_schematics_of_the_paper_need_no_results(fa_run, tmp_path):
    """A plain `plot` in an empty results folder draws them, and says of the other figures what they need."""
    (tmp_path / "outputs").mkdir()
    done = fa_run("plot")
    assert done.returncode == 0, done.stderr
    drawn = {path.stem for path in (tmp_path / "outputs" / "figures").iterdir()}
    assert drawn == {"fig1", "fig5b", "figS1", "figS2", "figS3", "figS4", "schematic_fa_2"}
    assert "fig2  not drawn" in done.stdout


@pytest.mark.parametrize(
    ("word", "remedy"),
    [("rule=nope", "choose from: bp"), ("depth=0", "from 1 to 9"), ("depth=two", "from 1 to 9")],
)
def test_mistakes(fa_run, tmp_path, word, remedy):
    """One line that says what to type instead."""
    (tmp_path / "outputs").mkdir()
    told(fa_run("plot", "figure=schematic", word), word.split("=")[1], remedy)
