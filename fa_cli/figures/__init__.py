"""Figures of the paper, one a file; they read finished results from disk and nothing else.

A figure is a function `(results, **options) -> matplotlib Figure` that raises `Missing` where the runs it needs are not there; its
options are keys of conf/plot.yaml, and part of its file's name.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from omegaconf import DictConfig

from fa_cli import record, terminal
from fa_cli.errors import UserError, suggest
from fa_cli.registry import Registry, import_all

FIGURES = Registry("figure")
FORMATS = ("png", "pdf", "svg")
COLOURS = {
    "bp": "black",
    "fa": "#2ca02c",
    "node_perturbation": "0.4",
    "shallow": "0.7",
}  # as in the paper
STYLES = {
    "bp": "-",
    "fa": "-",
    "node_perturbation": "--",
    "shallow": "-.",
}  # tells them apart in grey
LABELS = {
    "bp": "Backprop",
    "fa": "Feedback alignment",
    "node_perturbation": "Reinforcement",
    "shallow": "Shallow",
}
LOOK = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.formatter.limits": (-4, 4),
    "axes.formatter.use_mathtext": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "savefig.dpi": 200,
    "svg.hashsalt": "fa-run",
}


class Missing(UserError):
    """The runs that a figure needs are not there."""


def figure(name: str) -> Callable:
    """Decorator that registers a figure under `name`."""
    return FIGURES.register(name)


def find_runs(results: Path, experiment: str, command: str) -> list[record.Run]:
    """The finished runs of an experiment; raises Missing, with the command that makes them, if there are none."""
    runs = record.load_all(results / experiment)
    if not runs:
        raise Missing(f"no finished run in {results / experiment}: type `{command}`")
    return runs


def by_rule(runs: list[record.Run]) -> dict[str, record.Run]:
    """One run for each rule, in the order of COLOURS: of several, the one with the shortest name, the experiment as it stands."""
    found = {
        run.config["rule"]["name"]: run
        for run in sorted(runs, key=lambda run: len(run.folder.name), reverse=True)
    }
    return {rule: found[rule] for rule in COLOURS if rule in found}


def curves(run: record.Run, column: str, across: str = "examples") -> pd.DataFrame:
    """One column of metrics.csv as a table, a row for each moment and a column for each seed; raises Missing if it was not measured."""
    if column not in run.metrics:
        raise Missing(
            f"{run.folder} has no column {column}: run it again with that metric, and on the test set"
        )
    return run.metrics.pivot(index=across, columns="seed", values=column)


def log_band(
    axes: Axes, run: record.Run, label: str | None, colour: str, line: str, column: str = "nse"
) -> None:
    """A run's curve for a logarithmic axis: geometric mean over seeds, and one s.d. of the logarithm."""
    logs = np.log10(curves(run, column))
    middle, spread = logs.mean(axis=1), logs.std(axis=1).fillna(0)
    axes.plot(logs.index, 10**middle, color=colour, linestyle=line, label=label)
    axes.fill_between(
        logs.index,
        10 ** (middle - spread),
        10 ** (middle + spread),
        color=colour,
        alpha=0.25,
        linewidth=0,
    )


def learning_curves(
    results: Path, style: Mapping[tuple[str, str], tuple[str, str, str]], command: str
) -> plt.Figure:
    """One panel with the NSE of several experiments: `style` maps (experiment, rule) to label, colour and line."""
    drawing, axes = plt.subplots(figsize=(4.2, 3), layout="constrained")
    runs = {name: by_rule(find_runs(results, name, command)) for name, _ in style}
    for (experiment, rule), (label, colour, line) in style.items():
        if rule in runs[experiment]:
            log_band(axes, runs[experiment][rule], label, colour, line)
    axes.set(yscale="log", xlabel="Number of examples", ylabel="NSE", xlim=(0, None))
    axes.legend(fontsize=7)
    return drawing


def line_with_band(
    axes: Axes, rule: str, x: np.ndarray, middle: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    """A rule's curve in its colour, with its spread."""
    axes.plot(x, middle, color=COLOURS[rule], linestyle=STYLES[rule], label=LABELS[rule])
    axes.fill_between(x, low, high, color=COLOURS[rule], alpha=0.25, linewidth=0)


def letter(axes: Axes, text: str) -> None:
    """The panel's letter, at its upper left."""
    axes.text(-0.18, 1.04, text, transform=axes.transAxes, fontsize=12, fontweight="bold")


def plot(cfg: DictConfig) -> None:
    """`fa-run plot`: draw the figures that are named, else all whose results exist and those that need none."""
    import_all(sys.modules[__name__])
    if cfg.format not in FORMATS:
        raise UserError(f"format={cfg.format}: {suggest(str(cfg.format), FORMATS)}")
    names = [cfg.figure] if isinstance(cfg.figure, str) else cfg.figure
    for name in names or []:
        if name not in FIGURES:
            raise UserError(f"no figure is called {name!r}: choose from: {', '.join(FIGURES)}")
    results, known = (
        Path(cfg.results),
        {"rule": cfg.rule.name, "depth": cfg.depth, "x": cfg.x, "y": cfg.y, "hue": cfg.hue},
    )
    if not results.is_dir():
        raise UserError(
            f"results={results}: no such folder; type `fa-run +sweep=fig2` to make results, or results=DIR"
        )
    for name in names or FIGURES:
        try:
            with plt.rc_context(LOOK):
                options = {
                    key: known[key] for key in list(inspect.signature(FIGURES[name]).parameters)[1:]
                }
                drawing = FIGURES[name](results, **options)
                path = results / "figures" / f"{file_name(name, options)}.{cfg.format}"
                save(drawing, path)
                plt.close(drawing)
        except Missing as missing:
            if names:
                raise
            terminal.out.print(f"{name}  not drawn: {missing}")
        else:
            terminal.out.print(f"{name}  {path}")


def file_name(name: str, options: Mapping) -> str:
    """The figure's name and the values of its options."""
    return "_".join(
        [
            name,
            *(
                value if isinstance(value, str) else "_".join(map(str, np.atleast_1d(value)))
                for value in options.values()
                if value
            ),
        ]
    )


def save(drawing: plt.Figure, path: Path) -> None:
    """Write a figure; the same results give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dates = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
    drawing.savefig(path, bbox_inches="tight", metadata=dates[path.suffix[1:]])
