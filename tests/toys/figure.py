"""A toy figure: the final loss of every rule."""

from fa_cli.figures import by_rule, figure, find_runs
from fa_cli.figures.drawing import panels


@figure("toy", "fa-run experiment=toy")
def toy(results):
    """A point for each rule."""
    runs = by_rule(find_runs(results, "toy"))
    drawing, axes = panels((4, 3))
    axes.plot([run.metrics["loss"].iloc[-1] for run in runs.values()], "o")
    return drawing
