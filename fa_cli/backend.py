"""Where arrays live: NumPy on the CPU or CuPy on a GPU. The only file that knows CuPy exists.

A backend is its array namespace `xp` and the few operations that differ between the two. Seeds are independent, so the NumPy
backend spreads them over the cores, each with a single BLAS thread; two BLAS pools that spin against each other cost more than
they bring.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import threadpoolctl

from fa_cli.errors import UserError
from fa_cli.registry import Registry

Array = Any  # numpy.ndarray or cupy.ndarray
BACKENDS = Registry("backend")
ALL = slice(None)  # all seeds
LARGE = 100_000  # multiply-adds of a product from which direct BLAS calls pay off
HEAVY = 1_000_000  # and from which seeds are better trained apart, each on a core, than together


def usable_cores() -> int:
    """Cores this process may use: what a scheduler granted, where the system can tell, or less where OMP_NUM_THREADS says so.

    A launcher that runs several processes at once divides the cores by that variable, as joblib does.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    granted = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(granted)) if granted.isdigit() and int(granted) > 0 else cores


def blas_routine(name: str) -> Callable:
    """A routine of SciPy's BLAS, all arguments by address. SciPy's own wrappers keep the interpreter's lock, this one does not."""
    from scipy.linalg import cython_blas  # not needed to compose a config, and slow to import

    capsule, python = cython_blas.__pyx_capi__[name], ctypes.pythonapi
    python.PyCapsule_GetName.restype, python.PyCapsule_GetName.argtypes = (
        ctypes.c_char_p,
        [ctypes.py_object],
    )
    python.PyCapsule_GetPointer.restype, python.PyCapsule_GetPointer.argtypes = (
        ctypes.c_void_p,
        [ctypes.py_object, ctypes.c_char_p],
    )
    return ctypes.CFUNCTYPE(None)(
        python.PyCapsule_GetPointer(capsule, python.PyCapsule_GetName(capsule))
    )


