"""Supp. Fig. 8 and Note 8: momentum."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import steps_to


@criterion("S8.1")
def momentum_is_faster(runs: Runs, level: float) -> Judgement:
    """Steps to the same NSE: 0.9 < 0.5 < 0.0, in every seed.

    With `2 eta` a run without momentum is beside them, whose rate is eta / (1 - 0.5).
    """
    steps = {name: steps_to(run, level) for name, run in runs.items()}
    met = (steps["0.9"] < steps["0.5"]) & (steps["0.5"] < steps["0.0"])
    effect = ", ".join(f"{name}: x {gain(steps, name):.2g}" for name in ("0.9", "0.5", "2 eta"))
    return in_every_seed(steps, met, f"steps to NSE {level:g}: 0.9 < 0.5 < 0.0", "0.0", effect)


def gain(steps: dict[str, np.ndarray], name: str) -> float:
    """How many times faster than without momentum, by the median seeds."""
    return np.median(steps["0.0"]) / np.median(steps[name])
