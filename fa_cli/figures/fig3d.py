"""Fig. 3d: feedback alignment, like backprop, uses an additional hidden layer."""

from pathlib import Path

import matplotlib.pyplot as plt

from fa_cli.figures import figure, learning_curves

COMMAND = "fa-run +sweep=fig3d"
STYLE = {  # (experiment, rule): colour and line of the paper's figure
    ("fig3d_3layer", "shallow"): ("Shallow", "0.7", "-."),
    ("fig3d_3layer", "bp"): ("Backprop, 3 layers", "black", "-"),
    ("fig3d_3layer", "fa"): ("Feedback alignment, 3 layers", "#2ca02c", "-"),
    ("fig3d_4layer", "bp"): ("Backprop, 4 layers", "magenta", "--"),
    ("fig3d_4layer", "fa"): ("Feedback alignment, 4 layers", "blue", "--"),
}


@figure("fig3d")
def fig3d(results: Path) -> plt.Figure:
    """NSE on held-out examples of a nonlinear function, geometric mean and one s.d. over seeds."""
    return learning_curves(results, STYLE, COMMAND)
