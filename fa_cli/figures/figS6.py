"""Supp. Fig. 6: the deeper weights receive useful signals; without learning in W_0 all is worse."""

from pathlib import Path

from matplotlib.figure import Figure

from fa_cli.figures import figure
from fa_cli.figures.drawing import Look, learning_curves

EXPERIMENTS = {
    "figS6_4layer": ("", "-"),
    "figS6_frozen": (r", $W_0$ fixed", "--"),
    "figS6_3layer": (", 3 layers", ":"),
}
PAPER = {
    ("figS6_4layer", "bp"): Look("Backprop", "black", "-"),
    ("figS6_4layer", "fa"): Look("Feedback alignment", "#006400", "-"),
    ("figS6_frozen", "bp"): Look(r"Backprop, $W_0$ fixed", "darkcyan", "--"),
    ("figS6_frozen", "fa"): Look(r"Feedback alignment, $W_0$ fixed", "magenta", "--"),
    ("figS6_3layer", "bp"): Look("Backprop, 3 layers", "0.5", ":"),
    ("figS6_3layer", "fa"): Look("Feedback alignment, 3 layers", "#90c090", ":"),
}


@figure("figS6", "fa-run +sweep=figS6")
def figs6(results: Path) -> Figure:
    """NSE, geometric mean and one s.d. over 5 seeds.

    The 3-layer networks of Supp. Note 3 are added (dotted).
    """
    return learning_curves(results, EXPERIMENTS, PAPER, inside=0)
