"""The loop of this folder as machine code, by Numba.

Plain loops over single numbers, in an order in which the compiler finds SIMD instructions: the
innermost index runs along a row. `fastmath` lets it reorder sums; nan and infinity keep their
meaning.
"""

from math import factorial

import numpy as np
from numba import njit

LINEAR, LOGISTIC, TANH, RELU, PIECEWISE_LINEAR, LOGISTIC_BOXCAR = range(6)
FAST = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}
# said outright, or Numba compiles a function as fast as the one that calls it
EXACT = FAST | {"fastmath": False}

LITTLE = 1e-3  # of weights that have decayed
# adding it rounds a double to a whole number, which then stands in its last bits
ROUND = 1.5 * 2**52
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
TAYLOR = tuple(1 / factorial(n) for n in range(13, -1, -1))


@njit(**EXACT)
def exp(x: float) -> float:
    """e^x to the last bit or two for |x| < 700, in simple steps.

    e^x = 2^k e^r with |r| < ln(2) / 2, and a polynomial for e^r.
    """
    shifted = x / (LN2_HIGH + LN2_LOW) + ROUND
    k = shifted - ROUND
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = 0.0
    for coefficient in TAYLOR:
        p = p * r + coefficient
    bits = np.float64(shifted).view(np.int64)
    return p * np.int64((bits + 1023) << 52).view(np.float64)


@njit(**EXACT)
def logistic(x: float) -> float:
    """1 / (1 + e^-x); what is not a number stays so."""
    x = 700.0 if x > 700.0 else x
    x = -700.0 if x < -700.0 else x
    return 1 / (1 + exp(-x))


@njit(**FAST)
def forward(h, weights, scale, biases, kind, out) -> None:
    """out = phi(scale * h W + b) of a batch.

    Inputs that are 0, as most pixels of a digit are, cost nothing.
    """
    inputs, outputs = weights.shape
    for n in range(len(h)):
        for j in range(outputs):
            out[n, j] = biases[j]
        for i in range(inputs):
            factor = h.dtype.type(scale * h[n, i])
            if factor != 0:
                for j in range(outputs):
                    out[n, j] += factor * weights[i, j]
        if kind in (LOGISTIC, LOGISTIC_BOXCAR):
            for j in range(outputs):
                out[n, j] = logistic(out[n, j])
        elif kind == TANH:
            for j in range(outputs):
                out[n, j] = 2 * logistic(2 * out[n, j]) - 1
        elif kind == RELU:
            for j in range(outputs):
                out[n, j] = max(out[n, j], 0)
        elif kind == PIECEWISE_LINEAR:
            for j in range(outputs):
                out[n, j] = max(out[n, j], out[n, j] / 20)


@njit(**FAST)
def times_slope(delta, kind, h, width, out) -> None:
    """out = delta * phi', from the unit's output h."""
    for n in range(len(h)):
        for j in range(width):
            if kind == LOGISTIC:
                slope = h[n, j] * (1 - h[n, j])
            elif kind == TANH:
                slope = 1 - h[n, j] * h[n, j]
            elif kind == RELU:
                slope = h.dtype.type(1 if h[n, j] > 0 else 0)
            elif kind == PIECEWISE_LINEAR:
                slope = h.dtype.type(1 if h[n, j] > 0 else 1 / 20)
            elif kind == LOGISTIC_BOXCAR:
                high = h[n, j] * (1 - h[n, j]) > 1 / 8
                slope = h.dtype.type(1 / 4 if high else 1 / 40)
            else:
                slope = h.dtype.type(1)
            out[n, j] = delta[n, j] * slope


@njit(**FAST)
def backward(source, matrix, scale, out) -> None:
    """out = scale * M source of a batch."""
    outputs, inputs = matrix.shape
    for n in range(len(source)):
        for i in range(outputs):
            total = source.dtype.type(0)
            for j in range(inputs):
                total += matrix[i, j] * source[n, j]
            out[n, i] = total * scale


@njit(**FAST)
def add(weights, d, h, rate) -> None:
    """W += rate * sum over the batch of h d^T."""
    inputs, outputs = weights.shape
    for n in range(len(h)):
        for i in range(inputs):
            factor = h.dtype.type(rate * h[n, i])
            if factor != 0:
                for j in range(outputs):
                    weights[i, j] += factor * d[n, j]


