"""Feedback alignment in PyTorch as its competent users write it: without autograd, updates in place, no temporaries for weights."""

from concurrent.futures import ThreadPoolExecutor

import torch

PHI = {
    "linear": (lambda a: a, lambda h: 1.0),
    "logistic": (torch.sigmoid, lambda h: h * (1 - h)),
    "tanh": (torch.tanh, lambda h: 1 - h * h),
    "piecewise_linear": (lambda a: torch.nn.functional.leaky_relu(a, 1 / 20), lambda h: torch.where(h > 0, 1.0, 1 / 20).to(h.dtype)),
}


def contenders(work, start) -> dict:
    """`eager`: one network after the other, or one on each core where they are large; `bmm`: all in batched products; and that compiled."""
    weights, feedback = ([torch.from_numpy(array) for array in arrays] for arrays in (start.weights, start.feedback))
    shape = (work.seeds, work.steps, work.batch_size, -1)
    x, target = (torch.from_numpy(array).reshape(shape) for array in (start.x, start.target))
    (phi, slope), (phi_out, slope_out) = PHI[work.hidden], PHI[work.output]
    depth, cores = len(weights), torch.get_num_threads()
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
                step(w, b, x[s, t], target[s, t], torch.mm, lambda w, d, h: w.addmm_(d, h, beta=work.keep, alpha=work.rate))

        if large and work.seeds > 1:
            with ThreadPoolExecutor(cores) as pool:
                list(pool.map(one, range(work.seeds)))
        else:
            for s in range(work.seeds):
                one(s)
        return [array.numpy() for array in final]

    def batched(w, x, target):
        step(w, feedback, x, target, torch.bmm, lambda w, d, h: w.baddbmm_(d, h, beta=work.keep, alpha=work.rate))

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
