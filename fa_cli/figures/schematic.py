"""Schematics of a network and what its learning rule sends back: any rule, and those of the paper.

They need no results. What is drawn comes from what the rule declares (fa_cli/rules): the path of
its signals, the shapes of its feedback matrices, whether it perturbs the hidden units, and whether
its feedback learns. Layer 0 is the input, layer L = depth the output; layers of feedback neurons
carry the number of the layer that they teach, and the error neurons that of the output.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch

from fa_cli.errors import UserError
from fa_cli.figures import figure
from fa_cli.figures.drawing import panels
from fa_cli.layers.dense import Dense
from fa_cli.rules import RULES, Rule

BLUE, GOLD, GREY, INK = "#1f5a9e", "#e09600", "0.8", "0.15"  # the paper's, of different lightness
TIED = ("#6a1b9a", "#d32f2f", "#43a047")  # Fig. 1a's three synapses, of different lightness too
STEP, ROW, PITCH, LANE = 2.1, 3.1, 0.5, 0.55  # between layers, rows, neurons and detours
RADIUS = 0.17  # of a neuron
INCH = 0.62  # of one unit of length
HIDDEN_UNITS, OTHER_UNITS = 4, 3
NAMES = (HIDDEN_UNITS - 1) / 2 * PITCH + 0.45  # of layers, matrices: so far from the row's middle
DEEPEST = 9
CENTRE = {"ha": "center", "color": INK}

KINDS = {  # kind of arrow: colour, line, what the legend says
    "learning": (BLUE, "-", "forward weights that learn"),
    "frozen": (BLUE, "--", "forward weights, fixed"),
    "random": (GOLD, "--", "feedback weights, fixed and random"),
    "adapting": (GOLD, "-", "feedback weights that learn"),
    "computed": (GOLD, ":", "feedback computed from the forward weights"),
    "undeclared": (GOLD, ":", "feedback that the rule does not declare"),
    "scalar": (GOLD, (0, (4, 0.8, 0.8, 0.8)), "one scalar, the same for all neurons"),
    "signal": (GOLD, "-", "error and teaching signals"),
    "given": ("0.6", "-", "output and target, to the error"),  # not in the legend
}
NEURONS = {"forward neurons": BLUE, "error and feedback neurons": GOLD, "target": GREY}
THIN, THICK = 0.8, 2.0  # synapses, and what stands for a whole layer's
Places = np.ndarray | Sequence[np.ndarray]  # of neurons, (count, 2)


class Feedback(NamedTuple):
    """How a hidden layer gets its teaching signal."""

    source: int  # the layer whose error or delta is sent on
    label: str  # of what it is sent through
    kind: str  # a key of KINDS


class Network(NamedTuple):
    """Where the neurons are: an array (count, 2) for each layer."""

    forward: list[np.ndarray]  # layers 0 .. L
    backward: dict[int, np.ndarray]  # feedback neurons by the layer that they teach; L: the error

    @property
    def depth(self) -> int:
        """L."""
        return len(self.forward) - 1


def symbol(letter: str, l: int, depth: int, power: str = "") -> str:
    """`W_l` and the like; with one hidden layer the paper writes W_0, W, B, h and delta."""
    index = "" if depth == 2 and l == 1 else f"_{l}"
    return f"${letter}{index}^{power}$" if power else f"${letter}{index}$"


# ---- what a rule declares ------------------------------------------------------------------------


def feedback(rule: str, depth: int) -> dict[int, Feedback]:
    """The feedback to each hidden layer that gets any; raises UserError for an unknown rule."""
    declared = RULES.find(rule)
    if declared.path is None:
        return from_shapes(declared, depth)
    through, source = declared.path.through, declared.path.source
    if through is None:
        return {}
    if through == "L":
        return {l: Feedback(depth, "$L$", "scalar") for l in range(1, depth)}
    letter, _, power = through.partition("^")
    kind = matrix_kind(declared) if through == "B" else "computed"
    found = {}
    for l in range(1, depth):
        label = symbol(letter, l, depth, power)
        found[l] = Feedback(l + 1 if source == "above" else depth, label, kind)
    return found


def from_shapes(declared: Rule, depth: int) -> dict[int, Feedback]:
    """What the shapes of a rule's matrices tell: the layer that has so many units sends."""
    sizes = list(range(2, depth + 3))  # all different
    shapes = declared.feedback([Dense(sizes[l], sizes[l + 1]) for l in range(depth)])
    if not shapes:
        return {l: Feedback(l + 1, "?", "undeclared") for l in range(1, depth)}
    found = {}
    for l, shape in shapes.items():
        source = sizes.index(shape[-1]) if shape[-1] in sizes[l + 1 :] else depth
        found[l] = Feedback(source, symbol("B", l, depth), matrix_kind(declared))
    return found


