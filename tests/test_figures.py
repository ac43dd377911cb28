"""Figures: what is drawn is what metrics.csv and arrays.npz of real, tiny runs hold.

A figure is covered by being registered: whatever is missing is told in one line, and every rule
that is found is drawn.
"""

import shutil
import subprocess
import sys
from functools import cache

import matplotlib
import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import run_command, run_here, succeed, told
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from omegaconf import OmegaConf

from fa_cli import figures
from fa_cli.errors import UserError
from fa_cli.figures import FIGURES, Missing, save
from fa_cli.figures.drawing import looks
from fa_cli.figures.figS10 import bad_edge
from fa_cli.figures.found import by_rule, by_setting
from fa_cli.registry import import_all
from fa_cli.results.formats import INDEX
from fa_cli.results.reading import Run, load_run
from fa_cli.rules import RULES, load_rules

load_rules()
import_all(figures)

SHORT = ["steps=20", "seeds=2", "record.every=5"]
PHASES = "phases=[{freeze:[1],steps:4},{rule:bp,steps:4}]"
FROZEN = "phases=[{freeze:[0],steps:20}]"
DIGITS = ["dataset=digits", "model.sizes=[64,20,10]", "record.receptive_fields=9", "seeds=2"]
DEEP = ["dataset=digits", "model.sizes=[64,9,9,9,10]", "record.receptive_fields=9", "seeds=2"]
NARROW = [
    "rule.feedback_scale=matched",
    "dataset=digits",
    "dataset.targets=input",
    "model.sizes=[64,9,3,64]",
    "seeds=2",
]
NARROW += ["epochs=2"]
SPIKING = [
    "experiment=fig4_spiking",
    "dataset=digits",
    "model.sizes=[64,20,15,20]",
    "model.population=2",
    "model.streams=10",
    "epochs=null",
    "steps=20",
    "record.every=10",
    "record.early=0",
    "optimizer.schedule=[]",
    "seeds=1",
]
SWEEPS = {  # name: (tiny commands, figures drawn from what they make)
    "fig2": ([["+sweep=fig2", "steps=30", "seeds=2"]], ["fig2"]),
    "fig3": (
        [["+sweep=fig3", *DIGITS, "epochs=2"], ["experiment=fig3_sparse", *DIGITS, "epochs=1"]],
        ["fig3", "figS5"],
    ),
    "fig3_small_rate": (
        [["+sweep=fig3_small_rate", *DIGITS, "epochs=2"]],
        ["fig3_small_rate"],
    ),
    "fig3d": ([["+sweep=fig3d", *SHORT]], ["fig3d"]),
    "fig3d_narrow": ([["+sweep=fig3d_narrow", *SHORT]], ["fig3d_narrow"]),
    "fig4": ([["-m", "rule=fa,bp", *SPIKING]], ["fig4"]),
    "fig5": (
        [
            ["+sweep=fig5", "steps=8", "seeds=2", "record.every=2", PHASES],
            ["+sweep=fig5_controls", "steps=8", "seeds=2", "record.every=2", PHASES],
        ],
        ["fig5", "figS9", "figS14"],
    ),
    "figS6": ([["+sweep=figS6", *SHORT, FROZEN]], ["figS6"]),
    "figS7": ([["+sweep=figS7", *SHORT]], ["figS7"]),
    "figS8": ([["+sweep=figS8", *SHORT]], ["figS8"]),
    "figS10": ([["+sweep=figS10", "steps=400", "seeds=50", "record.every=10"]], ["figS10"]),
    "figS11": ([["+sweep=figS11", "steps=20", "seeds=2"]], ["figS11", "figS12"]),
    "note5": (
        [
            ["+sweep=note5", *DEEP, "epochs=2"],
            ["+sweep=note5_variants", *DEEP, "experiment=note5_dropout", "epochs=1"],
            ["experiment=note5_decay", "rule=bp", *DEEP, "epochs=1"],
        ],
        ["note5"],
    ),
    "note9": ([["+sweep=note9", *NARROW]], ["note9"]),
    "figS13": ([["+sweep=figS13", "steps=20", "seeds=2"]], ["figS13"]),
}
SWEEP_OF = {name: sweep for sweep in SWEEPS for name in SWEEPS[sweep][1]}
OF_FA = {"fig5", "figS9", "figS14", "figS10", "figS11", "figS12"}  # about one rule
WITHOUT_RUNS = {"schematic", "fig1", "fig5b", "figS1", "figS2", "figS3", "figS4", "sweep", "study"}
pytestmark = pytest.mark.filterwarnings("error::UserWarning")  # a person would see them


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """`made(figure)` makes what a figure needs by the real commands, once; the results folder."""

    @cache
    def make(sweep):
        folder = tmp_path_factory.mktemp(sweep)
        for words in SWEEPS[sweep][0]:
            succeed(run_here(folder, *words))
        return folder / "outputs"

    return lambda figure: make(SWEEP_OF[figure])


