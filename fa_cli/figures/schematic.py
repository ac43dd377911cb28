"""Schematics of a network and what its learning rule sends back: any rule, and the paper's Figs. 1, 5b and Supp. Figs. 1-4.

They need no results. What is drawn comes from what the rule declares (fa_cli/rules): the shapes of its feedback matrices, and whether
it perturbs the hidden units. Layer 0 is the input, layer L = depth the output; layers of feedback neurons carry the number of the
layer that they teach, and the error neurons that of the output.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from fa_cli.errors import UserError
from fa_cli.figures import figure
from fa_cli.rules import RULES

BLUE, GOLD, GREY, INK = "#1f5a9e", "#e09600", "0.8", "0.15"
TIED = ("#6a1b9a", "#d32f2f", "#43a047")  # Fig. 1a's three synapses; of different lightness, for print in grey
STEP, ROW, PITCH, RADIUS, LANE = 2.1, 3.1, 0.5, 0.17, 0.55  # between layers, rows and neurons; of a neuron; between detours
INCH = 0.62  # of one unit of length
HIDDEN_UNITS, OTHER_UNITS = 4, 3
DEEPEST = 9

COMPUTED = {"bp": "T", "pseudobackprop": "+"}  # rules that send by W_l^T or W_l^+: what becomes of W_l
SILENT = ("shallow",)  # rules that send nothing to the hidden layers
KINDS = {  # kind of arrow: colour, line, what the legend says
    "learning": (BLUE, "-", "forward weights that learn"),
    "frozen": (BLUE, "--", "forward weights, fixed"),
    "random": (GOLD, "--", "feedback weights, fixed and random"),
    "computed": (GOLD, ":", "feedback computed from the forward weights"),
    "undeclared": (GOLD, ":", "feedback that the rule does not declare"),
    "scalar": (GOLD, "-.", "one scalar, the same for all neurons"),
    "signal": (GOLD, "-", "error and teaching signals"),
}
NEURONS = {"forward neurons": BLUE, "error and feedback neurons": GOLD, "target": GREY}


class Feedback(NamedTuple):
    """How a hidden layer gets its teaching signal."""

    source: int  # the layer whose error or delta is sent on
    label: str  # of what it is sent through
    kind: str  # a key of KINDS


def symbol(letter: str, l: int, depth: int, power: str = "") -> str:
    """`W_l` and the like; with one hidden layer the paper writes W_0, W, B, h and delta."""
    index = "" if depth == 2 and l == 1 else f"_{l}"
    return f"${letter}{index}^{power}$" if power else f"${letter}{index}$"


def feedback(rule: str, depth: int) -> dict[int, Feedback]:
    """The feedback to each hidden layer that gets any, from what the rule declares; raises UserError for an unknown rule."""
    declared = RULES.find(rule)
    sizes = list(range(2, depth + 3))  # all different, so that a shape tells the layer from which a matrix comes
    if shapes := declared.feedback(sizes):
        sources = {l: sizes.index(shape[-1]) if shape[-1] in sizes[l + 1 :] else depth for l, shape in shapes.items()}
        return {l: Feedback(source, symbol("B", l, depth), "random") for l, source in sources.items()}
    if rule in SILENT:
        return {}
    if declared.noisy:
        return {l: Feedback(depth, "$L$", "scalar") for l in range(1, depth)}
    if rule in COMPUTED:
        return {l: Feedback(l + 1, symbol("W", l, depth, COMPUTED[rule]), "computed") for l in range(1, depth)}
    return {l: Feedback(l + 1, "?", "undeclared") for l in range(1, depth)}


def column(layer: float, row: int, count: int) -> np.ndarray:
    """Where the neurons of a layer are, from top to bottom, (count, 2); row 0 is the forward path, row 1 the backward one."""
    y = ((count - 1) / 2 - np.arange(count)) * PITCH - row * ROW
    return np.stack([np.full(count, layer * STEP), y], axis=1)


def neurons(axes: Axes, places: np.ndarray, colour: str) -> None:
    """A layer of neurons."""
    for place in places:
        axes.add_patch(plt.Circle(place, RADIUS, facecolor=colour, edgecolor="white", linewidth=0.8, zorder=3))


def arrow(axes: Axes, points: Iterable, kind: str, width: float = 2.0, colour: str | None = None) -> None:
    """A line through `points` with a head at its end, in the style of its kind."""
    points = np.asarray(points, dtype=float)
    shade, line, _ = KINDS[kind]
    shade = colour or shade
    x, y = points.T
    axes.plot(x, y, color=shade, linestyle=line, linewidth=width, zorder=1 + bool(colour), solid_capstyle="butt")
    back = points[-1] - points[-2]
    tail = points[-1] - 0.02 * back / np.hypot(*back)
    head = {"arrowstyle": "-|>", "color": shade, "linewidth": 0, "mutation_scale": 5 + 4 * width, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], tail, arrowprops=head, zorder=2 + bool(colour))


def synapse(axes: Axes, start: np.ndarray, end: np.ndarray, kind: str, width: float = 0.8, colour: str | None = None) -> None:
    """An arrow from one neuron to another."""
    gap = RADIUS * (end - start) / np.hypot(*(end - start))
    arrow(axes, [start + gap, end - gap * 1.15], kind, width, colour)


def matrix(axes: Axes, starts: np.ndarray, ends: np.ndarray, kind: str) -> None:
    """A synapse from each neuron of a layer to each of another."""
    for start in starts:
        for end in ends:
            synapse(axes, start, end, kind)


def below(places: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """Just under a layer."""
    return places[-1] + [shift, -RADIUS - 0.06]


def above(places: np.ndarray, shift: float = 0.0, rise: float = 0.0) -> np.ndarray:
    """Just over a layer."""
    return places[0] + [shift, RADIUS + 0.06 + rise]


def draw(axes: Axes, rule: str, depth: int, tied: bool = False) -> list[str]:
    """The network and all that the rule sends, into empty axes; returns the kinds of arrows. `tied` colours the synapses of Fig. 1a."""
    paths = feedback(rule, depth)
    hidden = range(1, depth)
    forward = [column(l, 0, HIDDEN_UNITS if l in hidden else OTHER_UNITS) for l in range(depth + 1)]
    backward = {l: column(l, 1, HIDDEN_UNITS) for l in hidden if l in paths and paths[l].kind != "scalar"}
    backward[depth] = column(depth, 1, OTHER_UNITS)
    weights = ["learning" if l == depth - 1 or l + 1 in paths else "frozen" for l in range(depth)]

    draw_forward(axes, forward, weights, noisy=RULES[rule].noisy)
    draw_error(axes, forward[depth], backward[depth], depth)
    if any(path.kind == "scalar" for path in paths.values()):
        draw_scalar(axes, forward, backward[depth], list(paths))
    else:
        draw_feedback(axes, forward, backward, paths)
    if tied:
        for j, colour in enumerate(TIED):
            synapse(axes, forward[1][1], forward[2][j], "learning", 2.2, colour)
            synapse(axes, backward[2][j], backward[1][1], "learning", 2.2, colour)
    axes.set_aspect("equal")
    axes.axis("off")
    return [kind for kind in KINDS if kind in {*weights, *(path.kind for path in paths.values()), "signal"}]


def draw_forward(axes: Axes, layers: list[np.ndarray], weights: list[str], noisy: bool) -> None:
    """The forward path, each name over its layer or weights."""
    depth = len(weights)
    hidden = [symbol("h", l, depth) + (f" + {symbol('ξ', l, depth)}" if noisy else "") for l in range(1, depth)]
    top = (HIDDEN_UNITS - 1) / 2 * PITCH + 0.45
    for l, name in enumerate(["$x$", *hidden, "$y$"]):
        neurons(axes, layers[l], BLUE)
        axes.text(l * STEP, top, name, ha="center", va="baseline", color=INK)
    for l, kind in enumerate(weights):
        matrix(axes, layers[l], layers[l + 1], kind)
        axes.text((l + 0.5) * STEP, top, symbol("W", l, depth), ha="center", va="baseline", color=BLUE, fontsize=11)


def draw_error(axes: Axes, output: np.ndarray, error: np.ndarray, depth: int) -> None:
    """The error neurons, from the output and the target; the output neurons learn from them."""
    target = column(depth + 1, 1, OTHER_UNITS)
    neurons(axes, error, GOLD)
    neurons(axes, target, GREY)
    for start, end in zip(target, error, strict=True):
        synapse(axes, start, end, "learning", 1.2, "0.6")
    arrow(axes, [below(output, -0.1), above(error, -0.1)], "learning")
    arrow(axes, [above(error, 0.1), below(output, 0.1)], "signal")
    axes.text(*above(target, rise=0.1), "$y^*$", ha="center", va="baseline", color=INK)
    axes.text(*above(error, 0.3, 0.1), "$e = y^* - y$", ha="left", va="baseline", color=INK)


def draw_feedback(axes: Axes, forward: list[np.ndarray], backward: dict[int, np.ndarray], paths: dict[int, Feedback]) -> None:
    """Feedback neurons under the hidden layers that they teach; what skips layers takes a detour below."""
    depth = len(forward) - 1
    base = -ROW - (HIDDEN_UNITS - 1) / 2 * PITCH - 0.45
    for l, (source, label, kind) in paths.items():
        neurons(axes, backward[l], GOLD)
        arrow(axes, [above(backward[l]), below(forward[l])], "signal")
        axes.text(*above(backward[l], -0.15, 0.1), symbol("δ", l, depth), ha="right", va="baseline", color=INK)
        skipped = source - l - 1
        level = base - skipped * LANE
        if skipped:
            start, end = below(backward[source], 0.14 * (skipped - 1)), below(backward[l])
            arrow(axes, [start, (start[0], level), (end[0], level), end], kind)
        else:
            matrix(axes, backward[source], backward[l], kind)
        place = ((l + 0.5) * STEP, level + 0.1 * bool(skipped))
        axes.text(*place, label, ha="center", va="bottom" if skipped else "center", color=INK, fontsize=11)


def draw_scalar(axes: Axes, forward: list[np.ndarray], error: np.ndarray, layers: list[int]) -> None:
    """The loss, one number, to every hidden layer."""
    depth = len(forward) - 1
    loss = np.array([(depth - 0.5) * STEP, -ROW])
    for start in error:
        synapse(axes, start, loss, "signal")
    axes.add_patch(plt.Circle(loss, 1.5 * RADIUS, facecolor=GOLD, edgecolor="white", linewidth=0.8, zorder=3))
    axes.text(*loss, "$L$", ha="center", va="center", color=INK, zorder=4)
    axes.text(loss[0], -ROW - 0.4, r"$L = \frac{1}{2}\,e^T e$", ha="center", va="top", color=INK)
    for l in layers:
        arrow(axes, [loss, (l * STEP, -ROW), below(forward[l])], "scalar")


def legend(drawing: plt.Figure, kinds: Iterable[str]) -> None:
    """What the neurons are, what is fixed and what learns, under the drawing."""
    styles = {text: (colour, line) for colour, line, text in (KINDS[kind] for kind in kinds)}
    lines = [Line2D([], [], color=colour, linestyle=line, linewidth=1.8, label=text) for text, (colour, line) in styles.items()]
    dots = [Line2D([], [], color=colour, linestyle="", marker="o", markersize=8, label=text) for text, colour in NEURONS.items()]
    drawing.legend(handles=[*dots, *lines], loc="outside lower center", ncols=2, fontsize=7.5, columnspacing=2, handlelength=2.6)


def single(rule: str, depth: int) -> plt.Figure:
    """One network with one rule."""
    drawing, axes = plt.subplots(figsize=(max((depth + 1.6) * STEP * INCH, 4.6), 5.4 * INCH + 0.9), layout="constrained")
    legend(drawing, draw(axes, rule, depth))
    return drawing


@figure("schematic")
def schematic(results: Path, rule: str, depth: int) -> plt.Figure:
    """Any rule, in a network with `depth` layers of weights; raises UserError where there is no such rule or depth."""
    if not isinstance(depth, int) or not 1 <= depth <= DEEPEST:
        raise UserError(f"depth={depth}: expected the number of layers of weights, from 1 to {DEEPEST}, such as depth=2")
    return single(rule, depth)


@figure("fig1")
def fig1(results: Path) -> plt.Figure:
    """Fig. 1a: backprop needs three synapses to equal three others; b: its signal W^T e; c: that of feedback alignment, B e."""
    drawing, panels = plt.subplots(1, 3, figsize=(3 * 3.5 * STEP * INCH * 0.8, 5.4 * INCH * 0.8 + 1.3), layout="constrained")
    titles = ("backprop: coloured weights must be equal", r"backprop: $\delta_{BP} = W^T e$", r"feedback alignment: $\delta_{FA} = B\,e$")
    kinds = []
    for axes, letter, rule, title in zip(panels, "abc", ("bp", "bp", "fa"), titles, strict=True):
        kinds += draw(axes, rule, 2, tied=letter == "a")
        axes.set_title(title, fontsize=9, pad=26)
        axes.text(0, 1.14, letter, transform=axes.transAxes, fontsize=12, fontweight="bold")
    legend(drawing, [kind for kind in KINDS if kind in kinds])
    return drawing


@figure("fig5b")
def fig5b(results: Path) -> plt.Figure:
    """Fig. 5b: information flows from B back into W_0 (1) and forward into W (2); W aligns with B^T, and B then teaches like W^T (3)."""
    drawing = single("fa", 2)
    axes, top = drawing.axes[0], (HIDDEN_UNITS - 1) / 2 * PITCH
    steps = {"1": (STEP + 0.35, -ROW / 2), "2": (STEP, top + 1.55), "3": (1.5 * STEP + 0.45, -ROW - 0.95)}
    for number, place in steps.items():
        axes.add_patch(plt.Circle(place, 0.24, facecolor="white", edgecolor=INK, linewidth=1, zorder=5))
        axes.text(*place, number, ha="center", va="center", zorder=6, color=INK)
    curve = {"arrowstyle": "-|>", "color": INK, "connectionstyle": "arc3,rad=-0.25", "linewidth": 1}
    axes.annotate("", (1.5 * STEP, top + 0.75), (0.5 * STEP, top + 0.75), arrowprops=curve)
    axes.set_ylim(-ROW - 1.6, top + 1.9)
    return drawing


@figure("figS1")
def figs1(results: Path) -> plt.Figure:
    """Supp. Fig. 1: reinforcement learning, a scalar loss broadcast to the network; the output learns by the delta rule, as here."""
    return single("node_perturbation", 2)


@figure("figS2")
def figs2(results: Path) -> plt.Figure:
    """Supp. Fig. 2: shallow learning, the error reaches the output neurons only."""
    return single("shallow", 2)


@figure("figS3")
def figs3(results: Path) -> plt.Figure:
    """Supp. Fig. 3: feedback alignment, the error through B to one feedback neuron for each hidden neuron."""
    return single("fa", 2)


@figure("figS4")
def figs4(results: Path) -> plt.Figure:
    """Supp. Fig. 4: feedback alignment with two hidden layers."""
    return single("fa", 3)
