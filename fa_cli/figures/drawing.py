"""What several figures draw: rules in their looks, curves with their spread, and axes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import lineStyles

from fa_cli.errors import UserError, suggest
from fa_cli.figures.found import Missing, by_rule, curves, find_runs
from fa_cli.results.reading import Run
from fa_cli.rules import RULES, Rule

SPARE = ("#08306b", "#17becf", "#8c510a", "#e6c200", "#d62728", "#6baed6")  # dark, light, ..
PALER = 0.6
LINES = ("-", "--", "-.", ":")
EPOCHS = "Epochs (60,000 examples)"
EXAMPLES = "Number of examples"
ANGLE = "angle_to_bp_1"
NO_ANGLE = ("W^T", "L", None)  # paths: backprop itself, a scalar, no signal at all
COLUMN, ROW = 2.3, 0.17  # of a legend under a figure; inches
CHANCE, LINE = 90, 0.22  # percent of ten classes; a line of small text on a logarithmic axis
PERCENT = [1, 2, 5, 10, 20, 50, 100]


class Look(NamedTuple):
    """How a curve is drawn, and what the legend says of it."""

    label: str | None
    colour: str
    line: str


def looks(rules: Iterable[str]) -> dict[str, Look]:
    """How the rules of one figure are shown: as they declare.

    Unknown rules, and those without a colour, get colours that no other of them has.
    """
    names = sorted(set(rules))
    plain = [name for name in names if name not in RULES or RULES[name].colour is None]
    spares = {name: spare_look(name, k) for k, name in enumerate(plain)}
    return {name: declared(RULES.get(name), spares.get(name)) for name in names}


def declared(rule: Rule | None, spare: Look | None) -> Look:
    """What a rule says of its look, and `spare` where it says nothing.

    Raises UserError for what matplotlib does not know.
    """
    if rule and not (rule.colour is None or is_color_like(rule.colour)):
        raise UserError(f"rule {rule.name!r}: colour={rule.colour!r} is no colour of matplotlib")
    if rule and isinstance(rule.line, str) and rule.line not in lineStyles:
        known = suggest(rule.line, lineStyles)
        raise UserError(f"rule {rule.name!r}: line={rule.line!r} is no style of a line: {known}")
    if spare is None:
        assert rule is not None and rule.colour is not None  # else it would have a spare one
        return Look(rule.label, rule.colour, rule.line)
    return Look(rule.label, rule.colour or spare.colour, rule.line) if rule else spare


def spare_look(name: str, k: int) -> Look:
    """The look of the k-th rule that has none: a colour of SPARE, paler in each round."""
    rounds, place = divmod(k, len(SPARE))
    paler = 1 - (1 - np.array(to_rgb(SPARE[place]))) * PALER**rounds
    return Look(name, to_hex(paler), LINES[k % len(LINES)])


def panels(
    size: tuple[float, float] | None, rows: int = 1, columns: int = 1, **options: Any
) -> tuple:
    """An empty figure of so many inches, and its axes: one, or an array of them."""
    drawing = Figure(figsize=size, layout="constrained")
    return drawing, drawing.subplots(rows, columns, **options)


def letter(axes: Axes, text: str) -> None:
    """The panel's letter, at its upper left."""
    axes.text(-0.18, 1.04, text, transform=axes.transAxes, fontsize=12, fontweight="bold")


def legend(axes: Axes, most: int, **style: Any) -> None:
    """What the curves are: in the panel up to `most`, else under the figure, which grows for it."""
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    if len(labels) <= most:
        axes.legend(**style)
        return
    drawing = axes.figure
    width, height = drawing.get_size_inches()
    columns = round(width / COLUMN)
    drawing.set_figheight(height + ROW * np.ceil(len(labels) / columns))
    place = {"loc": "outside lower center", "ncols": columns, "fontsize": 7}
    drawing.legend(handles, labels, title=style.get("title"), **place)


def band(axes: Axes, look: Look, x: Any, middle: Any, low: Any, high: Any) -> None:
    """A curve, with its spread."""
    axes.plot(x, middle, color=look.colour, linestyle=look.line, label=look.label)
    axes.fill_between(x, low, high, color=look.colour, alpha=0.25, linewidth=0)


def log_band(axes: Axes, run: Run, look: Look, column: str = "nse") -> None:
    """A run's curve for a logarithmic axis: geometric mean over seeds, and one s.d. of the log."""
    with np.errstate(divide="ignore"):  # an error of 0 is below any axis
        logs = np.log10(curves(run, column))
    middle, spread = logs.mean(axis=1), logs.std(axis=1).fillna(0)
    band(axes, look, logs.index, 10**middle, 10 ** (middle - spread), 10 ** (middle + spread))


def nse_axes(axes: Axes) -> None:
    """Name the axes of learning curves."""
    axes.set(yscale="log", xlabel=EXAMPLES, ylabel="NSE", xlim=(0, None))