@pytest.fixture
def copied(made, tmp_path):
    """`copied(figure)`: the same in a folder of this test's own, to be changed.

    It has no manifests, which would tell that it was.
    """

    def copy(figure):
        ignored = shutil.ignore_patterns("manifest.json")
        target = tmp_path / "outputs"
        return shutil.copytree(made(figure), target, ignore=ignored, dirs_exist_ok=True)

    return copy


def run_of(results, experiment: str, rule: str = "fa") -> Run:
    """A run by its rule."""
    (folder,) = (results / experiment).glob(f"rule={rule}*")
    return load_run(folder)


def mean(run: Run, column: str, across: str = "examples") -> pd.Series:
    """The mean over seeds at each moment, of NSE the geometric one."""
    values = np.log(run.metrics[column]) if column == "nse" else run.metrics[column]
    middle = values.groupby(run.metrics[across]).mean()
    return np.exp(middle) if column == "nse" else middle


def curve(axes, label: str):
    """The line that the legend calls so."""
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return line


def shows(line, table: pd.Series) -> None:
    """The line is this table's, all of it."""
    np.testing.assert_allclose(np.asarray(line.get_xdata(), float), table.index)
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), table.to_numpy())


def texts(drawing: Figure) -> set[str]:
    """All that is written in a figure."""
    return {text.get_text() for text in drawing.findobj(Text)}


def pretend(results, rule: str, earlier: str = "fa") -> None:
    """Every run with the rule `earlier` is there a second time, as a run with another rule."""
    for folder in list(results.glob(f"*/rule={earlier}*")):
        copy = folder.with_name(folder.name.replace(f"rule={earlier}", f"rule={rule}"))
        shutil.copytree(folder, copy)
        rename(copy, rule)


