"""Feedback alignment in PyTorch as its competent users write it.

Without autograd, updates in place, no temporaries for weights.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
import torch
from torch.nn.functional import leaky_relu

from fa_cli.backend import usable_cores
from fa_cli.bench.workloads import Contender, Given, Workload
from fa_cli.randomness import generator

LARGE = 1_000_000  # multiply-adds of a seed's step from which several cores pay off
FAINT = 1e-20  # as in models/spiking.py

PHI = {  # phi, and its derivative as a function of h = phi(a)
    "linear": (lambda a: a, lambda h: 1.0),
    "logistic": (torch.sigmoid, lambda h: h * (1 - h)),
    "tanh": (torch.tanh, lambda h: 1 - h * h),
    "piecewise_linear": (
        lambda a: leaky_relu(a, 1 / 20),
        lambda h: torch.where(h > 0, 1.0, 1 / 20).to(h.dtype),
    ),
}


def contenders(work: Workload, start: Given) -> dict[str, Contender]:
    """Of rate networks three ways, of spiking ones the first.

    `eager`: a network after the other, or one on each core where they are large; `bmm`: all in
    batched products; and that compiled.
    """
    if work.dynamics:
        return {"PyTorch eager": spiking(work, start)}
    torch._dynamo.reset()  # or the programs compiled for other workloads count against a limit
    step = stepper(work, torch.bmm, torch.Tensor.baddbmm_)
    found = {"PyTorch eager": one_by_one(work, start)}
    if work.seeds > 1:
        found["PyTorch bmm"] = together(work, start, step)
    found["torch.compile"] = together(work, start, torch.compile(step, dynamic=False))
    return found


def stepper(work: Workload, multiply: Callable, add: Callable) -> Callable:
    """A step of learning with these products: a plain one, and one that adds in place."""
    depth = len(work.sizes) - 1
    units = [PHI[work.hidden]] * (depth - 1) + [PHI[work.output]]

    def step(w, b, x, target):
        h = [x]
        for l, (phi, _) in enumerate(units):
            h.append(phi(multiply(h[l], w[l].mT)))
        delta = target - h[-1]
        for l in reversed(range(depth)):
            _, slope = units[l]
            d = delta * slope(h[l + 1])
            add(w[l], d.mT, h[l], beta=work.keep, alpha=work.rate)
            if l:
                delta = multiply(delta, b[l - 1].mT)

    return step


def one_by_one(work: Workload, start: Given) -> Contender:
    """One network after the other, or one on each core where they are large."""
    step = stepper(work, torch.mm, torch.Tensor.addmm_)
    _, feedback, x, target = tensors(work, start)

    def train_one(s: int, w: list[torch.Tensor]) -> None:
        b = [array[s] for array in feedback]
        for t in range(work.steps):
            step(w, b, x[s, t], target[s, t])

    return each(train_one, work, start)


def together(work: Workload, start: Given, step: Callable) -> Contender:
    """All networks in batched products."""
    initial, feedback, x, target = tensors(work, start)

    @torch.inference_mode()
    def train() -> list[np.ndarray]:
        torch.set_num_threads(threads_for(work))
        weights = [w.clone() for w in initial]
        for t in range(work.steps):
            step(weights, feedback, x[:, t], target[:, t])
        return [w.numpy() for w in weights]

    return train


def each(train_one: Callable, work: Workload, start: Given) -> Contender:
    """`train_one(s, weights)` of each seed, in place, on as many cores as pay off."""
    initial, *_ = tensors(work, start)

    @torch.inference_mode()
    def one(s: int, weights: list[torch.Tensor]) -> None:
        train_one(s, [w[s] for w in weights])

    def train() -> list[np.ndarray]:
        torch.set_num_threads(1)
        weights, threads = [w.clone() for w in initial], min(threads_for(work), work.seeds)
        if threads == 1:
            for s in range(work.seeds):
                one(s, weights)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(one, range(work.seeds), repeat(weights)))
        return [w.numpy() for w in weights]

    return train


def threads_for(work: Workload) -> int:
    """All cores where a network is large."""
    return usable_cores() if work.products > LARGE else 1


def tensors(work: Workload, start: Given) -> tuple:
    """Weights, feedback, inputs and targets; the latter (S, steps, N, n)."""
    weights, feedback = map(torch.from_numpy, start.weights), map(torch.from_numpy, start.feedback)
    examples = map(torch.from_numpy, (start.x, start.target))
    shape = (work.seeds, work.steps, work.batch_size, -1)
    return list(weights), list(feedback), *(array.reshape(shape) for array in examples)


# ---- the network of Fig. 4 -----------------------------------------------------------------------


def spiking(work: Workload, start: Given) -> Contender:
    """A network on each core, with the random numbers that this project draws."""
    _, feedback, x, target = tensors(work, start)

    def train_one(s: int, w: list[torch.Tensor]) -> None:
        net = Spiking(work, w, [array[s] for array in feedback])
        for t in range(work.steps):
            rates = x[s, t].clamp(max=work.dynamics.rate_cap)
            wanted = target[s, t].repeat_interleave(work.dynamics.population, dim=-1)
            rng = generator(s, "spikes", t)
            for _ in range(work.updates):
                net.step(rates, wanted, rng)

    return each(train_one, work, start)


class Spiking:
    """One network at rest, whose weights learn in place; names as in models/spiking.py."""

    def __init__(self, work: Workload, w: list[torch.Tensor], b: list[torch.Tensor]):
        self.work, self.w, self.b = work, w, b
        self.v = [torch.zeros(work.batch_size, len(array), dtype=array.dtype) for array in w]
        self.u = [torch.zeros_like(potential) for potential in self.v]

    def step(self, rates, target, rng) -> None:
        """One time step and its update."""
        tau, h, slopes = self.work.dynamics.tau, [self.spike(rates, rng)], []
        for l, w in enumerate(self.w):
            self.v[l].mul_(1 - tau).addmm_(h[l], w.mT, alpha=tau)
            p = torch.sigmoid(self.v[l])
            h.append(self.spike(p, rng))
            slopes.append(p * (1 - p))
        self.u[-1].mul_(1 - tau).add_(target - h[-1], alpha=tau).add_(FAINT)
        for l in reversed(range(len(self.w))):
            delta = torch.tanh(self.u[l])
            self.w[l].addmm_((delta * slopes[l]).mT, h[l], alpha=self.work.rate)
            if l:
                self.u[l - 1].mul_(1 - tau).addmm_(delta, self.b[l - 1].mT, alpha=tau).add_(FAINT)

    def spike(self, p, rng) -> torch.Tensor:
        """1 with probability p, else 0."""
        numbers = torch.from_numpy(rng.random(p.shape[::-1], self.work.dtype)).mT
        return (numbers < p).to(p.dtype)
