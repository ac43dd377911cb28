"""Where arrays live: NumPy on the CPU or CuPy on a GPU. The only file that knows CuPy exists.

A backend is its array namespace `xp` and the few operations that differ between the two. Seeds are independent, so the NumPy
backend spreads the matrix products of large layers over the cores, one seed to a core at a time with a single BLAS
thread each; two BLAS pools that spin against each other cost more than they bring.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.linalg.blas
import threadpoolctl

from fa_cli.errors import UserError
from fa_cli.registry import Registry

Array = Any  # numpy.ndarray or cupy.ndarray
BACKENDS = Registry("backend")
LARGE = 100_000  # multiply-adds of one seed's product from which threads and direct BLAS calls pay off


def usable_cores() -> int:
    """Cores this process may use: what a scheduler granted, where the system can tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Backend:
    """Array namespace `xp`, computing in `dtype`, and the operations that every backend has.

    This class does them in plain `xp` code, which is also what a GPU wants.
    """

    def __init__(self, xp, dtype: str):
        self.xp, self.dtype = xp, np.dtype(dtype)

    def to_device(self, array: np.ndarray, dtype=None) -> Array:
        """Host array to device array, in the run's dtype unless another is given."""
        return self.xp.asarray(array, dtype=dtype or self.dtype)

    def to_host(self, array: Array) -> np.ndarray:
        """Device array to host array: the one place where the host waits for the device."""
        return np.asarray(array)

    def matmul(self, a: Array, b: Array) -> Array:
        """Product of stacked matrices, (S, N, m) and (S, m, n) to (S, N, n); either stack may have length 1."""
        return self.xp.matmul(a, b)

    def accumulate(self, weights: Array, d: Array, h: Array, rate: float, keep: float = 1.0) -> None:
        """In place `weights = keep * weights + rate * sum over the batch of d h^T`.

        Shapes: weights (S, n_{l+1}, n_l), d (S, N, n_{l+1}), h (S or 1, N, n_l).
        """
        if keep != 1.0:
            weights *= keep
        weights += self.xp.matmul((rate * d).swapaxes(-1, -2), h)

    def device_name(self) -> str:
        """What computes, for the manifest."""
        return "cpu"


@BACKENDS.register("numpy")
class NumpyBackend(Backend):
    """NumPy, with the products of large layers spread over the cores, one seed at a time on each."""

    def __init__(self, dtype: str, threads: int | None = None):
        super().__init__(np, dtype)
        self.threads = threads or usable_cores()
        self.pool = ThreadPoolExecutor(self.threads)
        threadpoolctl.threadpool_limits(1, user_api="blas")
        (self.gemm,) = scipy.linalg.blas.get_blas_funcs(("gemm",), dtype=self.dtype)

    def each_seed(self, work: Callable[[int], None], seeds: int) -> None:
        """Call `work(s)` for every seed s, on all cores."""

        def quietly(s: int) -> None:  # NumPy's error state is each thread's own
            with np.errstate(all="ignore"):
                work(s)

        if seeds == 1 or self.threads == 1:
            for s in range(seeds):
                work(s)
        else:
            list(self.pool.map(quietly, range(seeds)))

    def matmul(self, a: Array, b: Array) -> Array:
        """As in Backend."""
        seeds = max(len(a), len(b))
        if a.shape[1] * a.shape[2] * b.shape[2] < LARGE:
            return np.matmul(a, b)
        a, b = np.broadcast_to(a, (seeds, *a.shape[1:])), np.broadcast_to(b, (seeds, *b.shape[1:]))
        product = np.empty((seeds, a.shape[1], b.shape[2]), np.result_type(a, b))
        self.each_seed(lambda s: np.matmul(a[s], b[s], out=product[s]), seeds)
        return product

    def accumulate(self, weights: Array, d: Array, h: Array, rate: float, keep: float = 1.0) -> None:
        """As in Backend."""
        if d.shape[1] * weights[0].size < LARGE:
            return super().accumulate(weights, d, h, rate, keep)

        h = np.broadcast_to(h, (len(weights), *h.shape[1:]))

        def add(s):  # BLAS sees the transposes, which are Fortran-ordered: W^T = keep W^T + rate h^T d, in place
            self.gemm(rate, h[s].T, d[s].T, keep, weights[s].T, trans_b=True, overwrite_c=True)

        self.each_seed(add, len(weights))


@BACKENDS.register("cupy")
class CupyBackend(Backend):
    """CuPy on one NVIDIA GPU."""

    def __init__(self, dtype: str, device: int = 0):
        try:
            import cupy
        except ImportError:
            raise UserError("backend=cupy needs CuPy: type `pip install 'fa-run[gpu]'`, or use backend=numpy") from None
        try:
            cupy.cuda.Device(device).use()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise UserError(f"backend=cupy finds no GPU {device} ({error}): use backend=numpy") from None
        super().__init__(cupy, dtype)
        self.device = device

    def to_host(self, array: Array) -> np.ndarray:
        """As in Backend."""
        return self.xp.asnumpy(array)

    def device_name(self) -> str:
        """As in Backend."""
        return self.xp.cuda.runtime.getDeviceProperties(self.device)["name"].decode()