def rename(folder, rule: str) -> None:
    """Let a run's config say that its rule was another one."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["rule"]["name"] = rule
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "manifest.json").unlink(missing_ok=True)  # which would tell that it was changed


# ---- what is drawn is what was measured ----------------------------------------------------------


def test_every_figure_is_tested_here():
    """A new one is to be listed with the sweep that makes its runs."""
    assert {*SWEEP_OF} | WITHOUT_RUNS == set(FIGURES)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_the_command_draws_the_figures_of_a_sweep(sweep, made):
    """Whole PNG files, and their names on the terminal."""
    names = SWEEPS[sweep][1]
    results = made(names[0])
    said = succeed(run_here(results.parent, "plot", f"figure=[{','.join(names)}]"))
    assert said.split() == [
        word for name in names for word in (name, f"outputs/figures/{name}.png")
    ]
    for name in names:
        pixels = imread(results / "figures" / f"{name}.png")[..., :3]
        assert min(pixels.shape[:2]) > 300 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_fig2(made):
    """Four learning curves in the looks that the rules declare; the angle of FA alone."""
    results = made("fig2")
    left, right = FIGURES["fig2"](results).axes
    rules = ("bp", "fa", "node_perturbation", "shallow")
    assert [line.get_label() for line in left.lines] == [RULES[rule].label for rule in rules]
    for rule in rules:
        line = curve(left, RULES[rule].label)
        shows(line, mean(run_of(results, "fig2", rule), "nse"))
        assert (line.get_color(), line.get_linestyle()) == (RULES[rule].colour, RULES[rule].line)
    angle = run_of(results, "fig2").metrics.set_index("step")["angle_to_bp_1"]
    ends = [angle[angle.index < 10].mean(), angle[angle.index > 20].mean()]
    shown = curve(right, RULES["fa"].label).get_ydata()
    np.testing.assert_allclose([shown[0], shown[-1]], ends)
    assert len(right.lines) == 2 and "delta_{FA}" in right.get_ylabel()


def test_fig3(made):
    """Test errors of three rules; the angle of FA, which is none of backprop's or shallow's."""
    results = made("fig3")
    left, right, deep, fitting = FIGURES["fig3"](results).axes
    assert deep.patches and "+sweep=fig3d" in fitting.texts[0].get_text()
    for rule in ("bp", "fa", "shallow"):
        run = run_of(results, "fig3_mnist", rule)
        shows(curve(left, RULES[rule].label), mean(run, "test_error", "epoch"))
    shows(right.lines[0], mean(run_of(results, "fig3_mnist"), "angle_to_bp_1", "epoch"))
    assert len(right.containers) == 1
    ends = [text.get_text() for text in left.texts if text.get_text().endswith("%")]
    assert len(ends) == 3


def test_fig3_small_rate(made):
    """Fig. 3a,b of the runs with a small rate."""
    results = made("fig3_small_rate")
    left, right = FIGURES["fig3_small_rate"](results).axes
    for rule in ("bp", "fa"):
        run = run_of(results, "fig3_small_rate", rule)
        shows(curve(left, RULES[rule].label), mean(run, "test_error", "epoch"))
    shows(right.lines[0], mean(run_of(results, "fig3_small_rate"), "angle_to_bp_1", "epoch"))


def test_fig3d(made):
    """Shallow, two rules with three and four layers, and whatever else was run."""
    results = made("fig3d")
    (axes,) = FIGURES["fig3d"](results).axes
    labels = {
        ("fig3d_3layer", "bp"): "Backprop, 3 layers",
        ("fig3d_4layer", "bp"): "Backprop, 4 layers",
        ("fig3d_3layer", "fa"): "Feedback alignment, 3 layers",
        ("fig3d_4layer", "fa"): "Feedback alignment, 4 layers",
        ("fig3d_3layer", "shallow"): "Shallow",
        ("fig3d_4layer", "shallow"): "Shallow, 4 layers",
    }
    assert len(axes.lines) == len(labels)
    for key, label in labels.items():
        shows(curve(axes, label), mean(run_of(results, *key), "nse"))


def test_fig4(made):
    """Every spike of three moments, the potential, the signal, and two learning curves."""
    results = made("fig4")
    run, axes = run_of(results, "fig4_spiking"), FIGURES["fig4"](results).axes
    assert len(axes) == 3 * 6 + 1
    for stage, row in ((0, 0), (2, 2)):
        _, *rasters, potential, signal = axes[6 * stage : 6 * stage + 6]
        for l, panel in enumerate(rasters, start=1):
            assert len(panel.lines[0].get_xdata()) == run.arrays[f"raster_{l}"][row].sum()
        classes = run.arrays["raster_classes"][row, 0]
        labels = {int(text.get_text()): text for text in rasters[-1].get_yticklabels()}
        for digit, label in labels.items():
            assert label.get_position()[1] == np.flatnonzero(classes == digit).mean()
        for panel, name in ((potential, "psp_2"), (signal, "modulator_2")):
            np.testing.assert_allclose(panel.lines[0].get_ydata(), run.arrays[name][row, 0])
    for rule in ("fa", "bp"):
        error = mean(run_of(results, "fig4_spiking", rule), "test_error", "epoch")
        shows(curve(axes[-1], RULES[rule].label), error)


def test_fig5(made):
    """a: 20 units and the whole matrix of the first seed; c: all seeds, each phase by its name.

    With a fresh B in the last phase, and with backprop.
    """
    results = made("fig5")
    left, middle, right = FIGURES["fig5"](results).axes
    run = run_of(results, "fig5")
    whole = run.metrics[run.metrics["seed"] == 0].set_index("examples")["angle_w_b_1"]
    shows(curve(left, "of $W$ to $B^T$"), whole)
    for unit in (0, 19):
        drawn = left.lines[unit].get_ydata()
        np.testing.assert_array_equal(drawn, run.arrays["angle_w_b_unit_1"][:, 0, unit])
    told = {text.get_text() for text in middle.texts}
    assert {"1", "2", "3", "b"} <= told and any("$W$ aligns with $B^T$" in text for text in told)
    for label, experiment, rule, start in (
        ("Feedback alignment", "fig5_phases", "fa", 0),
        ("the same, a fresh $B$", "fig5_fresh", "fa", 40),
        ("Backprop", "fig5_phases", "bp", 0),
    ):
        metrics = run_of(results, experiment, rule).metrics
        later = metrics[(metrics["seed"] == 0) & (metrics["examples"] >= start)]
        shows(curve(right, label), later.set_index("examples")["nse"])
    assert len(right.lines) == 3 * 2 + 2  # two seeds each, two phases
    assert {"$W_0$ learns", "$W_0$, $W$ learn"} <= {text.get_text() for text in right.texts}


def test_fig_s5(made):
    """The fields of nine units before learning, after it, and with sparse matrices."""
    results = made("figS5")
    panels = {axes.get_title(): axes for axes in FIGURES["figS5"](results).axes}
    sparse = "Feedback alignment, 50 % of W and B absent"
    assert [*panels] == ["Before learning", "Backprop", "Feedback alignment", sparse]
    for title, experiment, key in (
        ("Before learning", "fig3_mnist", "before"),
        ("Feedback alignment", "fig3_mnist", "after"),
        (sparse, "fig3_sparse", "after"),
    ):
        fields = run_of(results, experiment).arrays[f"receptive_fields_{key}"]
        picture = panels[title].images[0].get_array()
        np.testing.assert_array_equal(picture[9:17, 9:17].ravel(), fields[0, 4])


def test_note_5(made):
    """The error of both rules, also with weight decay or dropout; nine fields."""
    results = made("note5")
    left, middle, right = FIGURES["note5"](results).axes
    for rule in ("bp", "fa"):
        run = run_of(results, "note5_tanh", rule)
        shows(curve(left, RULES[rule].label), mean(run, "test_error", "epoch"))
    decay = run_of(results, "note5_decay", "bp")
    shows(curve(left, "Backprop + weight decay"), mean(decay, "test_error", "epoch"))
    shows(curve(middle, "+ dropout"), mean(run_of(results, "note5_dropout"), "test_error", "epoch"))
    fields = run_of(results, "note5_tanh").arrays["receptive_fields_after"]
    picture = right.images[0].get_array()
    np.testing.assert_array_equal(picture[9:17, 9:17].ravel(), fields[0, 4])


def test_note_9(made):
    """Digits above their reconstructions by each network, and the errors of narrow and wide."""
    results = made("note9")
    digits, narrow, wide = FIGURES["note9"](results).axes
    picture = digits.images[0].get_array()
    assert picture.shape == (5 * 8, 10 * 8)
    for row, (experiment, rule) in enumerate(
        (("note9_narrow", "bp"), ("note9_narrow", "fa"), ("note9_wide", "bp")), start=1
    ):
        made_of = run_of(results, experiment, rule).arrays["reconstructions"][0, 3]
        shown = picture[8 * row : 8 * row + 8, 24:32]
        np.testing.assert_array_equal(shown.ravel(), made_of)
    for axes, experiment in ((narrow, "note9_narrow"), (wide, "note9_wide")):
        for rule in ("bp", "fa"):
            run = run_of(results, experiment, rule)
            shows(curve(axes, RULES[rule].label), mean(run, "test_mse", "epoch"))


def test_fig_s6(made):
    """Two rules with four layers, a fixed first one, and three layers."""
    results = made("figS6")
    (axes,) = FIGURES["figS6"](results).axes
    for experiment, added in (
        ("4layer", ""),
        ("frozen", ", $W_0$ fixed"),
        ("3layer", ", 3 layers"),
    ):
        for rule in ("bp", "fa"):
            run = run_of(results, f"figS6_{experiment}", rule)
            shows(curve(axes, RULES[rule].label + added), mean(run, "nse"))
    assert len(axes.lines) == 6


def test_fig_s7(made):
    """Medians of twice the loss, of all where none is solved; the elements of W against B's."""
    results = made("figS7")
    *panels, right = FIGURES["figS7"](results).axes
    for axes, name in zip(panels, ("small", "large"), strict=True):
        for rule in ("bp", "fa"):
            metrics = run_of(results, f"figS7_{name}", rule).metrics
            median = 2 * metrics.groupby("step")["loss"].median()
            shows(curve(axes, f"{RULES[rule].label}: 0 of 2"), median)
    arrays = run_of(results, "figS7_large").arrays
    for points, row in zip(right.collections, (0, -1), strict=True):
        b, w = points.get_offsets().T
        np.testing.assert_allclose(b, arrays["feedback_1"][-1].ravel())
        np.testing.assert_allclose(w, arrays["weights_1"][row].ravel())


