"""Supp. Note 9: autoencoders, narrow ones in particular."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import final, log_interval


@criterion("N9.5")
def much_worse_where_it_is_narrow(runs: Runs) -> Judgement:
    """FA's reconstruction error is more than twice backprop's, in every seed."""
    errors = {name: final(run, "test_mse") for name, run in runs.items()}
    fa, bp = errors.values()
    effect, (_, other) = log_interval(np.log10(fa / bp)), errors
    return in_every_seed(errors, fa / bp > 2, "ratio above 2", other, effect)
