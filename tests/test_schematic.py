"""Schematics: what is drawn of a rule is what it declares, whichever rule it is."""

from collections import Counter

import numpy as np
import pytest
from helpers import run_here, succeed, told
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fa_cli.figures.schematic import GOLD, KINDS, THIN, feedback, fig1, figs4, schematic
from fa_cli.registry import Registry
from fa_cli.rules import RULES, Path, from_output, layer_by_layer, load_rules, no_feedback, rule

load_rules()
SIGN_FA = '''
from fa_cli.rules import downward, layer_by_layer, rule

@rule("sign_fa", feedback=layer_by_layer)
def sign_fa(net, signals, gain: float):
    """Only the sign of what arrives is fed back."""
    sign = net.backend.xp.sign
    return downward(net, signals, lambda l, d: gain * net.back(l, net.feedback[l], sign(d[l + 1])))
'''


@pytest.fixture
def declare(monkeypatch):
    """`declare(feedback=..)` registers a rule for this test only, and returns its name."""

    def register(**declared) -> str:
        copy = Registry("rule")
        copy.update(RULES)
        monkeypatch.setattr("fa_cli.rules.RULES", copy)
        monkeypatch.setattr("fa_cli.figures.schematic.RULES", copy)
        rule("toy", **declared)(lambda net, signals: {})
        return "toy"

    return register


def drawn(name: str, depth: int) -> Figure:
    """A rule's schematic."""
    return schematic(None, rule=name, depth=depth)


def labels(drawing: Figure) -> set[str]:
    """All texts in a drawing's panels."""
    return {text.get_text() for axes in drawing.axes for text in axes.texts}


def legend_of(drawing: Figure) -> set[str]:
    """All texts under a drawing."""
    return {text.get_text() for text in drawing.legends[0].get_texts()}


def synapses(drawing: Figure, kind: str) -> int:
    """The number of thin lines in the style of a kind of arrow."""
    colour, line, _ = KINDS[kind]
    found = 0
    for drawn_line in drawing.axes[0].lines:
        style = drawn_line.get_color(), drawn_line.get_linestyle(), drawn_line.get_linewidth()
        found += style == (colour, line, THIN)
    return found


@pytest.mark.quick
@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_every_rule_is_drawn(name, depth):
    """A legend line for every kind of arrow, a teaching signal for every layer that has a path."""
    paths = feedback(name, depth)
    silent = RULES[name].path is not None and RULES[name].path.through is None
    assert set(paths) == (set() if silent else set(range(1, depth)))
    drawing = drawn(name, depth)
    assert {KINDS[path.kind][2] for path in paths.values()} <= legend_of(drawing)
    taught = {l for l in range(1, depth) if {f"$δ_{l}$", "$δ$"} & labels(drawing)}
    scalar = {path.kind for path in paths.values()} == {"scalar"}
    assert taught == (set() if scalar else set(paths))
    noisy = any("ξ" in text for text in labels(drawing))
    assert noisy == (RULES[name].noise is not None and depth > 1)
    assert (KINDS["frozen"][2] in legend_of(drawing)) == (silent and depth > 1)


@pytest.mark.quick
@pytest.mark.parametrize("name", [name for name in sorted(RULES) if RULES[name].path])
def test_the_signals_come_from_where_the_rule_says(name):
    """From the layer above or from the output, through what the path names."""
    path = RULES[name].path
    above = {1: 2, 2: 3} if path.source == "above" else {1: 3, 2: 3}
    found = feedback(name, 3)
    assert {l: found[l].source for l in found} == (above if path.through else {})
    through = {"W^T": "$W_1^T$", "W^+": "$W_1^+$", "B": "$B_1$", "L": "$L$", None: None}
    assert (found[1].label if found else None) == through[path.through]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("name", "kind"),
    [("fa", "random"), ("kolen_pollack", "adapting"), ("bp", "computed")],
)
def test_feedback_that_is_fixed_learned_or_computed(name, kind):
    """Twelve synapses from three error neurons to four feedback neurons, in that style alone."""
    drawing = drawn(name, 2)
    kinds = ("random", "adapting", "computed")
    assert Counter({k: synapses(drawing, k) for k in kinds}) == Counter({kind: 12})
    assert KINDS[kind][2] in legend_of(drawing)


@pytest.mark.quick
def test_feedback_that_learns_is_told_from_signals():
    """Both are gold and solid; their lines in the legend differ in width."""
    lines = drawn("kolen_pollack", 2).legends[0].get_lines()
    gold = [
        line for line in lines if to_hex(line.get_color()) == GOLD and line.get_marker() == "None"
    ]
    assert len({line.get_linewidth() for line in gold}) == len(gold) == 2