def test_fig_s7_shows_what_is_solved(copied):
    """The median is that of the seeds that are solved, and the legend says how many are."""
    results = copied("figS7")
    run = run_of(results, "figS7_small")
    at_the_end = (run.metrics["seed"] == 1) & (run.metrics["step"] == 20)
    run.metrics.loc[at_the_end, "loss"] = 0.004
    run.metrics.to_csv(run.folder / "metrics.csv", index=False)
    left, *_ = FIGURES["figS7"](results).axes
    solved = run.metrics[run.metrics["seed"] == 1].set_index("step")["loss"]
    shows(curve(left, "Feedback alignment: 1 of 2"), 2 * solved)


def test_fig_s8(made):
    """A curve for each momentum, in its order."""
    results = made("figS8")
    (axes,) = FIGURES["figS8"](results).axes
    assert [line.get_label() for line in axes.lines] == [
        rf"$\alpha$ = {momentum}" for momentum in ("0", "0.5", "0.9")
    ]
    for line, momentum in zip(axes.lines, ("0", "0.5", "0.9"), strict=True):
        run = run_of(results, "figS8", f"fa,optimizer.momentum={momentum},")
        shows(line, mean(run, "nse"))


def test_fig_s9(made):
    """Every hidden unit is counted, before learning and after."""
    results = made("figS9")
    left, right = FIGURES["figS9"](results).axes
    run = run_of(results, "fig5")
    shows(left.lines[0], mean(run, "nse"))
    before, after = right.containers
    units = run.arrays["angle_w_b_unit_1"][:, 0]
    assert sum(bar.get_height() for bar in before) == units.shape[1]
    last = units[np.isfinite(units).any(axis=1)][-1]
    assert [bar.get_height() for bar in after] == np.histogram(last, np.arange(0, 181, 5))[
        0
    ].tolist()


