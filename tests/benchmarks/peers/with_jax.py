"""Feedback alignment in JAX: jit, vmap over seeds, scan over steps."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

PHI = {
    "linear": (lambda a: a, lambda h: 1.0),
    "logistic": (jax.nn.sigmoid, lambda h: h * (1 - h)),
    "tanh": (jnp.tanh, lambda h: 1 - h * h),
    "piecewise_linear": (
        lambda a: jnp.maximum(a, a / 20),
        lambda h: jnp.where(h > 0, 1.0, 1 / 20).astype(h.dtype),
    ),
}


def contenders(work, start) -> dict:
    """One compiled program for all steps of all seeds; of rate networks."""
    if work.dynamics:
        return {}
    (phi, slope), (phi_out, slope_out) = PHI[work.hidden], PHI[work.output]
    depth = len(start.weights)

    def train(weights, feedback, x, target):
        def step(w, example):
            x, target = example
            h = [x]
            for l in range(depth):
                h.append((phi_out if l == depth - 1 else phi)(h[l] @ w[l].T))
            delta = target - h[-1]
            d = delta * slope_out(h[-1])
            changed = list(w)
            for l in range(depth - 1, -1, -1):
                changed[l] = work.keep * w[l] + work.rate * (d.T @ h[l])
                if l:
                    delta = delta @ feedback[l - 1].T
                    d = delta * slope(h[l])
            return changed, None

        return jax.lax.scan(step, weights, (x, target))[0]

    compiled = jax.jit(jax.vmap(train))
    shape = (work.seeds, work.steps, work.batch_size, -1)
    arrays = jax.device_put(
        (start.weights, start.feedback, start.x.reshape(shape), start.target.reshape(shape))
    )

    def run():
        return [np.asarray(array) for array in compiled(*arrays)]

    return {"JAX": run}