@pytest.mark.quick
@pytest.mark.parametrize(
    ("shapes", "source", "kind"),
    [
        (layer_by_layer, {1: 2, 2: 3}, "random"),
        (from_output, {1: 3, 2: 3}, "random"),
        (no_feedback, {1: 2, 2: 3}, "undeclared"),
    ],
)
def test_a_rule_without_a_path(declare, shapes, source, kind):
    """Its shapes say where signals come from; a rule that declares nothing is said to."""
    name = declare(feedback=shapes)
    found = feedback(name, 3)
    assert {l: found[l].source for l in found} == source
    assert {path.kind for path in found.values()} == {kind}
    assert KINDS[kind][2] in legend_of(drawn(name, 3))


@pytest.mark.quick
def test_paths_that_no_rule_of_the_package_has(declare):
    """B from the output that learns: a detour under each layer but the last, solid and gold."""
    name = declare(feedback=from_output, adapt=print, path=Path("B", source="output"))
    found = feedback(name, 4)
    assert {path.kind for path in found.values()} == {"adapting"}
    assert [path.source for path in found.values()] == [4, 4, 4]
    bottoms = {min(line.get_ydata()) for line in drawn(name, 4).axes[0].lines}
    assert len([y for y in bottoms if y < min(drawn("fa", 4).axes[0].get_ylim())]) == 2


@pytest.mark.quick
def test_supplementary_figure_4_has_two_hidden_layers():
    """B_1 and B_2 carry delta_2 and e; h_1 and h_2 are taught by delta_1 and delta_2."""
    assert {"$B_1$", "$B_2$", "$h_1$", "$h_2$", "$δ_1$", "$δ_2$"} <= labels(figs4(None))


@pytest.mark.quick
def test_figure_1_ties_six_synapses_in_pairs():
    """a has three colours, each on a synapse forward and one backward; b and c have none."""
    colours = []
    for axes in fig1(None).axes:
        thick = [line for line in axes.lines if np.isclose(line.get_linewidth(), 2.2)]
        colours.append(Counter(line.get_color() for line in thick))
    assert sorted(colours[0].values()) == [2, 2, 2]
    assert not colours[1] and not colours[2]


def test_the_command_names_the_file_by_rule_and_depth(fa_run, tmp_path):
    """`figure=schematic` needs an empty folder only."""
    (tmp_path / "outputs").mkdir()
    succeed(fa_run("plot", "figure=schematic", "rule=kolen_pollack", "depth=3"))
    assert [path.name for path in tmp_path.rglob("*.png")] == ["schematic_kolen_pollack_3.png"]


def test_a_rule_from_outside_is_drawn(fa_run, tmp_path):
    """From what it declares: layer by layer feedback."""
    (tmp_path / "outputs").mkdir()
    (tmp_path / "rule").mkdir()
    (tmp_path / "sign_fa.py").write_text(SIGN_FA)
    (tmp_path / "rule" / "sign_fa.yaml").write_text("name: sign_fa\ngain: 1.0\n")
    words = ["plot", "--config-dir", ".", "figure=schematic", "rule=sign_fa", "format=svg"]
    succeed(fa_run(*words, FA_RULES="sign_fa.py"))
    drawn_here = (tmp_path / "outputs" / "figures" / "schematic_sign_fa_2.svg").read_text()
    succeed(fa_run("plot", "figure=schematic", "rule=fa", "format=svg"))
    assert (tmp_path / "outputs" / "figures" / "schematic_fa_2.svg").read_text() == drawn_here


def test_schematics_of_the_paper_need_no_results(tmp_path):
    """A plain `plot` of an empty folder draws them, and says of others what they need."""
    (tmp_path / "outputs").mkdir()
    said = succeed(run_here(tmp_path, "plot"))
    names = {path.stem for path in (tmp_path / "outputs" / "figures").iterdir()}
    assert names == {"fig1", "fig5b", "figS1", "figS2", "figS3", "figS4"}
    assert "fig2  not drawn" in said


@pytest.mark.parametrize(
    ("word", "remedy"),
    [("rule=nope", "choose from: bp"), ("depth=0", "from 1 to 9"), ("depth=two", "from 1 to 9")],
)
def test_mistakes(here, tmp_path, word, remedy):
    """One line that says what to type instead."""
    (tmp_path / "outputs").mkdir()
    told(here("plot", "figure=schematic", word), word.split("=")[1], remedy)
