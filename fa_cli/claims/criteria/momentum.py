"""Supp. Fig. 8 and Note 8: momentum."""

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import steps_to


@criterion("S8.1")
def momentum_is_faster(runs: Runs, level: float) -> Judgement:
    """Steps to the same NSE: 0.9 < 0.5 < 0.0, in every seed."""
    steps = {name: steps_to(run, level) for name, run in runs.items()}
    met = (steps["0.9"] < steps["0.5"]) & (steps["0.5"] < steps["0.0"])
    return in_every_seed(steps, met, f"steps to NSE {level:g}: 0.9 < 0.5 < 0.0")