class Backend:
    """Array namespace `xp`, computing in `dtype`, and the operations that every backend has.

    This class does them in plain `xp` code, which is also what a GPU wants.
    """

    compiled = False  # whether the loop of compiled.py may run here

    def __init__(self, xp, dtype: str):
        self.xp, self.dtype = xp, np.dtype(dtype)

    def to_device(self, array: np.ndarray, dtype=None) -> Array:
        """Host array to device array, in the run's dtype unless another is given."""
        return self.xp.asarray(array, dtype=dtype or self.dtype)

    def to_host(self, array: Array) -> np.ndarray:
        """Device array to host array: the one place where the host waits for the device."""
        return np.asarray(array)

    def map(self, work: Callable[[Any], Any], items: Iterable) -> list:
        """`work(item)` of all items, independent of each other."""
        return [work(item) for item in items]

    def shares(self, seeds: int, multiply_adds: int) -> list[slice]:
        """How to split seeds into parts that are trained apart, given the size of the largest product of one seed."""
        return [ALL]

    def matmul(self, a: Array, b: Array) -> Array:
        """Product of stacked matrices, (S, N, m) and (S, m, n) to (S, N, n); either stack may have length 1."""
        return self.xp.matmul(a, b)

    def accumulate(
        self, weights: Array, d: Array, h: Array, rate: float, keep: float = 1.0
    ) -> None:
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
    """NumPy, with the seeds of large networks spread over the cores and their weights updated inside BLAS.

    `compiled`: whether small and online-learning networks may take the compiled loop (compiled.py).
    """

    def __init__(self, dtype: str, threads: int | None = None, compiled: bool = True):
        super().__init__(np, dtype)
        self.threads, self.compiled = threads or usable_cores(), compiled
        self.here = threading.local()
        self.pool = ThreadPoolExecutor(self.threads, initializer=self.enter)
        self.gemm = blas_routine({"float32": "sgemm", "float64": "dgemm"}[dtype])
        threadpoolctl.threadpool_limits(
            1, user_api="blas"
        )  # now that SciPy has loaded its BLAS too
        self.number = np.ctypeslib.as_ctypes_type(self.dtype)

    def enter(self) -> None:
        """What a thread of the pool does first."""
        np.seterr(all="ignore")
        self.here.pool = True

    def map(self, work: Callable[[Any], Any], items: Iterable) -> list:
        """As in Backend, on all cores."""
        items = list(items)
        return list((self.pool.map if min(self.threads, len(items)) > 1 else map)(work, items))

    def shares(self, seeds: int, multiply_adds: int) -> list[slice]:
        """As in Backend: small products of all seeds together, large ones a seed at a time, whose weights then stay in the cache."""
        return [slice(s, s + 1) for s in range(seeds)] if multiply_adds >= HEAVY else [ALL]

    def parts(self, rows: int, multiply_adds: int) -> list[slice]:
        """How to split the rows of one seed's product over the cores: not at all where other seeds or other work keep them busy."""
        count = self.threads if multiply_adds >= HEAVY and not hasattr(self.here, "pool") else 1
        return [slice(rows * k // count, rows * (k + 1) // count) for k in range(count)]

    def matmul(self, a: Array, b: Array) -> Array:
        """As in Backend. Of large products OpenBLAS is faster with the transposed one, b^T a^T, where b^T are the weights."""
        count, n = a.shape[1] * a.shape[2] * b.shape[2], b.shape[2]
        if count < LARGE:
            return np.matmul(a, b)
        w, h = b.swapaxes(1, 2), a.swapaxes(1, 2)
        out = np.empty((max(len(w), len(h)), n, h.shape[2]), self.dtype)
        self.map(lambda rows: np.matmul(w[:, rows], h, out=out[:, rows]), self.parts(n, count))
        return out.swapaxes(1, 2)

    def accumulate(
        self, weights: Array, d: Array, h: Array, rate: float, keep: float = 1.0
    ) -> None:
        """As in Backend. BLAS adds in place, without a temporary array as large as the weights."""
        count = d.shape[1] * weights[0].size
        if count < LARGE:
            return super().accumulate(weights, d, h, rate, keep)
        for s in range(len(weights)):
            one = h[s if len(h) > 1 else 0]
            self.map(
                lambda rows, s=s, one=one: self.gemm_add(
                    weights[s, rows], d[s][:, rows], one, rate, keep
                ),
                self.parts(weights.shape[1], count),
            )

    def gemm_add(self, w: Array, d: Array, h: Array, rate: float, keep: float) -> None:
        """w = keep * w + rate * d^T h for one seed; BLAS sees Fortran's order, so w^T = keep * w^T + rate * h^T d."""
        (n, m), count = w.shape, len(d)
        h, d = (
            x if x.flags.c_contiguous or x.flags.f_contiguous else np.ascontiguousarray(x)
            for x in (h, d)
        )
        plain_h, plain_d = h.flags.c_contiguous, d.flags.c_contiguous
        integer = [
            ctypes.c_int(i) for i in (m, n, count, m if plain_h else count, n if plain_d else count)
        ]
        alpha, beta = self.number(rate), self.number(keep)
        rows, columns, inner, leading_h, leading_d = map(ctypes.byref, integer)
        address = [ctypes.c_void_p(x.ctypes.data) for x in (h, d, w)]
        self.gemm(
            b"N" if plain_h else b"T", b"T" if plain_d else b"N", rows, columns, inner, ctypes.byref(alpha),
            address[0], leading_h, address[1], leading_d, ctypes.byref(beta), address[2], rows,
        )  # fmt: skip


@BACKENDS.register("cupy")
class CupyBackend(Backend):
    """CuPy on one NVIDIA GPU."""

    def __init__(self, dtype: str, device: int = 0):
        try:
            import cupy
        except ImportError:
            raise UserError(
                "backend=cupy needs CuPy: type `pip install 'fa-run[gpu]'`, or use backend=numpy"
            ) from None
        try:
            cupy.cuda.Device(device).use()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise UserError(
                f"backend=cupy finds no GPU {device} ({error}): use backend=numpy"
            ) from None
        super().__init__(cupy, dtype)
        self.device = device

    def to_host(self, array: Array) -> np.ndarray:
        """As in Backend."""
        return self.xp.asnumpy(array)

    def device_name(self) -> str:
        """As in Backend."""
        return self.xp.cuda.runtime.getDeviceProperties(self.device)["name"].decode()
