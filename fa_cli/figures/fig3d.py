"""Fig. 3d: feedback alignment, like backprop, uses an additional hidden layer."""

from pathlib import Path

from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import Look, learning_curves

EXPERIMENTS = {"fig3d_3layer": (", 3 layers", "-"), "fig3d_4layer": (", 4 layers", "--")}
PAPER = {
    ("fig3d_3layer", "shallow"): Look("Shallow", "0.7", "-."),
    ("fig3d_3layer", "bp"): Look("Backprop, 3 layers", "black", "-"),
    ("fig3d_3layer", "fa"): Look("Feedback alignment, 3 layers", "#2ca02c", "-"),
    ("fig3d_4layer", "bp"): Look("Backprop, 4 layers", "magenta", "--"),
    ("fig3d_4layer", "fa"): Look("Feedback alignment, 4 layers", "blue", "--"),
}


@figure("fig3d", "fa-run +sweep=fig3d")
def fig3d(results: Path) -> Figure:
    """NSE on held-out examples of a nonlinear function, geometric mean and one s.d. over seeds."""
    return learning_curves(results, EXPERIMENTS, PAPER)
