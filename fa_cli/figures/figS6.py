"""Supp. Fig. 6: the deeper layer's weights receive useful signals; without learning in W_0 the network is worse."""

from pathlib import Path

import matplotlib.pyplot as plt

from fa_cli.figures import by_rule, figure, find_runs, log_band

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
    drawing, axes = plt.subplots(figsize=(4.2, 3), layout="constrained")
    runs = {name: by_rule(find_runs(results, name, COMMAND)) for name, _ in STYLE}
    for (experiment, rule), (label, colour, line) in STYLE.items():
        if rule in runs[experiment]:
            log_band(axes, runs[experiment][rule], label, colour, line)
    axes.set(yscale="log", xlabel="Number of examples", ylabel="NSE", xlim=(0, None))
    axes.legend(fontsize=7)
    return drawing
