"""Fig. 3d: feedback alignment, like backprop, uses an additional hidden layer."""

from pathlib import Path

import matplotlib.pyplot as plt

from fa_cli.figures import by_rule, figure, find_runs, log_band

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
    drawing, axes = plt.subplots(figsize=(4.2, 3), layout="constrained")
    runs = {name: by_rule(find_runs(results, name, COMMAND)) for name in ("fig3d_3layer", "fig3d_4layer")}
    for (experiment, rule), (label, colour, line) in STYLE.items():
        if rule in runs[experiment]:
            log_band(axes, runs[experiment][rule], label, colour, line)
    axes.set(yscale="log", xlabel="Number of examples", ylabel="NSE", xlim=(0, None))
    axes.legend(fontsize=7)
    return drawing
