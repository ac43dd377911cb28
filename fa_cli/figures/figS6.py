"""Supp. Fig. 6: the deeper layer's weights receive useful signals; without learning in W_0 the network is worse."""

from pathlib import Path

import matplotlib.pyplot as plt

from fa_cli.figures import figure, learning_curves

COMMAND = "fa-run +sweep=figS6"
STYLE = {
    ("figS6_4layer", "bp"): ("Backprop", "black", "-"),
    ("figS6_4layer", "fa"): ("Feedback alignment", "#006400", "-"),
    ("figS6_frozen", "bp"): (r"Backprop, $W_0$ fixed", "darkcyan", "--"),
    ("figS6_frozen", "fa"): (r"Feedback alignment, $W_0$ fixed", "magenta", "--"),
    ("figS6_3layer", "bp"): ("Backprop, 3 layers", "0.5", ":"),
    ("figS6_3layer", "fa"): ("Feedback alignment, 3 layers", "#90c090", ":"),
}


@figure("figS6")
def figs6(results: Path) -> plt.Figure:
    """NSE, geometric mean and one s.d. over 5 seeds. The 3-layer networks of Supp. Note 3 are added (dotted)."""
    return learning_curves(results, STYLE, COMMAND)
