"""What passes between a network and a learning rule."""

from collections.abc import Callable
from typing import Any, NamedTuple

Array = Any  # numpy.ndarray or cupy.ndarray
ALL = slice(None)  # all seeds
Deltas = dict[int, Array]  # delta_l by layer l, each (S, N, n_l)


def as_it_arrives(l: int, arriving: Array) -> Array:
    """What a layer of rates takes from above: delta_l is what arrives."""
    return arriving


class Signals(NamedTuple):
    """What one forward pass leaves behind for a learning rule."""

    activations: list[Array]  # h_0 = x, h_1 .. h_L = y; each (S, N, n_l)
    slopes: list[Array]  # phi'(a_l) for l = 1 .. L; slopes[0] is None
    target: Array  # y*, (S, N, n_L)
    error: Array  # e = y* - y, (S, N, n_L); where feedback neurons integrate, what those of y send
    settle: Callable[[int, Array], Array] = as_it_arrives  # (l, what arrives there) -> delta_l

    def carried(self, delta: Deltas, l: int) -> Array:
        """delta_l * phi'(a_l): how layer l changes, and what backprop sends on."""
        return delta[l] * self.slopes[l]
