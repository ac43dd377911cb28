"""Feedback alignment in PyTorch as its competent users write it: without autograd, updates in place, no temporaries for weights."""

from concurrent.futures import ThreadPoolExecutor

import torch

from fa_cli.backend import usable_cores
from fa_cli.streams import generator

PHI = {
    "linear": (lambda a: a, lambda h: 1.0),
    "logistic": (torch.sigmoid, lambda h: h * (1 - h)),
    "tanh": (torch.tanh, lambda h: 1 - h * h),
    "piecewise_linear": (
        lambda a: torch.nn.functional.leaky_relu(a, 1 / 20),
        lambda h: torch.where(h > 0, 1.0, 1 / 20).to(h.dtype),
    ),
}


def contenders(work, start) -> dict:
    """`eager`: one network after the other, or one on each core where they are large; `bmm`: all in batched products; and that compiled."""
    if work.dynamics:
        return {"PyTorch eager": spiking(work, start)}
    weights, feedback = (
        [torch.from_numpy(array) for array in arrays] for arrays in (start.weights, start.feedback)
    )
    shape = (work.seeds, work.steps, work.batch_size, -1)
    x, target = (torch.from_numpy(array).reshape(shape) for array in (start.x, start.target))
    (phi, slope), (phi_out, slope_out) = PHI[work.hidden], PHI[work.output]
    depth, cores = len(weights), usable_cores()
    large = work.products > 1_000_000

    def step(w, b, x, target, multiply, accumulate):
        h = [x]
        for l in range(depth):
            h.append((phi_out if l == depth - 1 else phi)(multiply(h[l], w[l].mT)))
        delta = target - h[-1]
        d = delta * slope_out(h[-1])
        for l in range(depth - 1, -1, -1):
            update = d
            if l:
                delta = multiply(delta, b[l - 1].mT)
                d = delta * slope(h[l])
            accumulate(w[l], update.mT, h[l])

    def eager():
        torch.set_num_threads(1)
        final = [array.clone() for array in weights]

        @torch.inference_mode()
        def one(s):
            w, b = [array[s] for array in final], [array[s] for array in feedback]
            for t in range(work.steps):
                step(
                    w,
                    b,
                    x[s, t],
                    target[s, t],
                    torch.mm,
                    lambda w, d, h: w.addmm_(d, h, beta=work.keep, alpha=work.rate),
                )

        if large and work.seeds > 1:
            with ThreadPoolExecutor(cores) as pool:
                list(pool.map(one, range(work.seeds)))
        else:
            for s in range(work.seeds):
                one(s)
        return [array.numpy() for array in final]

    def batched(w, x, target):
        step(
            w,
            feedback,
            x,
            target,
            torch.bmm,
            lambda w, d, h: w.baddbmm_(d, h, beta=work.keep, alpha=work.rate),
        )

    def loop(one_step):
        @torch.inference_mode()
        def run():
            torch.set_num_threads(cores if large else 1)
            final = [array.clone() for array in weights]
            for t in range(work.steps):
                one_step(final, x[:, t], target[:, t])
            return [array.numpy() for array in final]

        return run

    torch._dynamo.reset()  # or the programs compiled for other workloads count against a limit
    found = {"PyTorch eager": eager}
    if work.seeds > 1:
        found["PyTorch bmm"] = loop(batched)
    found["torch.compile"] = loop(torch.compile(batched, dynamic=False))
    return found


def spiking(work, start):
    """The network of Fig. 4, one on each core, with the random numbers that this project draws."""
    tau, population = work.dynamics.tau, work.dynamics.population
    depth, cores = len(start.weights), usable_cores()

    def run():
        torch.set_num_threads(1)
        final = [torch.from_numpy(array.copy()) for array in start.weights]

        @torch.inference_mode()
        def one(s):
            w, b = (
                [array[s] for array in final],
                [torch.from_numpy(array[s]) for array in start.feedback],
            )
            v, u = (
                [torch.zeros(work.batch_size, len(weights), dtype=weights.dtype) for weights in w]
                for _ in "vu"
            )
            for step in range(work.steps):
                batch, rng = start.batch(step, seeds=s), generator(s, "spikes", step)
                rates = torch.from_numpy(batch.x).clamp(max=work.dynamics.rate_cap)
                target = torch.from_numpy(batch.target).repeat_interleave(population, dim=-1)

                def spike(p, rng=rng):
                    return (torch.from_numpy(rng.random(p.shape[::-1], work.dtype)).mT < p).to(
                        p.dtype
                    )

                for _ in range(work.updates):
                    h, slopes = [spike(rates)], []
                    for l in range(depth):
                        v[l].mul_(1 - tau).addmm_(h[l], w[l].mT, alpha=tau)
                        p = torch.sigmoid(v[l])
                        h.append(spike(p))
                        slopes.append(p * (1 - p))
                    u[-1].mul_(1 - tau).add_(target - h[-1], alpha=tau).add_(1e-20)
                    for l in range(depth - 1, -1, -1):
                        delta = torch.tanh(u[l])
                        w[l].addmm_((delta * slopes[l]).mT, h[l], alpha=work.rate)
                        if l:
                            u[l - 1].mul_(1 - tau).addmm_(delta, b[l - 1].mT, alpha=tau).add_(1e-20)

        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(one, range(work.seeds)))
        return [array.numpy() for array in final]

    return run
