"""Supp. Note 5: units that die."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion
from fa_cli.claims.measures import final, p_smaller, welch_interval
from fa_cli.results.reading import Run


@criterion("N5.4")
def rectified_units_die(runs: Runs) -> Judgement:
    """More than three times as many units are dead, and the error is higher (Welch, p < 0.01)."""
    rectified, piecewise = runs.values()
    numbers = {name: dead(run) for name, run in runs.items()}
    a, b = (numbers[name].mean() for name in runs)
    errors = [final(run, "test_error") for run in (rectified, piecewise)]
    p = p_smaller(errors[1], errors[0])
    test = (
        f"share of dead units {a:.3g} % > 3 x {b:.3g} %, and a higher error, "
        f"{errors[0].mean():.2f} against {errors[1].mean():.2f} % (Welch, p < 0.01)"
    )
    met, close = a > 3 * b and p < 0.01, a > b and p < 0.5
    return Judgement(numbers, met, close, test, p, [*numbers][1], welch_interval(*numbers.values()))


def dead(run: Run) -> np.ndarray:
    """Percent of hidden units that are silent on all test images at the end, (S,)."""
    columns = [name for name in run.metrics if name.startswith("dead_units_")]
    return np.mean([final(run, name) for name in columns or ["dead_units_1"]], axis=0)
