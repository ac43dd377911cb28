"""Random numbers: one generator per seed, purpose and block, drawn on the host.

A generator depends on nothing but those three, so a seed's numbers are the same alone or among
others, on any backend, and a run can be resumed at any step without storing the state of a
generator.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fa_cli.signals import ALL

# examples drawn at once; batch sizes that divide it see the same ones in the same order
BLOCK = 1000


def generator(seed: int, purpose: str, block: int = 0) -> np.random.Generator:
    """The generator of one purpose and block, e.g. `generator(3, "order", epoch)`."""
    key = (zlib.crc32(purpose.encode()), block)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


class Blocks:
    """Batches of random arrays, one for each step, drawn a block of steps at a time.

    `draw(rng, s, count)` returns a tuple of arrays (count, ...) for the s-th seed.
    """

    def __init__(
        self, seeds: Sequence[int], purpose: str, batch_size: int, draw: Callable, backend: Any
    ):
        self.seeds, self.purpose, self.batch_size = seeds, purpose, batch_size
        self.draw, self.backend = draw, backend
        self.steps = max(1, BLOCK // batch_size)
        self.block: int | None = None

    def prepare(self, step: int) -> int:
        """Draw the block of `step` unless it is at hand; returns the first step after it."""
        block = step // self.steps
        if block != self.block:
            drawn = self.backend.map(lambda s: self.one(s, block), range(len(self.seeds)))
            parts = (np.stack(arrays) for arrays in zip(*drawn, strict=True))
            self.arrays = tuple(map(self.backend.to_device, parts))
            self.block = block
        return (block + 1) * self.steps

    def one(self, s: int, block: int) -> tuple:
        """The arrays of one seed."""
        rng = generator(self.seeds[s], self.purpose, block)
        return self.draw(rng, s, self.steps * self.batch_size)

    def __call__(self, step: int, steps: int = 1, seeds: slice = ALL) -> tuple:
        """The arrays of `steps` steps of one block, from `step` on: each (S, steps * N, ...)."""
        self.prepare(step)
        start = step % self.steps * self.batch_size
        examples = slice(start, start + steps * self.batch_size)
        return tuple(array[seeds, examples] for array in self.arrays)
