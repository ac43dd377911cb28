"""Supp. Note 5: three hidden layers on handwritten digits, and what makes them better still."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fa_cli.figures import Missing, figure
from fa_cli.figures.drawing import (
    EPOCHS,
    PERCENT,
    Look,
    end_labels,
    legend,
    letter,
    looks,
    mean_band,
    panels,
    paper_mark,
)
from fa_cli.figures.figS5 import draw_fields
from fa_cli.figures.found import by_rule, find_runs
from fa_cli.results.reading import Run, receptive_fields

PAPER = {"bp": 1.62, "fa": 1.32}  # percent of the test images at the end
PLAIN = Look("Feedback alignment", "#00441b", "-")  # where its variants are beside it
VARIANTS: dict[str, dict[str, tuple[Look, float | None]]] = {  # shown so, and the paper has
    "note5_decay": {"bp": (Look("Backprop + weight decay", "#737373", "--"), None)},
    "note5_dropout": {
        "bp": (Look("Backprop + dropout", "#a6611a", ":"), None),
        "fa": (Look("+ dropout", "#41ab5d", "--"), 1.2),
    },
    "note5_piecewise": {"fa": (Look("+ dropout, piece-wise linear", "#bf812d", "-"), 1.1)},
    "note5_relu": {"fa": (Look("+ dropout, ReLU", "#543005", ":"), None)},  # drawn over that
    "note5_local": {"fa": (Look("+ untied fields", "#2166ac", "-"), 0.8)},
    "note5_distorted": {"fa": (Look("+ distortions", "#b2182b", "--"), 0.5)},
    "note5_deep": {"fa": (Look("ten hidden layers", "#762a83", ":"), 1.45)},
}


@figure("note5", "fa-run +sweep=note5")
def note5(results: Path) -> Figure:
    """a: error on the 10,000 test images, mean and one s.d. over seeds; b: with FA, augmented.

    In a also backprop with weight decay and with dropout. Marks at the right edge are the paper's
    final errors. c: incoming weights of 100 units of the first layer after learning with feedback
    alignment.
    """
    runs = by_rule(find_runs(results, "note5_tanh"))
    drawing, (left, middle, right) = panels((10.5, 3.2), columns=3)
    shown = looks(runs)
    ends = {
        left: [draw(left, run, shown[rule], PAPER.get(rule)) for rule, run in runs.items()],
        middle: [draw(middle, runs["fa"], PLAIN, PAPER["fa"])] if "fa" in runs else [],
    }
    places = {"bp": left, "fa": middle}
    for experiment, variants in VARIANTS.items():
        try:
            found = by_rule(find_runs(results, experiment))
        except Missing:
            continue
        for rule, (look, paper) in variants.items():
            if rule in found:
                ends[places[rule]].append(draw(places[rule], found[rule], look, paper))
    for axes, name in ((left, "a"), (middle, "b"), (right, "c")):
        letter(axes, name)
    for axes, some in ends.items():
        end_labels(axes, some)
        axes.set(yscale="log", xlabel=EPOCHS, ylabel="Error on test set (%)", xlim=(0, None))
        axes.set_ylim(0.4, 20)
        axes.set_yticks([0.5, *PERCENT[:-2]], labels=["0.5", *map(str, PERCENT[:-2])])
        axes.minorticks_off()
        legend(axes, 8, loc="upper right", fontsize=7)
    right.axis("off")
    fields = receptive_fields(runs["fa"], "after") if "fa" in runs else None
    if fields is not None:
        draw_fields(right, fields[0])
    return drawing


def draw(axes: Axes, run: Run, look: Look, paper: float | None) -> tuple[float, float, str]:
    """The error of a run with its s.d., and a mark for the paper's; returns what is its end."""
    if paper is not None:
        paper_mark(axes, 1.12, paper, look.colour)
    return *mean_band(axes, run, look, "test_error"), look.colour
