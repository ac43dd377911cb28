"""Supp. Fig. 8: momentum speeds feedback alignment up."""

from pathlib import Path

import matplotlib.pyplot as plt

from fa_cli.figures import figure, find_runs, log_band


@figure("figS8")
def figs8(results: Path) -> plt.Figure:
    """NSE for three coefficients of momentum, the same starts and examples; geometric mean and one s.d. over seeds."""
    drawing, axes = plt.subplots(figsize=(4.2, 3), layout="constrained")
    runs = find_runs(results, "figS8", "fa-run +sweep=figS8")
    shades = ("#a6d8a6", "#2ca02c", "#0b5a0b")
    for run, shade, line in zip(
        sorted(runs, key=lambda run: run.config["optimizer"]["momentum"]),
        shades,
        ("-", "--", "-."),
        strict=False,
    ):
        log_band(axes, run, rf"$\alpha$ = {run.config['optimizer']['momentum']:g}", shade, line)
    axes.set(yscale="log", xlabel="Number of examples", ylabel="NSE", xlim=(0, None))
    axes.legend()
    return drawing