def test_fig_s10(made):
    """The path of the start that is nearest to 0, and the starts that ended at W < 0."""
    results = made("figS10")
    _, axes = FIGURES["figS10"](results).axes
    a, w = (run_of(results, "figS10_near").arrays[f"weights_{l}"][..., 0] for l in (0, 1))
    nearest = np.hypot(a[0], w[0]).argmin()
    shows(curve(axes, "from near 0"), pd.Series(w[:, nearest], a[:, nearest]))
    ends = run_of(results, "figS10_basin").arrays["weights_1"][-1]
    (dots,) = [shown for shown in axes.collections if "trained" in shown.get_label()]
    assert len(dots.get_offsets()) == (ends < 0).sum()


@pytest.mark.quick
def test_the_edge_of_the_bad_starts():
    """What it says of a grid of starts, but for those on it, is where their flow ends.

    Forward Euler on dA/dt = 1 - W A, dW/dt = (1 - W A) A.
    """
    a, w = np.meshgrid(*2 * [np.linspace(-2.45, 2.45, 50)])
    predicted = (a < 0) & (w < bad_edge(a))
    clear = (a > 0) | (abs(w - bad_edge(a)) > 0.1)
    for _ in range(4000):
        e = 1 - w * a
        a, w = a + 0.005 * e, w + 0.005 * e * a
    assert ((w < 0) == predicted)[clear].all() and 100 < predicted.sum() < 500


@pytest.mark.parametrize(("name", "experiment"), [("figS11", "figS11_often"), ("figS12", "figS12")])
def test_fig_s11_and_s12(made, name, experiment):
    """One line a seed for each of three quantities."""
    results = made(name)
    panels = np.reshape(FIGURES[name](results).axes, (3, -1))
    column = panels[:, 1] if name == "figS11" else panels[:, 0]
    metrics = run_of(results, experiment).metrics
    for axes, quantity in zip(column, ("trace_a_b_e", "trace_b_w_1", "nse"), strict=True):
        for seed, line in enumerate(axes.lines):
            shows(line, metrics[metrics["seed"] == seed].set_index("step")[quantity])
        assert len(axes.lines) == 2


def test_the_backgrounds_of_fig_s11(made):
    """They are in the legend, and the arrow points at the second turn of A."""
    drawing = FIGURES["figS11"](made("figS11"))
    assert {"A learns", "W learns", "A and W learn"} <= texts(drawing)
    (arrow,) = [text for text in drawing.axes[7].texts if "again" in text.get_text()]
    assert arrow.xy[0] == 125
    assert "A learns" not in texts(FIGURES["figS12"](made("figS12")))


def test_fig_s13(made):
    """Nine ranges of initial weights, from small to large, in three panels; some coincide."""
    results = made("figS13")
    panels = FIGURES["figS13"](results).axes
    labels = [line.get_label() for line in panels[0].lines]
    assert len(labels) == 9 and [float(label) for label in labels] == sorted(map(float, labels))
    for axes, column in zip(panels, ("nse", "angle_to_bp_1", "angle_to_pbp_1"), strict=True):
        for label in labels:
            (folder,) = (results / "figS13").glob(f"*,model.weight_scale={label},*")
            shows(curve(axes, label), mean(load_run(folder), column))
    assert any("0.0001, 0.001" in text and "coincide" in text for text in texts(panels[2].figure))


