"""Figures of the paper, one a file; they read finished results from disk and nothing else.

A figure is a function `(results, **options) -> matplotlib Figure` that raises `Missing` where what
it needs is not there; its options are keys of conf/plot.yaml, and part of its file's name. Figures
are made without pyplot, so that neither importing nor calling them touches the backend of a
notebook. found.py has what they read, drawing.py what several of them draw.
"""

import inspect
import io
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from omegaconf import DictConfig
from PIL import Image

from fa_cli import terminal
from fa_cli.errors import UserError, one_line, suggest
from fa_cli.figures.found import Incomplete, Missing, by_rule, find_runs
from fa_cli.folders import into, place_of, results_in
from fa_cli.options import listed
from fa_cli.registry import Registry, import_all
from fa_cli.results.files import write_bytes
from fa_cli.rules import RULES, load_rules

__all__ = ["FIGURES", "Incomplete", "Missing", "by_rule", "figure", "find_runs", "plot"]

FIGURES = Registry("figure")
DATES = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}  # by format; none written
STYLE = {
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


def figure(name: str, command: str | None = None) -> Callable:
    """Decorator that registers a figure under `name`.

    `command` makes its results: whoever meets Missing is told.
    """

    def register(function: Callable[..., Figure]) -> Callable[..., Figure]:
        @wraps(function)
        def drawn(results: str | Path, **options: Any) -> Figure:
            if isinstance(results, str):
                results = Path(results)
            if not RULES:  # called from a notebook
                load_rules()
            try:
                return function(results, **options)
            except Missing as missing:
                if command is None:
                    raise
                again = " resume=false" if isinstance(missing, Incomplete) else ""
                typed = f"{into(command, results)}{again}"
                raise type(missing)(f"{missing}: type `{typed}`") from None

        FIGURES.add(name, drawn, function)
        return drawn

    return register


def plot(cfg: DictConfig) -> None:
    """`fa-run plot`: draw the figures that are named, else all that can be drawn.

    Raises UserError for a mistake in the config and for a named figure that cannot be drawn; of the
    others the reason is printed.
    """
    import_all(sys.modules[__name__])
    load_rules()
    names, results, place = check(cfg), results_in(cfg.results), place_of(cfg)
    for name in names or without_options():
        try:
            said = str(draw(name, results, place, cfg))
        except UserError as error:
            if names:
                raise
            said = f"not drawn: {one_line(error)}"
        terminal.out.print(f"{name}  {said}")


def without_options() -> list[str]:
    """The figures that are drawn without being named: those with options want some."""
    return [name for name, draw in FIGURES.items() if len(inspect.signature(draw).parameters) == 1]


def check(cfg: DictConfig) -> list[str]:
    """The names of figures that were typed; raises UserError for a mistake in the config."""
    if cfg.format not in DATES:
        raise UserError(f"format={cfg.format}: {suggest(str(cfg.format), DATES)}")
    names = listed(cfg.figure)
    if (cfg.x is not None or cfg.hue is not None) and "sweep" not in names:
        raise UserError("x, y and hue are of one figure: type figure=sweep x=KEY y=METRIC hue=KEY")
    for name in names:
        if name not in FIGURES:
            raise UserError(f"no figure is called {name!r}: {suggest(str(name), FIGURES)}")
    return names


def draw(name: str, results: Path, place: Path, cfg: DictConfig) -> Path:
    """Draw a figure and write it below a place; returns the file.

    Raises UserError where it cannot be drawn.
    """
    known = {"rule": cfg.rule.name, "depth": cfg.depth, "x": cfg.x, "y": cfg.y, "hue": cfg.hue}
    wanted = list(inspect.signature(FIGURES[name]).parameters)[1:]
    options = {key: known[key] for key in wanted}
    path = place / "figures" / f"{file_name(name, options)}.{cfg.format}"
    with matplotlib.rc_context(STYLE):
        save(FIGURES[name](results, **options), path)
    return path


def file_name(name: str, options: Mapping[str, Any]) -> str:
    """The figure's name and the values of its options."""
    parts = [name]
    for value in options.values():
        if value:
            parts += map(str, np.atleast_1d(value))
    return "_".join(parts)


def save(drawing: Figure, path: Path) -> None:
    """Write a figure whole or not at all; the same results give the same bytes."""
    content, kind = io.BytesIO(), path.suffix[1:]
    drawing.savefig(content, format=kind, bbox_inches="tight", metadata=DATES[kind])
    write_bytes(path, packed(content) if kind == "png" else content.getvalue())


def packed(content: io.BytesIO) -> bytes:
    """A PNG with a palette of 256 colours, as many as a figure needs: a third of the bytes."""
    small = io.BytesIO()
    with Image.open(content) as picture:
        plain = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        plain.save(small, "PNG", optimize=True, dpi=picture.info["dpi"])
    return small.getvalue()
