"""How many faults: a few, or as FAULTS says (`make faults`: 100); FAULTS_SEED says which."""

import os

import numpy as np

MANY, SEED = int(os.environ.get("FAULTS", 0)), int(os.environ.get("FAULTS_SEED", 1))


def count(few: int, share: float = 1.0) -> int:
    """How many faults of a kind: `few` in the suite, else a share of FAULTS."""
    return max(few, round(share * MANY))


def generator(*key: int) -> np.random.Generator:
    """The random numbers of one kind of fault."""
    return np.random.default_rng([SEED, *key])


def damaged(content: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """A file cut anywhere, or with any bit changed."""
    place = int(rng.integers(len(content)))
    if kind == "cut":
        return content[:place]
    changed = content[place] ^ (1 << int(rng.integers(8)))
    return content[:place] + bytes([changed]) + content[place + 1 :]