def matrix_kind(declared: Rule) -> str:
    """The kind of a rule's own feedback matrices."""
    return "adapting" if declared.adapt else "random"


# ---- neurons and arrows --------------------------------------------------------------------------


def column(layer: float, row: int, count: int) -> np.ndarray:
    """Where the neurons of a layer are, from top to bottom, (count, 2).

    Row 0 is the forward path, row 1 the backward one.
    """
    y = ((count - 1) / 2 - np.arange(count)) * PITCH - row * ROW
    return np.stack([np.full(count, layer * STEP), y], axis=1)


def neurons(axes: Axes, places: Places, colour: str, radius: float = RADIUS) -> None:
    """A layer of neurons."""
    for place in places:
        edge = {"edgecolor": "white", "linewidth": 0.8, "zorder": 3}
        axes.add_patch(Circle(place, radius, facecolor=colour, **edge))


def arrow(
    axes: Axes, points: Iterable, kind: str, width: float = THICK, colour: str | None = None
) -> None:
    """A line through `points` with a head at its end, in the style of its kind."""
    points = np.asarray(points, dtype=float)
    shade, line, _ = KINDS[kind]
    shade, level = (colour, 2) if colour else (shade, 1)
    style = {"color": shade, "linestyle": line, "linewidth": width, "solid_capstyle": "butt"}
    axes.plot(*points.T, **style, zorder=level)
    back = points[-1] - points[-2]
    tail = points[-1] - 0.02 * back / np.hypot(*back)
    head = {"arrowstyle": "-|>", "color": shade, "linewidth": 0, "mutation_scale": 5 + 4 * width}
    head |= {"shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], tail, arrowprops=head, zorder=level + 1)


def synapse(
    axes: Axes,
    start: np.ndarray,
    end: np.ndarray,
    kind: str,
    width: float = THIN,
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


def below(places: Places, shift: float = 0.0) -> np.ndarray:
    """Just under a layer."""
    return places[-1] + [shift, -RADIUS - 0.06]


def above(places: Places, shift: float = 0.0, rise: float = 0.0) -> np.ndarray:
    """Just over a layer."""
    return places[0] + [shift, RADIUS + 0.06 + rise]


# ---- a network and its rule ----------------------------------------------------------------------


def draw(axes: Axes, rule: str, depth: int, tied: bool = False) -> list[str]:
    """The network and all that the rule sends, into empty axes; returns the kinds of arrows.

    `tied` colours the synapses of Fig. 1a.
    """
    paths = feedback(rule, depth)
    net = place(depth, paths)
    scalar = any(path.kind == "scalar" for path in paths.values())
    weights = ["learning" if l in paths else "frozen" for l in range(1, depth)]
    weights = [*weights, "learning"]

    draw_forward(axes, net, weights, noisy=RULES[rule].noise is not None)
    draw_error(axes, net)
    if scalar:
        draw_scalar(axes, net, paths)
    else:
        draw_feedback(axes, net, paths)
    if tied:
        draw_tied(axes, net)
    detour = 0 if scalar else max((path.source - l - 1 for l, path in paths.items()), default=0)
    bottom, top = -ROW - NAMES - 0.35 - detour * LANE, NAMES + 0.45
    axes.set(xlim=(-0.5, (depth + 1) * STEP + 0.5), ylim=(bottom, top), aspect="equal")
    axes.axis("off")
    drawn = {*weights, *(path.kind for path in paths.values()), "signal"}
    return [kind for kind in KINDS if kind in drawn]


def place(depth: int, paths: Mapping[int, Feedback]) -> Network:
    """Layers from left to right, and feedback neurons under the hidden layers that they teach."""
    forward = [column(0, 0, OTHER_UNITS)]
    forward += [column(l, 0, HIDDEN_UNITS) for l in range(1, depth)]
    backward = {l: column(l, 1, HIDDEN_UNITS) for l in paths if paths[l].kind != "scalar"}
    backward[depth] = column(depth, 1, OTHER_UNITS)
    return Network([*forward, column(depth, 0, OTHER_UNITS)], backward)


def draw_forward(axes: Axes, net: Network, weights: list[str], noisy: bool) -> None:
    """The forward path, each name over its layer or weights."""
    names = ["$x$"]
    for l in range(1, net.depth):
        noise = f" + {symbol('ξ', l, net.depth)}" if noisy else ""
        names.append(symbol("h", l, net.depth) + noise)
    for l, name in enumerate([*names, "$y$"]):
        neurons(axes, net.forward[l], BLUE)
        axes.text(l * STEP, NAMES, name, va="baseline", **CENTRE)
    for l, kind in enumerate(weights):
        matrix(axes, net.forward[l], net.forward[l + 1], kind)
        style = {"ha": "center", "va": "baseline", "color": BLUE, "fontsize": 11}
        axes.text((l + 0.5) * STEP, NAMES, symbol("W", l, net.depth), **style)


def draw_error(axes: Axes, net: Network) -> None:
    """The error neurons, from the output and the target; the output neurons learn from them."""
    output, error = net.forward[-1], net.backward[net.depth]
    target = column(net.depth + 1, 1, OTHER_UNITS)
    neurons(axes, error, GOLD)
    neurons(axes, target, GREY)
    for start, end in zip(target, error, strict=True):
        synapse(axes, start, end, "given", 1.2)
    arrow(axes, [below(output, -0.1), above(error, -0.1)], "given", 1.2)
    arrow(axes, [above(error, 0.1), below(output, 0.1)], "signal")
    axes.text(*above(target, rise=0.1), "$y^*$", va="baseline", **CENTRE)
    axes.text(*above(error, 0.3, 0.1), "$e = y^* - y$", ha="left", va="baseline", color=INK)


def draw_feedback(axes: Axes, net: Network, paths: Mapping[int, Feedback]) -> None:
    """Feedback neurons, what they are sent, and their signals to the hidden layers above them."""
    for l, path in paths.items():
        here = net.backward[l]
        neurons(axes, here, GOLD)
        arrow(axes, [above(here), below(net.forward[l])], "signal")
        delta = symbol("δ", l, net.depth)
        axes.text(*above(here, -0.15, 0.1), delta, ha="right", va="baseline", color=INK)
        draw_sent(axes, net, l, path)


def draw_sent(axes: Axes, net: Network, l: int, path: Feedback) -> None:
    """What feeds one layer of feedback neurons; what skips layers takes a detour below."""
    skipped, label = path.source - l - 1, {**CENTRE, "fontsize": 11}
    level = -ROW - NAMES - skipped * LANE
    if not skipped:
        matrix(axes, net.backward[path.source], net.backward[l], path.kind)
        axes.text((l + 0.5) * STEP, level, path.label, va="center", **label)
        return
    start = below(net.backward[path.source], 0.14 * (skipped - 1))
    end = below(net.backward[l])
    arrow(axes, [start, (start[0], level), (end[0], level), end], path.kind)
    axes.text((l + 0.5) * STEP, level + 0.1, path.label, va="bottom", **label)


def draw_scalar(axes: Axes, net: Network, paths: Mapping[int, Feedback]) -> None:
    """The loss, one number, to every hidden layer."""
    loss = np.array([(net.depth - 0.5) * STEP, -ROW])
    for start in net.backward[net.depth]:
        toward = start - loss
        synapse(axes, start, loss + RADIUS / 2 * toward / np.hypot(*toward), "signal")
    neurons(axes, [loss], GOLD, 1.5 * RADIUS)
    axes.text(*loss, "$L$", va="center", zorder=4, **CENTRE)
    axes.text(loss[0], -ROW - 0.4, r"$L = \frac{1}{2}\,e^T e$", va="top", **CENTRE)
    for l in paths:
        arrow(axes, [loss, (l * STEP, -ROW), below(net.forward[l])], "scalar")


def draw_tied(axes: Axes, net: Network) -> None:
    """Three synapses forward, in the colours of the three backward that must equal them."""
    for j, colour in enumerate(TIED):
        synapse(axes, net.forward[1][1], net.forward[2][j], "learning", 2.2, colour)
        synapse(axes, net.backward[2][j], net.backward[1][1], "learning", 2.2, colour)


# ---- figures -------------------------------------------------------------------------------------


def mark(label: str, colour: str, marker: str, **style: Any) -> Line2D:
    """An entry of the legend without a line."""
    return Line2D([], [], color=colour, linestyle="", marker=marker, label=label, **style)


def legend(
    drawing: Figure, kinds: Iterable[str], notes: Sequence[str] = (), columns: int = 2
) -> None:
    """What neurons are, what is fixed and what learns, under the drawing; then numbered `notes`."""
    handles = [mark(text, colour, "o", markersize=8) for text, colour in NEURONS.items()]
    for kind in kinds:
        colour, line, text = KINDS[kind]
        width = THIN if kind == "adapting" else 1.8  # thin as drawn, unlike signals
        handles.append(Line2D([], [], color=colour, linestyle=line, linewidth=width, label=text))
    handles += [mark(text, INK, f"${n}$") for n, text in enumerate(notes, start=1)]
    spacing = {"ncols": columns, "fontsize": 7.5, "columnspacing": 2, "handlelength": 2.6}
    drawing.legend(handles=handles, loc="outside lower center", **spacing)


def fit(drawing: Figure, wide: int, legend_rows: int, tall: int = 1) -> None:
    """Make a figure of equal panels, so many across and down, and a legend fit what is in it."""
    left, right = drawing.axes[0].get_xlim()
    bottom, top = drawing.axes[0].get_ylim()
    height = tall * ((top - bottom) * INCH + 0.3 * (tall > 1)) + 0.17 * legend_rows + 0.1
    drawing.set_size_inches(max(wide * (right - left) * INCH, 4.8), height)


def single(rule: str, depth: int) -> Figure:
    """One network with one rule."""
    drawing, axes = panels(None)
    legend(drawing, draw(axes, rule, depth))
    fit(drawing, 1, 4)
    return drawing


@figure("schematic")
def schematic(results: Path, rule: str, depth: int) -> Figure:
    """Any rule, in a network with `depth` layers of weights.

    Raises UserError where there is no such rule or depth.
    """
    if not isinstance(depth, int) or not 1 <= depth <= DEEPEST:
        raise UserError(
            f"depth={depth}: expected the number of layers of weights, from 1 to {DEEPEST}, "
            "such as depth=2"
        )
    return single(rule, depth)


@figure("fig1")
def fig1(results: Path) -> Figure:
    """Fig. 1a: backprop needs three synapses to equal three others; b: W^T e; c: B e.

    d: the circuit of a single hidden unit j; superscripts name single synapses.
    """
    drawing, grid = panels(None, rows=2, columns=2)
    *row, last = grid.flat
    shown = {
        "a": ("bp", "Backprop: like colours, equal weights"),
        "b": ("bp", r"Backprop: $\delta_{BP} = W^T e$"),
        "c": ("fa", r"Feedback alignment: $\delta_{FA} = B\,e$"),
    }
    kinds = set()
    for axes, (name, (rule, title)) in zip(row, shown.items(), strict=True):
        kinds |= set(draw(axes, rule, 2, tied=name == "a"))
        axes.set_title(title, fontsize=10)
        axes.text(0, 1.03, name, transform=axes.transAxes, fontsize=12, fontweight="bold")
    circuit(last)
    last.set(xlim=row[0].get_xlim(), ylim=row[0].get_ylim())
    last.set_title("Feedback alignment: one hidden unit", fontsize=10)
    last.text(0, 1.03, "d", transform=last.transAxes, fontsize=12, fontweight="bold")
    legend(drawing, [kind for kind in KINDS if kind in kinds])
    fit(drawing, 2, 6, tall=2)
    return drawing


def circuit(axes: Axes) -> None:
    """All that reaches one hidden unit: inputs through W_0, and errors through B (Fig. 1d)."""
    inputs, outputs, errors = (
        column(layer, row, OTHER_UNITS) for layer, row in ((0, 0), (2, 0), (2, 1))
    )
    (hidden,), (teacher,) = column(1, 0, 1), column(1, 1, 1)
    forward: list[Places] = [inputs, [hidden], outputs]
    backward: list[Places] = [errors, [teacher]]
    for places in forward:
        neurons(axes, places, BLUE)
    for places in backward:
        neurons(axes, places, GOLD)
    for start, end, error in zip(inputs, outputs, errors, strict=True):
        synapse(axes, start, hidden, "learning")
        synapse(axes, hidden, end, "learning")
        synapse(axes, error, teacher, "random")
    arrow(axes, [above([teacher]), below([hidden])], "signal")
    names = {0: "$x_i$", 0.5: "$W_0^{ij}$", 1: "$h_j$", 1.5: "$W^{jk}$", 2: "$y_k$"}
    for layer, name in names.items():
        axes.text(layer * STEP, NAMES, name, va="baseline", **CENTRE)
    axes.text(*above([teacher], -0.15, 0.1), "$\\delta_j$", ha="right", va="baseline", color=INK)
    axes.text(*above(errors, 0.0, 0.1), "$e_k$", va="baseline", **CENTRE)
    axes.text(1.5 * STEP, -ROW - NAMES, "$B^{jk}$", va="baseline", **CENTRE)
    axes.set_aspect("equal")
    axes.axis("off")


def flow(
    axes: Axes, number: int, start: tuple, end: tuple, bend: float, heads: str = "-|>"
) -> None:
    """A numbered arrow of information over the drawing, bent to one side."""
    style = {"arrowstyle": heads, "mutation_scale": 16, "shrinkA": 0, "shrinkB": 0}
    style |= {"color": INK, "linewidth": 2, "zorder": 5, "connectionstyle": f"arc3,rad={bend}"}
    axes.add_patch(FancyArrowPatch(start, end, **style))
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1 + bend * (y1 - y0)) / 2, (y0 + y1 - bend * (x1 - x0)) / 2
    disc = {"boxstyle": "circle,pad=0.25", "facecolor": INK, "edgecolor": "white"}
    text = {"color": "white", "fontsize": 9, "fontweight": "bold", "ha": "center", "va": "center"}
    axes.text(*middle, str(number), **text, bbox=disc, zorder=6)


FLOWS = (  # of information, in feedback alignment
    "$B$ flows back into $W_0$",
    "$W_0$ flows forward into $W$",
    "$W$ aligns with $B^T$, so $B$ teaches like $W^T$",
)


def draw_flows(axes: Axes) -> list[str]:
    """Feedback alignment and FLOWS, as numbered arrows; returns the kinds of the others."""
    kinds = draw(axes, "fa", 2)
    flow(axes, 1, (1.35 * STEP, 0.8 - ROW), (0.55 * STEP, -0.8), bend=0.2)
    flow(axes, 2, (0.5 * STEP, NAMES + 0.4), (1.5 * STEP, NAMES + 0.4), bend=-0.25)
    flow(axes, 3, (1.55 * STEP, -0.75), (1.55 * STEP, 0.8 - ROW), bend=0, heads="<|-|>")
    axes.set_ylim(top=NAMES + 0.95)
    return kinds


@figure("fig5b")
def fig5b(results: Path) -> Figure:
    """Fig. 5b: information flows from B back into W_0 (1) and forward into W (2).

    W aligns with B^T, and B then teaches like W^T (3).
    """
    drawing, axes = panels(None)
    legend(drawing, draw_flows(axes), FLOWS)
    fit(drawing, 1, 5)
    return drawing


@figure("figS1")
def figs1(results: Path) -> Figure:
    """Supp. Fig. 1: reinforcement learning, a scalar loss broadcast to the network.

    The output learns by the delta rule, as here.
    """
    return single("node_perturbation", 2)


@figure("figS2")
def figs2(results: Path) -> Figure:
    """Supp. Fig. 2: shallow learning, the error reaches the output neurons only."""
    return single("shallow", 2)


@figure("figS3")
def figs3(results: Path) -> Figure:
    """Supp. Fig. 3: feedback alignment, the error through B to a feedback neuron for each unit."""
    return single("fa", 2)


@figure("figS4")
def figs4(results: Path) -> Figure:
    """Supp. Fig. 4: feedback alignment with two hidden layers."""
    return single("fa", 3)
