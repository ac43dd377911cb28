"""Feedback alignment in JAX: jit, vmap over seeds, scan over steps."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from fa_cli.bench.workloads import Contender, Given, Workload

jax.config.update("jax_enable_x64", True)


PHI = {  # phi, and its derivative as a function of h = phi(a)
    "linear": (lambda a: a, lambda h: 1.0),
    "logistic": (jax.nn.sigmoid, lambda h: h * (1 - h)),
    "tanh": (jnp.tanh, lambda h: 1 - h * h),
    "piecewise_linear": (
        lambda a: jnp.maximum(a, a / 20),
        lambda h: jnp.where(h > 0, 1.0, 1 / 20).astype(h.dtype),
    ),
}


def contenders(work: Workload, start: Given) -> dict[str, Contender]:
    """One compiled program for all steps of all seeds; of rate networks."""
    if work.dynamics:
        return {}
    compiled = jax.jit(jax.vmap(trainer(work)))
    shape = (work.seeds, work.steps, work.batch_size, -1)
    examples = start.x.reshape(shape), start.target.reshape(shape)
    arrays = jax.device_put((start.weights, start.feedback, *examples))

    def train() -> list[np.ndarray]:
        return [np.asarray(array) for array in compiled(*arrays)]

    return {"JAX": train}


def trainer(work: Workload) -> Callable:
    """All steps of one seed."""
    depth = len(work.sizes) - 1
    units = [PHI[work.hidden]] * (depth - 1) + [PHI[work.output]]

    def train(weights, feedback, x, target):
        def step(w, example):
            x, target = example
            h = [x]
            for l, (phi, _) in enumerate(units):
                h.append(phi(h[l] @ w[l].T))
            delta, changed = target - h[-1], list(w)
            for l in reversed(range(depth)):
                _, slope = units[l]
                d = delta * slope(h[l + 1])
                changed[l] = work.keep * w[l] + work.rate * (d.T @ h[l])
                if l:
                    delta = delta @ feedback[l - 1].T
            return changed, None

        return jax.lax.scan(step, weights, (x, target))[0]

    return train
