"""Schematics of a network and what its learning rule sends back: any rule, and the paper's Figs. 1, 5b and Supp. Figs. 1-4.

They need no results. What is drawn comes from what the rule declares (fa_cli/rules): the shapes of its feedback matrices, and whether
it perturbs the hidden units. Layer 0 is the input, layer L = depth the output; layers of feedback neurons carry the number of the
layer that they teach, and the error neurons that of the output.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch

from fa_cli.errors import UserError
from fa_cli.figures import figure
from fa_cli.rules import RULES

BLUE, GOLD, GREY, INK = (
    "#1f5a9e",
    "#e09600",
    "0.8",
    "0.15",
)  # the paper's; blue and gold differ in lightness too
TIED = (
    "#6a1b9a",
    "#d32f2f",
    "#43a047",
)  # Fig. 1a's three synapses; of different lightness, for print in grey
STEP, ROW, PITCH, RADIUS, LANE = (
    2.1,
    3.1,
    0.5,
    0.17,
    0.55,
)  # between layers, rows and neurons; of a neuron; between detours
INCH = 0.62  # of one unit of length
HIDDEN_UNITS, OTHER_UNITS = 4, 3
NAMES = (
    HIDDEN_UNITS - 1
) / 2 * PITCH + 0.45  # of layers and matrices: so far from the middle of their row
DEEPEST = 9

COMPUTED = {
    "bp": "T",
    "pseudobackprop": "+",
}  # rules that send by W_l^T or W_l^+: what becomes of W_l
SILENT = ("shallow",)  # rules that send nothing to the hidden layers
KINDS = {  # kind of arrow: colour, line, what the legend says
    "learning": (BLUE, "-", "forward weights that learn"),
    "frozen": (BLUE, "--", "forward weights, fixed"),
    "random": (GOLD, "--", "feedback weights, fixed and random"),
    "computed": (GOLD, ":", "feedback computed from the forward weights"),
    "undeclared": (GOLD, ":", "feedback that the rule does not declare"),
    "scalar": (GOLD, (0, (4, 0.8, 0.8, 0.8)), "one scalar, the same for all neurons"),
    "signal": (GOLD, "-", "error and teaching signals"),
    "given": ("0.6", "-", "output and target, to the error"),  # not in the legend
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
    sizes = list(
        range(2, depth + 3)
    )  # all different, so that a shape tells the layer from which a matrix comes
    if shapes := declared.feedback(sizes):
        sources = {
            l: sizes.index(shape[-1]) if shape[-1] in sizes[l + 1 :] else depth
            for l, shape in shapes.items()
        }
        return {
            l: Feedback(source, symbol("B", l, depth), "random") for l, source in sources.items()
        }
    if rule in SILENT:
        return {}
    if declared.noisy:
        return {l: Feedback(depth, "$L$", "scalar") for l in range(1, depth)}
    if rule in COMPUTED:
        return {
            l: Feedback(l + 1, symbol("W", l, depth, COMPUTED[rule]), "computed")
            for l in range(1, depth)
        }
    return {l: Feedback(l + 1, "?", "undeclared") for l in range(1, depth)}


def column(layer: float, row: int, count: int) -> np.ndarray:
    """Where the neurons of a layer are, from top to bottom, (count, 2); row 0 is the forward path, row 1 the backward one."""
    y = ((count - 1) / 2 - np.arange(count)) * PITCH - row * ROW
    return np.stack([np.full(count, layer * STEP), y], axis=1)


def neurons(axes: Axes, places: np.ndarray, colour: str) -> None:
    """A layer of neurons."""
    for place in places:
        axes.add_patch(
            Circle(place, RADIUS, facecolor=colour, edgecolor="white", linewidth=0.8, zorder=3)
        )


def arrow(
    axes: Axes, points: Iterable, kind: str, width: float = 2.0, colour: str | None = None
) -> None:
    """A line through `points` with a head at its end, in the style of its kind."""
    points = np.asarray(points, dtype=float)
    shade, line, _ = KINDS[kind]
    shade = colour or shade
    x, y = points.T
    axes.plot(
        x,
        y,
        color=shade,
        linestyle=line,
        linewidth=width,
        zorder=1 + bool(colour),
        solid_capstyle="butt",
    )
    back = points[-1] - points[-2]
    tail = points[-1] - 0.02 * back / np.hypot(*back)
    head = {
        "arrowstyle": "-|>",
        "color": shade,
        "linewidth": 0,
        "mutation_scale": 5 + 4 * width,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", points[-1], tail, arrowprops=head, zorder=2 + bool(colour))


def synapse(
    axes: Axes,
    start: np.ndarray,
    end: np.ndarray,
    kind: str,
    width: float = 0.8,
    colour: str | None = None,
) -> None:
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
    backward = {
        l: column(l, 1, HIDDEN_UNITS) for l in hidden if l in paths and paths[l].kind != "scalar"
    }
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
    detour = max(
        (path.source - l - 1 for l, path in paths.items() if path.kind != "scalar"), default=0
    )
    axes.set(
        xlim=(-0.5, (depth + 1) * STEP + 0.5),
        ylim=(-ROW - NAMES - 0.35 - detour * LANE, NAMES + 0.45),
        aspect="equal",
    )
    axes.axis("off")
    return [
        kind
        for kind in KINDS
        if kind in {*weights, *(path.kind for path in paths.values()), "signal"}
    ]


def draw_forward(axes: Axes, layers: list[np.ndarray], weights: list[str], noisy: bool) -> None:
    """The forward path, each name over its layer or weights."""
    depth = len(weights)
    hidden = [
        symbol("h", l, depth) + (f" + {symbol('ξ', l, depth)}" if noisy else "")
        for l in range(1, depth)
    ]
    for l, name in enumerate(["$x$", *hidden, "$y$"]):
        neurons(axes, layers[l], BLUE)
        axes.text(l * STEP, NAMES, name, ha="center", va="baseline", color=INK)
    for l, kind in enumerate(weights):
        matrix(axes, layers[l], layers[l + 1], kind)
        axes.text(
            (l + 0.5) * STEP,
            NAMES,
            symbol("W", l, depth),
            ha="center",
            va="baseline",
            color=BLUE,
            fontsize=11,
        )


def draw_error(axes: Axes, output: np.ndarray, error: np.ndarray, depth: int) -> None:
    """The error neurons, from the output and the target; the output neurons learn from them."""
    target = column(depth + 1, 1, OTHER_UNITS)
    neurons(axes, error, GOLD)
    neurons(axes, target, GREY)
    for start, end in zip(target, error, strict=True):
        synapse(axes, start, end, "given", 1.2)
    arrow(axes, [below(output, -0.1), above(error, -0.1)], "given", 1.2)
    arrow(axes, [above(error, 0.1), below(output, 0.1)], "signal")
    axes.text(*above(target, rise=0.1), "$y^*$", ha="center", va="baseline", color=INK)
    axes.text(*above(error, 0.3, 0.1), "$e = y^* - y$", ha="left", va="baseline", color=INK)


def draw_feedback(
    axes: Axes,
    forward: list[np.ndarray],
    backward: dict[int, np.ndarray],
    paths: dict[int, Feedback],
) -> None:
    """Feedback neurons under the hidden layers that they teach; what skips layers takes a detour below."""
    depth = len(forward) - 1
    for l, (source, label, kind) in paths.items():
        neurons(axes, backward[l], GOLD)
        arrow(axes, [above(backward[l]), below(forward[l])], "signal")
        axes.text(
            *above(backward[l], -0.15, 0.1),
            symbol("δ", l, depth),
            ha="right",
            va="baseline",
            color=INK,
        )
        skipped = source - l - 1
        level = -ROW - NAMES - skipped * LANE
        if skipped:
            start, end = below(backward[source], 0.14 * (skipped - 1)), below(backward[l])
            arrow(axes, [start, (start[0], level), (end[0], level), end], kind)
        else:
            matrix(axes, backward[source], backward[l], kind)
        place = ((l + 0.5) * STEP, level + 0.1 * bool(skipped))
        axes.text(
            *place, label, ha="center", va="bottom" if skipped else "center", color=INK, fontsize=11
        )


def draw_scalar(
    axes: Axes, forward: list[np.ndarray], error: np.ndarray, layers: list[int]
) -> None:
    """The loss, one number, to every hidden layer."""
    depth = len(forward) - 1
    loss = np.array([(depth - 0.5) * STEP, -ROW])
    for start in error:
        toward = start - loss
        synapse(axes, start, loss + RADIUS / 2 * toward / np.hypot(*toward), "signal")
    axes.add_patch(
        Circle(loss, 1.5 * RADIUS, facecolor=GOLD, edgecolor="white", linewidth=0.8, zorder=3)
    )
    axes.text(*loss, "$L$", ha="center", va="center", color=INK, zorder=4)
    axes.text(loss[0], -ROW - 0.4, r"$L = \frac{1}{2}\,e^T e$", ha="center", va="top", color=INK)
    for l in layers:
        arrow(axes, [loss, (l * STEP, -ROW), below(forward[l])], "scalar")


def legend(
    drawing: plt.Figure, kinds: Iterable[str], notes: Sequence[str] = (), columns: int = 2
) -> None:
    """What the neurons are, what is fixed and what learns, under the drawing; then numbered `notes`."""
    dots = [
        Line2D([], [], color=colour, linestyle="", marker="o", markersize=8, label=text)
        for text, colour in NEURONS.items()
    ]
    styles = [KINDS[kind] for kind in kinds]
    lines = [
        Line2D([], [], color=colour, linestyle=line, linewidth=1.8, label=text)
        for colour, line, text in styles
    ]
    numbers = [
        Line2D([], [], color=INK, linestyle="", marker=f"${n}$", label=text)
        for n, text in enumerate(notes, start=1)
    ]
    drawing.legend(
        handles=[*dots, *lines, *numbers],
        loc="outside lower center",
        ncols=columns,
        fontsize=7.5,
        columnspacing=2,
        handlelength=2.6,
    )


def fit(drawing: plt.Figure, wide: int, legend_rows: int) -> None:
    """Make a figure of `wide` equal panels and a legend as large as what is in it."""
    (left, right), (bottom, top) = drawing.axes[0].get_xlim(), drawing.axes[0].get_ylim()
    drawing.set_size_inches(
        max(wide * (right - left) * INCH, 4.8), (top - bottom) * INCH + 0.17 * legend_rows + 0.1
    )


def single(rule: str, depth: int) -> plt.Figure:
    """One network with one rule."""
    drawing, axes = plt.subplots(layout="constrained")
    legend(drawing, draw(axes, rule, depth))
    fit(drawing, 1, 4)
    return drawing


@figure("schematic")
def schematic(results: Path, rule: str, depth: int) -> plt.Figure:
    """Any rule, in a network with `depth` layers of weights; raises UserError where there is no such rule or depth."""
    if not isinstance(depth, int) or not 1 <= depth <= DEEPEST:
        raise UserError(
            f"depth={depth}: expected the number of layers of weights, from 1 to {DEEPEST}, such as depth=2"
        )
    return single(rule, depth)


@figure("fig1")
def fig1(results: Path) -> plt.Figure:
    """Fig. 1a: backprop needs three synapses to equal three others; b: its signal W^T e; c: that of feedback alignment, B e."""
    drawing, panels = plt.subplots(1, 3, layout="constrained")
    titles = (
        "Backprop: like colours, equal weights",
        r"Backprop: $\delta_{BP} = W^T e$",
        r"Feedback alignment: $\delta_{FA} = B\,e$",
    )
    kinds = set()
    for axes, letter, rule, title in zip(panels, "abc", ("bp", "bp", "fa"), titles, strict=True):
        kinds |= set(draw(axes, rule, 2, tied=letter == "a"))
        axes.set_title(title, fontsize=10)
        axes.text(0, 1.03, letter, transform=axes.transAxes, fontsize=12, fontweight="bold")
    legend(drawing, [kind for kind in KINDS if kind in kinds], columns=3)
    fit(drawing, 3, 5)
    return drawing


def flow(
    axes: Axes,
    number: int,
    start: tuple[float, float],
    end: tuple[float, float],
    bend: float,
    heads: str = "-|>",
) -> None:
    """A numbered arrow of information over the drawing, bent to one side."""
    style = {
        "arrowstyle": heads,
        "connectionstyle": f"arc3,rad={bend}",
        "mutation_scale": 16,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.add_patch(FancyArrowPatch(start, end, color=INK, linewidth=2, zorder=5, **style))
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1 + bend * (y1 - y0)) / 2, (y0 + y1 - bend * (x1 - x0)) / 2
    disc = {"boxstyle": "circle,pad=0.25", "facecolor": INK, "edgecolor": "white"}
    axes.text(
        *middle,
        str(number),
        color="white",
        fontsize=9,
        fontweight="bold",
        ha="center",
        va="center",
        bbox=disc,
        zorder=6,
    )


@figure("fig5b")
def fig5b(results: Path) -> plt.Figure:
    """Fig. 5b: information flows from B back into W_0 (1) and forward into W (2); W aligns with B^T, and B then teaches like W^T (3)."""
    drawing, axes = plt.subplots(layout="constrained")
    kinds = draw(axes, "fa", 2)
    flow(axes, 1, (1.35 * STEP, 0.8 - ROW), (0.55 * STEP, -0.8), bend=0.2)
    flow(axes, 2, (0.5 * STEP, NAMES + 0.4), (1.5 * STEP, NAMES + 0.4), bend=-0.25)
    flow(axes, 3, (1.55 * STEP, -0.75), (1.55 * STEP, 0.8 - ROW), bend=0, heads="<|-|>")
    axes.set_ylim(top=NAMES + 0.95)
    notes = (
        "$B$ flows back into $W_0$",
        "$W_0$ flows forward into $W$",
        "$W$ aligns with $B^T$, so $B$ teaches like $W^T$",
    )
    legend(drawing, kinds, notes)
    fit(drawing, 1, 5)
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