@njit(**FAST)
def folded(weights, scale) -> float:
    """What is left to multiply weights with: where it is little, that is done."""
    if abs(scale) >= LITTLE:
        return scale
    weights *= weights.dtype.type(scale)
    return 1.0


@njit(**FAST)
def prune(weights, mask, sparse) -> None:
    """Let absent synapses be absent again, where the layer is sparse."""
    for i in range(weights.shape[0] if sparse else 0):
        for j in range(weights.shape[1]):
            weights[i, j] *= mask[i, j]


@njit(**FAST)
def add_bias(biases, d, rate) -> None:
    """b += rate * sum over the batch of d."""
    for n in range(len(d)):
        for j in range(len(biases)):
            biases[j] += rate * d[n, j]


@njit(**FAST)
def show(inputs, first, h) -> None:
    """h_0 of a batch."""
    for n in range(len(h)):
        for j in range(inputs.shape[1]):
            h[n, j] = inputs[first + n, j]


@njit(**FAST)
def compare(targets, first, y, error) -> None:
    """e = y* - y of a batch."""
    for n in range(len(y)):
        for j in range(targets.shape[1]):
            error[n, j] = targets[first + n, j] - y[n, j]


@njit(**FAST)
def lowest_that_learns(learns) -> int:
    """The lowest layer of weights that does."""
    for l in range(len(learns)):
        if learns[l]:
            return l
    return len(learns) - 1


@njit(**FAST)
def learn(
    x,
    target,
    weights,
    masks,
    sparse,
    biases,
    biased,
    back,
    transposed,
    direct,
    passed,
    units,
    learns,
    rates,
    keeps,
) -> None:
    """All steps of all seeds, in place.

    x, target: (S or 1, T N, n), the batches of T steps one after the other. weights: (S, n_l,
    n_{l+1}), each W_l transposed. masks: the same, 0 where a synapse is absent, of `sparse` layers.
    back: for each hidden layer the matrices (S, n_l, ...) that carry the signal to it; `transposed`
    where they are W_l^T itself; `direct` from the output; `passed` with phi'. units: the kind of
    each layer above. learns: for each W_l. rates, keeps: (T,), eta and the factor by which weights
    decay. Rows of weights, biases and back may end in zeros, which stay zeros.

    Decay is kept apart, W = scale * weights, and multiplied in at the end, or where little is left:
    what would change every weight at every step changes one number.
    """
    depth, steps = len(weights), len(rates)
    count, widest = x.shape[1] // steps, x.shape[2]
    for w in weights:
        widest = max(widest, w.shape[2])
    h = np.zeros((depth + 1, count, widest), x.dtype)
    delta, d = np.zeros_like(h), np.zeros_like(h)  # delta_l and delta_l * phi'(a_l)
    scale, lowest = np.empty(depth), lowest_that_learns(learns)
    for s in range(len(weights[0])):
        inputs, targets = x[s % len(x)], target[s % len(target)]
        scale[:] = 1
        for t in range(steps):
            show(inputs, t * count, h[0])
            for l in range(depth):
                forward(h[l], weights[l][s], scale[l], biases[l][s], units[l], h[l + 1])
            compare(targets, t * count, h[depth], delta[depth])
            times_slope(delta[depth], units[depth - 1], h[depth], targets.shape[1], d[depth])
            for l in range(depth - 1, lowest, -1):
                source, matrix = depth if direct else l + 1, back[l - 1][s]
                sent, factor = (d if passed else delta)[source], scale[l] if transposed else 1.0
                backward(sent, matrix, factor, delta[l])
                times_slope(delta[l], units[l - 1], h[l], matrix.shape[0], d[l])
            for l in range(lowest, depth):
                if learns[l]:
                    scale[l] = folded(weights[l][s], scale[l] * keeps[t])
                    add(weights[l][s], d[l + 1], h[l], rates[t] / scale[l])
                    prune(weights[l][s], masks[l][s], sparse[l])
                    if biased:
                        add_bias(biases[l][s], d[l + 1], rates[t])
        for l in range(depth):
            weights[l][s] *= x.dtype.type(scale[l])
