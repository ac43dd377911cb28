"""audit.npz: all that went in and out of the first training steps, to be re-derived by hand."""

from collections.abc import Callable, Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


class Audit:
    """Inputs, parameters and potentials of the first `updates` updates, and what became of them."""

    def __init__(self, updates: int, to_host: Callable):
        self.updates, self.to_host = updates, to_host
        self.arrays: dict[str, np.ndarray] = {}

    def keep(self, step: int, state: Arrays, given: Callable[[], Arrays]) -> None:
        """Before update `step`: `state` as it is, with the batch and noise that `given()` returns.

        After the last audited update the state alone.
        """
        if self.updates and step <= self.updates:
            kept = {**state, **(given() if step < self.updates else {})}
            copies = {f"{step}/{name}": self.to_host(array).copy() for name, array in kept.items()}
            self.arrays |= copies

    def stored(self) -> dict[str, np.ndarray]:
        """As a checkpoint holds it."""
        return {f"audit/{name}": array for name, array in self.arrays.items()}

    def restore(self, stored: Arrays) -> None:
        """Take over what a checkpoint holds."""
        for key, array in stored.items():
            if key.startswith("audit/"):
                self.arrays[key.removeprefix("audit/")] = array
