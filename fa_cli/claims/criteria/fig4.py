"""Fig. 4: neurons that integrate and spike."""

import numpy as np

from fa_cli.claims.criteria import Judgement, Runs, criterion, in_every_seed
from fa_cli.claims.measures import final


@criterion("F4.2")
def adapts_to_random_feedback(runs: Runs) -> Judgement:
    """W_l^T is nearer to B_l than random directions are, by 10 of their s.d., in each hidden layer.

    The cosine of two random vectors of d elements has a s.d. of 1 / sqrt(d).
    """
    run = runs["fa"]
    sizes = run.config["model"]["sizes"]
    angles, nearer = {}, []
    for l in range(1, len(sizes) - 1):
        angles[f"layer {l}"] = final(run, f"angle_w_b_{l}")
        cosine = np.cos(np.radians(angles[f"layer {l}"]))
        nearer.append(cosine * np.sqrt(sizes[l] * sizes[l + 1]))
    met = np.min(nearer, axis=0) > 10
    return in_every_seed(angles, met, "below 90 by 10 s.d. of random directions in each layer")