def test_fig_s14(made):
    """The phases are named by the rules with which they were trained, and drawn in their looks."""
    results = made("figS14")
    (axes,) = FIGURES["figS14"](results).axes
    whole = mean(run_of(results, "figS14"), "nse")
    shows(axes.lines[0], whole.loc[:40])
    shows(axes.lines[1], whole.loc[40:])
    assert [line.get_color() for line in axes.lines] == [RULES[r].colour for r in ("fa", "bp")]
    assert [text.get_text() for text in axes.texts] == ["Feedback alignment", "Backprop"]


# ---- every rule is drawn -------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(SWEEP_OF) - OF_FA))
def test_every_rule_that_is_found_is_drawn(name, copied):
    """One of the package and two that nobody knows, each with a label of its own."""
    results = copied(name)
    for rule in ("dfa", "their_rule", "my_rule"):
        pretend(results, rule)
    drawing = FIGURES[name](results)
    for label in ("Direct feedback alignment", "their_rule", "my_rule"):
        assert any(label in text for text in texts(drawing)), label


def test_a_rule_from_elsewhere_is_a_curve_of_its_own(copied):
    """In Fig. 2: its own data, a colour that no other curve has, and its angle in b."""
    results = copied("fig2")
    pretend(results, "my_rule", earlier="shallow")
    pretend(results, "their_rule")
    left, right = FIGURES["fig2"](results).axes
    shows(curve(left, "my_rule"), mean(run_of(results, "fig2", "shallow"), "nse"))
    colours = [line.get_color() for line in left.lines]
    assert len(colours) == 6 == len(set(colours))
    assert [line.get_label() for line in right.lines][:2] == ["Feedback alignment", "their_rule"]
    assert "delta_{FA}" not in right.get_ylabel()


def test_direct_feedback_alignment_in_fig2(tmp_path):
    """What `fa-run experiment=fig2 rule=dfa` makes is in the figure under its own name."""
    short = ["steps=20", "seeds=2"]
    succeed(run_command(tmp_path, "experiment=fig2", "rule=dfa", *short))
    left, right = FIGURES["fig2"](tmp_path / "outputs").axes
    assert [line.get_label() for line in left.lines] == ["Direct feedback alignment"]
    assert right.lines[0].get_color() == RULES["dfa"].colour


def test_one_run_of_each_value(tmp_path, capsys):
    """Of a sweep's runs; those of a search beside them, of the same values, are told."""
    runs = []
    for value, more in [(0.5, ",steps=9"), (0.9, ""), (0.5, ""), (0, ""), (0.9, ",seeds=5")]:
        config = {"rule": {"name": "fa"}, "optimizer": {"momentum": value}}
        name = f"rule=fa,optimizer.momentum={value}{more}"
        runs.append(Run(tmp_path / name, config, pd.DataFrame(), {}))
    found = by_setting(runs, "optimizer.momentum")
    assert [run.config["optimizer"]["momentum"] for run in found] == [0, 0.5, 0.9]
    told = capsys.readouterr().err
    assert told.endswith(
        "; not rule=fa,optimizer.momentum=0.5,steps=9, rule=fa,optimizer.momentum=0.9,seeds=5\n"
    )


def test_rules_come_in_one_order(tmp_path, capsys):
    """bp, fa, the other registered ones, then unknown ones; of two runs the one with less typed.

    The other, and where they are not alike, is told.
    """
    names = ["zeta", "shallow", "fa,steps=3", "alpha", "dfa", "fa", "bp"]
    alike = pd.DataFrame({"seed": [0, 1], "step": 9})
    runs = [
        Run(tmp_path / f"rule={n}", {"rule": {"name": n.split(",")[0]}}, alike, {}) for n in names
    ]
    found = by_rule(runs)
    assert capsys.readouterr().err.endswith("rule=zeta; not rule=fa,steps=3\n")
    by_rule([run for run in runs if run.folder.name != "rule=fa,steps=3"])
    assert capsys.readouterr().err == ""
    by_rule([runs[-1], runs[-2]._replace(metrics=alike[:1])])
    assert "not alike: bp n = 2 to step 9, fa n = 1 to step 9" in capsys.readouterr().err
    assert [*found] == ["bp", "fa", "dfa", "shallow", "alpha", "zeta"]
    assert found["fa"].folder.name == "rule=fa"


@pytest.mark.quick
def test_looks():
    """Rules look as they declare; of any number of unknown ones no two have the same colour."""
    unknown = [f"rule_{k}" for k in range(20)]
    shown = looks([*RULES, *unknown])
    for name, rule in RULES.items():
        assert shown[name].label == rule.label and shown[name].line == rule.line
        assert rule.colour is None or shown[name].colour == rule.colour
    colours = {shown[name].colour for name in unknown}
    assert len(colours) == 20 and not colours & {rule.colour for rule in RULES.values()}
    assert all(shown[name].label == name for name in unknown)
    assert looks(reversed([*RULES, *unknown])) == shown


