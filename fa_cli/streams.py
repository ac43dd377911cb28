"""Random numbers: one stream per seed, purpose and block, drawn on the host.

A stream depends on nothing but those three, so a seed's numbers are the same alone or among others, on any backend, and a
run can be resumed at any step without storing the state of a generator.
"""

import zlib
from collections.abc import Callable, Sequence

import numpy as np

BLOCK = 1000  # examples drawn at once; batch sizes that divide it see the same examples in the same order


def generator(seed: int, purpose: str, block: int = 0) -> np.random.Generator:
    """The generator of one stream, e.g. `generator(3, "order", epoch)`."""
    key = (zlib.crc32(purpose.encode()), block)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


class Blocks:
    """Batches of random arrays, one for each step, drawn a block of steps at a time.

    `draw(rng, s, count)` returns a tuple of arrays (count, ...) for the s-th seed; `blocks(step)` returns the tuple of that
    step's arrays, each (S, N, ...), moved by `to_device`.
    """

    def __init__(self, seeds: Sequence[int], purpose: str, batch_size: int, draw: Callable, to_device: Callable):
        self.seeds, self.purpose, self.batch_size = seeds, purpose, batch_size
        self.draw, self.to_device = draw, to_device
        self.steps = max(1, BLOCK // batch_size)
        self.block = None

    def __call__(self, step: int) -> tuple:
        """The arrays of one step."""
        block, offset = divmod(step, self.steps)
        if block != self.block:
            count = self.steps * self.batch_size
            drawn = [self.draw(generator(seed, self.purpose, block), s, count) for s, seed in enumerate(self.seeds)]
            self.arrays = tuple(self.to_device(np.stack(parts)) for parts in zip(*drawn, strict=True))
            self.block = block
        examples = slice(offset * self.batch_size, (offset + 1) * self.batch_size)
        return tuple(array[:, examples] for array in self.arrays)
