"""How each claim of the paper is judged: small functions from finished runs to a `Judgement`.

Those of general.py serve several claims; every other claim has a function of its own under its id,
in the file of its figure. measures.py, beside this folder, has what they read from runs.
"""

import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from fa_cli.claims.measures import paired_interval
from fa_cli.registry import Registry, import_all
from fa_cli.results.reading import Run

CRITERIA = Registry("criterion")
Runs = Mapping[str, Run]  # by the names that the claim's row gives them


class Judgement(NamedTuple):
    """What was measured and whether it meets the criterion."""

    numbers: Mapping[str, np.ndarray]  # a value for each seed; a row shows the first of these
    met: bool | np.bool_
    close: bool | np.bool_  # in the right direction, though it may not meet the criterion
    test: str
    p: float | None = None
    against: str | None = None  # the one of `numbers` that the first is compared with
    effect: str = ""  # how large the difference is, with its 95 % interval
    note: str = ""  # what is to be said of this outcome
    n: int | None = None  # networks behind each of the numbers, where that is not one


def criterion(name: str) -> Callable:
    """Decorator that registers a function (runs, **parameters) -> Judgement.

    `name` is a criterion's name or a claim's id.
    """
    return CRITERIA.register(name)


def load_criteria() -> None:
    """Fill CRITERIA from the files of this folder."""
    import_all(sys.modules[__name__])


def in_every_seed(
    numbers: Mapping[str, np.ndarray],
    met: np.ndarray,
    what: str,
    against: str | None = None,
    effect: str = "",
) -> Judgement:
    """The judgement of a claim that must hold for every seed; close where it holds for most.

    Where nothing else is its effect, that is the first of the numbers less those it is held
    `against`, of the same seeds.
    """
    if against and not effect:
        effect = paired_interval(next(iter(numbers.values())), numbers[against])
    test = f"every seed: {what} ({met.sum()} of {met.size})"
    return Judgement(numbers, met.all(), met.mean() > 0.5, test, None, against, effect)