# ---- what is missing is told ---------------------------------------------------------------------


@pytest.mark.parametrize("name", SWEEP_OF)
def test_without_runs(name, tmp_path):
    """One line names the folder and the command."""
    with pytest.raises(Missing, match=r"no finished run in .*: type `fa-run .*`$"):
        FIGURES[name](tmp_path)


@pytest.mark.parametrize("name", SWEEP_OF)
def test_with_backprop_alone(name, copied):
    """What backprop cannot show is told with the command that makes it; else it alone is drawn."""
    results = copied(name)
    for experiment in {folder.parent for folder in results.glob("*/rule=*")}:
        leave_backprop(experiment)
    try:
        written = texts(FIGURES[name](results))
    except Missing as missing:
        assert "no finished run with rule=fa in " in str(missing)
        assert f"type `fa-run +sweep={SWEEP_OF[name]} outputs={results}`" in str(missing)
        assert name in {*OF_FA, "fig2", "fig3", "fig3_small_rate", "figS7"}
    else:
        assert not any("Feedback" in text for text in written)


def leave_backprop(experiment) -> None:
    """Of an experiment's runs keep those of backprop, or one that is said to be of backprop."""
    folders = sorted(experiment.glob("rule=*"), key=lambda folder: "=bp" not in folder.name)
    for folder in folders[1:]:
        shutil.rmtree(folder)
    rename(folders[0], "bp")


@pytest.mark.parametrize("loss", ["columns", "arrays", "config"])
@pytest.mark.parametrize("name", SWEEP_OF)
def test_whatever_a_run_lacks_is_told(name, loss, copied):
    """A figure is drawn without it, or a UserError says in one line which run is to blame."""
    results = copied(name)
    for folder in results.glob("*/rule=*"):
        lose(folder, loss)
    try:
        drawing = FIGURES[name](results)
    except UserError as error:
        assert str(results) in str(error) and "\n" not in str(error)
        assert "resume=false" in str(error) or "no run with rasters" in str(error)
    else:
        assert loss != "columns"
        assert any(axes.lines or axes.images for axes in drawing.axes)


def lose(folder, loss: str) -> None:
    """Take a part of a run's results away."""
    if loss == "columns":
        metrics = pd.read_csv(folder / "metrics.csv")
        metrics[INDEX].to_csv(folder / "metrics.csv", index=False)
    if loss == "config":
        rule = folder.name.removeprefix("rule=").split(",")[0]
        (folder / "config.yaml").write_text(yaml.safe_dump({"rule": {"name": rule}}))
    else:
        (folder / "arrays.npz").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda metrics: metrics.assign(nse=np.nan), "has no column nse"),
        (lambda metrics: pd.concat([metrics, metrics]), "is damaged (two rows of one seed"),
    ],
)
def test_tables_that_no_run_leaves_behind(copied, change, said):
    """Without a number, and with every row twice."""
    results = copied("fig2")
    (folder,) = (results / "fig2").glob("rule=fa*")
    metrics = change(pd.read_csv(folder / "metrics.csv"))
    metrics.to_csv(folder / "metrics.csv", index=False)
    with pytest.raises(UserError, match="resume=false") as error:
        FIGURES["fig2"](results)
    assert f"{folder} {said}" in str(error.value)


def test_a_column_that_was_not_measured_is_named(copied):
    """So is the run, and the command measures it."""
    results = copied("figS11")
    (folder,) = (results / "figS11_often").glob("rule=fa*")
    metrics = pd.read_csv(folder / "metrics.csv").drop(columns="trace_b_w_1")
    metrics.to_csv(folder / "metrics.csv", index=False)
    with pytest.raises(Missing) as told_once:
        FIGURES["figS11"](results)
    end = "has no column trace_b_w_1: type `fa-run +sweep=figS11 outputs="
    assert str(told_once.value) == f"{folder} {end}{results} resume=false`"


# ---- the command ---------------------------------------------------------------------------------


