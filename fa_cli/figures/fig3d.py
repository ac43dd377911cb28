"""Fig. 3d: feedback alignment, like backprop, uses an additional hidden layer; two readings of it.

The target's weights and biases are in +-0.5 as printed, or in a range of width 0.5.
"""

from pathlib import Path

from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import Look, learning_curves

DEPTHS = {"3layer": (", 3 layers", "-"), "4layer": (", 4 layers", "--")}
PAPER = {
    ("3layer", "shallow"): Look("Shallow", "0.7", "-."),
    ("3layer", "bp"): Look("Backprop, 3 layers", "black", "-"),
    ("3layer", "fa"): Look("Feedback alignment, 3 layers", "#2ca02c", "-"),
    ("4layer", "bp"): Look("Backprop, 4 layers", "magenta", "--"),
    ("4layer", "fa"): Look("Feedback alignment, 4 layers", "blue", "--"),
}


def experiments_of(name: str) -> tuple[dict, dict]:
    """The experiments of one reading, and the paper's looks, as learning curves want them."""
    experiments = {f"{name}_{depth}": shown for depth, shown in DEPTHS.items()}
    own = {(f"{name}_{depth}", rule): look for (depth, rule), look in PAPER.items()}
    return experiments, own


@figure("fig3d", "fa-run +sweep=fig3d")
def fig3d(results: Path) -> Figure:
    """NSE on held-out examples of a nonlinear function, geometric mean and one s.d. over seeds."""
    return learning_curves(results, *experiments_of("fig3d"))


@figure("fig3d_narrow", "fa-run +sweep=fig3d_narrow")
def fig3d_narrow(results: Path) -> Figure:
    """The same in a range of width 0.5."""
    return learning_curves(results, *experiments_of("fig3d_narrow"))