def learning_curves(
    results: Path,
    experiments: Mapping[str, tuple[str, str]],
    own: Mapping[tuple[str, str], Look],
    inside: int = 6,
) -> Figure:
    """A figure of one panel, its legend in it up to `inside` entries."""
    drawing, axes = panels((4.2, 3))
    draw_learning_curves(axes, results, experiments, own)
    legend(axes, inside, fontsize=7)
    return drawing


def draw_learning_curves(
    axes: Axes,
    results: Path,
    experiments: Mapping[str, tuple[str, str]],
    own: Mapping[tuple[str, str], Look],
) -> None:
    """The NSE of several experiments, geometric mean and one s.d. over seeds.

    `experiments` maps each to what it adds to a rule's label, and its line; `own` maps an
    (experiment, rule) to the look that it has in the paper. Raises Missing for an experiment
    without runs.
    """
    found = {}
    for experiment in experiments:
        for rule, run in by_rule(find_runs(results, experiment)).items():
            found[experiment, rule] = run
    shown = looks(rule for _, rule in found)
    for key in dict.fromkeys([*own, *found]):
        if key in found:
            experiment, rule = key
            added, line = experiments[experiment]
            look = Look(f"{shown[rule].label}{added}", shown[rule].colour, line)
            log_band(axes, found[key], own.get(key, look))
    nse_axes(axes)


def error_curves(axes: Axes, runs: Mapping[str, Run]) -> None:
    """The error on the test set, mean and one s.d. over seeds, for each rule.

    Chance is dotted; where a curve ends, its error is written.
    """
    shown = looks(runs)
    axes.axhline(CHANCE, color="0.7", linestyle=":", linewidth=1)
    ends = [
        (*mean_band(axes, run, shown[rule], "test_error"), shown[rule].colour)
        for rule, run in runs.items()
    ]
    end_labels(axes, ends)
    axes.set(yscale="log", xlabel=EPOCHS, ylabel="Error on test set (%)")
    axes.set(xlim=(0, None), ylim=(1, 100))
    axes.set_yticks(PERCENT, labels=map(str, PERCENT))
    axes.minorticks_off()


def mean_band(axes: Axes, run: Run, look: Look, column: str) -> tuple[float, float]:
    """A column against epochs, mean and one s.d. over seeds; returns where the mean ends."""
    table = curves(run, column, across="epoch")
    mean, spread = table.mean(axis=1), table.std(axis=1).fillna(0)
    band(axes, look, table.index, mean, mean - spread, mean + spread)
    return table.index[-1], mean.iloc[-1]


def paper_mark(axes: Axes, place: float, value: float, colour: str) -> None:
    """A mark for the paper's final value, `place` widths of the axes from the left."""
    beside = {"transform": axes.get_yaxis_transform(), "clip_on": False}
    axes.plot([place], [value], marker="<", color=colour, markersize=4, **beside)


def end_labels(axes: Axes, ends: Iterable[tuple[float, float, str]]) -> None:
    """What curves end with, beside them: of each x, error and colour, in the order of the errors.

    They are a line apart at least: halfway between as low and as high as the others let them be.
    """
    ends = sorted(ends, key=lambda end: end[1])
    lines = LINE * np.arange(len(ends))
    free = np.log([error for _, error, _ in ends]) - lines
    high, low = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    style = {"fontsize": 7, "va": "center", "clip_on": False}
    for (x, error, colour), place in zip(ends, np.exp((low + high) / 2 + lines), strict=True):
        axes.text(1.02 * x, place, f"{error:.3g} %", color=colour, **style)


def with_angles(runs: Mapping[str, Run], experiment: Path) -> dict[str, Run]:
    """The runs, by rule, whose angle to backprop says something; raises Missing if none does."""
    found = {}
    for name, run in runs.items():
        path = RULES[name].path if name in RULES else None
        if ANGLE in run.metrics and not (path and path.through in NO_ANGLE):
            found[name] = run
    if not found and "fa" not in runs:
        raise Missing(f"no finished run with rule=fa in {experiment}")
    return found or {"fa": runs["fa"]}


def angle_label(rules: Iterable[str], to: str = "BP") -> str:
    """What the axis of angles is called: of feedback alignment, where no other rule is shown."""
    signal = r"\delta_{FA}" if {*rules} == {"fa"} else r"\delta"
    return rf"${signal}\,\angle\,\delta_{{{to}}}$ (degrees)"


def angle_axes(axes: Axes, rules: Iterable[str], xlabel: str) -> None:
    """Name the axes of angles, on which all curves are drawn already, and mark the right angle."""
    top = 1.05 * np.nanmax(np.concatenate([line.get_ydata() for line in axes.lines]))
    axes.axhline(90, color="0.7", linestyle=":", linewidth=1)
    axes.set(xlabel=xlabel, ylabel=angle_label(rules), xlim=(0, None))
    axes.set(ylim=(0, max(105, top)), yticks=range(0, max(91, int(top)), 15))