def test_one_figure_that_fails_does_not_stop_the_others(made, tmp_path):
    """A damaged run and one that is missing cost their figures; named, they are errors."""
    for name in ("fig2", "fig5", "figS8"):
        shutil.copytree(made(name), tmp_path / "outputs", dirs_exist_ok=True)
    (folder,) = (tmp_path / "outputs" / "fig2").glob("rule=bp*")
    text = (folder / "metrics.csv").read_text()
    (folder / "metrics.csv").write_text(text[: len(text) // 2] + "\nnot,a,table")
    leave_backprop(tmp_path / "outputs" / "fig5")
    lines = succeed(run_command(tmp_path, "plot")).splitlines()
    said = dict(line.split("  ", 1) for line in lines)
    assert set(said) == set(FIGURES) - {"schematic", "sweep"}  # which want options
    assert said["fig2"].startswith("not drawn: ") and "rule=bp" in said["fig2"]
    assert "damaged" in said["fig2"] and "with rule=fa in outputs/fig5" in said["figS9"]
    assert said["figS8"] == "outputs/figures/figS8.png"
    told(run_here(tmp_path, "plot", "figure=fig2"), "damaged", "resume=false")
    told(run_here(tmp_path, "plot", "figure=fig5"), "rule=fa", "type `fa-run +sweep=fig5`")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["figure=fig9"], ["no figure is called 'fig9'", "fig2, fig3"]),
        (["figure=2"], ["no figure is called '2'"]),
        (["format=gif"], ["format=gif", "pdf, png, svg"]),
        (["results=nowhere"], ["results=nowhere: no such folder"]),
        (["figure=sweep", "x=[]", "y=nse"], ["expected one key, or two"]),
        (["figure=sweep", "x=rule"], ["y=test_error: no run has measured it"]),
        (["figure=sweep", "x=rule", "y=nse", "hue=3"], ["hue=3: no two runs differ in it"]),
    ],
)
def test_mistakes(made, capsys, words, parts):
    """Each is one line that says what to type."""
    with pytest.raises(UserError) as error:
        figures.plot(config(made("fig2"), *words))
    for part in parts:
        assert part in str(error.value)


def config(results, *words: str):
    """conf/plot.yaml, and what is typed."""
    values = {"figure": None, "format": "png", "results": str(results), "rule": {"name": "fa"}}
    values |= {"outputs": None, "depth": 2, "x": None, "y": "test_error", "hue": None}
    return OmegaConf.merge(values, OmegaConf.from_dotlist([*words]))


def test_a_sweep_of_rules_has_their_looks(copied):
    """Lines against a key, one for each rule, with the means over seeds."""
    results = copied("figS8")
    pretend(results, "my_rule")
    drawing = FIGURES["sweep"](results, x="optimizer.momentum", y="nse", hue="rule")
    (axes,) = drawing.axes
    line = curve(axes, "Feedback alignment")
    assert line.get_color() == RULES["fa"].colour
    for momentum, height in zip((0, 0.5, 0.9), line.get_ydata(), strict=True):
        metrics = run_of(results, "figS8", f"fa,optimizer.momentum={momentum:g},").metrics
        assert height == pytest.approx(metrics[metrics["step"] == 20]["nse"].mean())
    assert curve(axes, "my_rule").get_color() != line.get_color()


def test_plotting_leaves_matplotlib_as_it_was(made, capsys):
    """A notebook keeps its settings and its backend."""
    before = dict(matplotlib.rcParams)
    figures.plot(config(made("figS8"), "figure=figS8"))
    assert dict(matplotlib.rcParams) == before
    assert "figS8.png" in capsys.readouterr().out


def test_figures_import_nothing_that_computes():
    """No network, backend, training or Hydra, and no pyplot, which would choose a backend."""
    code = """
import sys
import fa_cli.figures
from fa_cli.registry import import_all
from fa_cli.rules import load_rules
import_all(fa_cli.figures)
load_rules()
print(*sys.modules)
"""
    modules = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    heavy = ("network", "backend", "train", "probes", "models", "data", "experiment", "optimizer")
    assert not modules & {f"fa_cli.{name}" for name in heavy}
    assert not modules & {"hydra", "cupy", "numba", "matplotlib.pyplot"}


@pytest.mark.quick
def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """An error on the way leaves the earlier file, and nothing else."""
    path = tmp_path / "figures" / "fig.png"
    save(Figure(), path)
    earlier = path.read_bytes()

    def fail(drawing, file, **options):
        if file == path:
            path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError):
        save(Figure(), path)
    assert path.read_bytes() == earlier
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_same_results_give_the_same_bytes(made, tmp_path, capsys, kind):
    """In all formats."""
    results = made("figS8")
    path = results / "figures" / f"figS8.{kind}"
    written = []
    for _ in range(2):
        figures.plot(config(results, "figure=figS8", f"format={kind}"))
        written.append(path.read_bytes())
    assert written[0] == written[1] and len(written[0]) > 1000
