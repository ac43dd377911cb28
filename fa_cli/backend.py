"""Where arrays live: NumPy on the CPU or CuPy on a GPU. The only file that knows CuPy exists.

A backend is its array namespace `xp` and the few operations that differ between the two. Seeds are
independent, so the NumPy backend spreads them over the cores, each with a single BLAS thread; two
BLAS pools that spin against each other cost more than they bring. Threads are there, and BLAS is
held to one, within `with backend.computing():` and not beyond.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import threadpoolctl

from fa_cli.errors import UserError, complain
from fa_cli.options import Count, Whole, Words
from fa_cli.registry import Registry
from fa_cli.signals import ALL, Array

BACKENDS = Registry("backend")
Threads = Annotated[Count | None, Words("cores that are used; null: all that may be")]
Compiled = Annotated[
    bool, Words("whether small networks and online learning may take the compiled loop")
]
Device = Annotated[Whole, Words("the number of the GPU")]
CGROUP = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of a core in each period
LARGE = 100_000  # multiply-adds of a product from which direct BLAS calls pay off
HEAVY = 1_000_000  # and from which seeds are better trained apart, each on a core, than together


def usable_cores() -> int:
    """Cores this process may use: the least of what the system, a scheduler and a person grant.

    A launcher that runs several processes at once divides the cores by OMP_NUM_THREADS, as joblib
    does; a container has a quota, a SLURM job a number for each task.
    """
    bound = hasattr(os, "sched_getaffinity")
    granted = [len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1, *quota()]
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        told = os.environ.get(name, "").split(",")[0]  # the former may have one for each level
        if told.isdigit() and int(told) > 0:
            granted.append(int(told))
    return min(granted)


def quota() -> list[int]:
    """The cores that a container may use, where it is told how many."""
    try:
        limit, period = CGROUP.read_text().split()
        return [max(1, int(limit) // int(period))]
    except (OSError, ValueError):  # no container, or "max"
        return []


def blas_routine(name: str) -> Callable:
    """A routine of SciPy's BLAS, all arguments by address.

    SciPy's own wrappers keep the interpreter's lock, this one does not.
    """
    from scipy.linalg import cython_blas  # not needed to compose a config, and slow to import

    capsule, python = cython_blas.__pyx_capi__[name], ctypes.pythonapi
    python.PyCapsule_GetName.restype = ctypes.c_char_p
    python.PyCapsule_GetName.argtypes = [ctypes.py_object]
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address = python.PyCapsule_GetPointer(capsule, python.PyCapsule_GetName(capsule))
    return ctypes.CFUNCTYPE(None)(address)


class Backend:
    """Array namespace `xp`, computing in `dtype`, and the operations that every backend has.

    This class does them in plain `xp` code, which is also what a GPU wants.
    """

    compiled = False  # whether the loop of compiled/ may run here
    threads: int  # and on how many cores, of a backend where it may

    def __init__(self, xp, dtype: str):
        self.xp, self.dtype = xp, np.dtype(dtype)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """While this lasts, the machine is used as the backend wants; after it as before."""
        yield

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
        """How to split seeds into parts that are trained apart.

        `multiply_adds`: those of the largest product of one seed.
        """
        return [ALL]

    def advance(self, learn: Callable[[Any, range], None], parts: Sequence, count: int) -> None:
        """`learn(part, some)` of all parts, which are independent of each other.

        `some`: a few of the steps 0 .. count - 1; each part gets all of them, in order.
        """
        for part in parts:
            learn(part, range(count))

    def matmul(self, a: Array, b: Array) -> Array:
        """Product of stacked matrices, (S, N, m) and (S, m, n) to (S, N, n); S may be 1 in one."""
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


@BACKENDS.builder("numpy")
class NumpyBackend(Backend):
    """NumPy, with the seeds of large networks spread over the cores, weights updated inside BLAS.

    `compiled`: whether small and online-learning networks may take the compiled loop (compiled/).
    """

    def __init__(self, dtype: str, threads: Threads = None, compiled: Compiled = True):
        super().__init__(np, dtype)
        self.threads, self.compiled = threads or usable_cores(), compiled
        self.here = threading.local()
        self.pool: ThreadPoolExecutor | None = None
        self.gemm = blas_routine({"float32": "sgemm", "float64": "dgemm"}[dtype])
        self.number = np.ctypeslib.as_ctypes_type(self.dtype)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """As in Backend: a pool of threads, and a single one for each BLAS, SciPy's included.

        Where the system grants no more threads, the one there is does all.
        """
        pool = ThreadPoolExecutor(self.threads, initializer=self.enter)
        with threadpoolctl.threadpool_limits(1, user_api="blas"), pool as self.pool:
            if not all_start(pool, self.threads):
                complain(f"no {self.threads} threads to be had: computing with one")
                self.threads = 1
            try:
                yield
            finally:
                self.pool = None

    def enter(self) -> None:
        """What a thread of the pool does first."""
        np.seterr(all="ignore")
        self.here.pooled = True

    def map(self, work: Callable[[Any], Any], items: Iterable) -> list:
        """As in Backend, on all cores."""
        items = list(items)
        pool = self.pool if min(self.threads, len(items)) > 1 else None
        return list(pool.map(work, items) if pool else map(work, items))

    def shares(self, seeds: int, multiply_adds: int) -> list[slice]:
        """As in Backend: small products of all seeds together, large ones a seed at a time.

        A seed's weights then stay in the cache.
        """
        if multiply_adds < HEAVY:
            return [ALL]
        return [slice(s, s + 1) for s in range(seeds)]

    def advance(self, learn: Callable[[Any, range], None], parts: Sequence, count: int) -> None:
        """As in Backend, on all cores.

        Where the cores do not divide the parts, each is cut into as many pieces as there are cores:
        then none is idle while another has the last part.
        """
        pool, cores = self.pool, min(self.threads, len(parts))
        if pool is None or cores == 1:
            return super().advance(learn, parts, count)
        pieces = cores if len(parts) % cores else 1

        def go_on(earlier: Future | None, part: Any, some: range) -> None:
            if earlier:
                earlier.result()  # has begun, as pieces begin in the order of their submission
            learn(part, some)

        last: list[Future | None] = [None] * len(parts)
        for piece in range(pieces):
            some = range(count * piece // pieces, count * (piece + 1) // pieces)
            last = [pool.submit(go_on, *ahead, some) for ahead in zip(last, parts, strict=True)]
        for end in filter(None, last):
            end.result()

    def parts(self, rows: int, multiply_adds: int) -> list[slice]:
        """How to split the rows of one seed's product over the cores.

        Not at all where other seeds or other work keep them busy.
        """
        alone = multiply_adds >= HEAVY and not hasattr(self.here, "pooled")
        count = self.threads if alone else 1
        return [slice(rows * k // count, rows * (k + 1) // count) for k in range(count)]

    def matmul(self, a: Array, b: Array) -> Array:
        """As in Backend.

        Of large products OpenBLAS is faster with the transposed one, b^T a^T, where b^T are
        weights.
        """
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
        for s, w in enumerate(weights):
            self.add_one(w, d[s], h[s if len(h) > 1 else 0], rate, keep, count)

    def add_one(
        self, w: Array, d: Array, h: Array, rate: float, keep: float, multiply_adds: int
    ) -> None:
        """`accumulate` for one seed, on all cores where no other work keeps them busy."""
        parts = self.parts(len(w), multiply_adds)
        self.map(lambda rows: self.gemm_add(w[rows], d[:, rows], h, rate, keep), parts)

    def gemm_add(self, w: Array, d: Array, h: Array, rate: float, keep: float) -> None:
        """w = keep * w + rate * d^T h for one seed.

        BLAS sees Fortran's order, so w^T = keep * w^T + rate * h^T d.
        """
        (n, m), count = w.shape, len(d)
        h, d = as_blas_wants(h, w.dtype), as_blas_wants(d, w.dtype)
        plain_h, plain_d = h.flags.c_contiguous, d.flags.c_contiguous
        leading_h, leading_d = m if plain_h else count, n if plain_d else count
        numbers = [ctypes.c_int(i) for i in (m, n, count, leading_h, leading_d)]
        rows, columns, inner, leading_h, leading_d = map(ctypes.byref, numbers)
        alpha, beta = ctypes.byref(self.number(rate)), ctypes.byref(self.number(keep))
        first, second, sum_ = (ctypes.c_void_p(x.ctypes.data) for x in (h, d, w))
        kinds = b"N" if plain_h else b"T", b"T" if plain_d else b"N"
        sizes = rows, columns, inner
        self.gemm(*kinds, *sizes, alpha, first, leading_h, second, leading_d, beta, sum_, rows)


def all_start(pool: ThreadPoolExecutor, count: int) -> bool:
    """Whether a pool can have so many threads; if it can, they are there now."""
    gate = threading.Event()
    try:
        for _ in range(count):
            pool.submit(gate.wait)
    except RuntimeError:  # can't start new thread
        return False
    finally:
        gate.set()
    return True


def as_blas_wants(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Contiguous in either order, and of the dtype that the routine takes."""
    fits = (x.flags.c_contiguous or x.flags.f_contiguous) and x.dtype == dtype
    return x if fits else np.ascontiguousarray(x, dtype)


@BACKENDS.builder("cupy")
class CupyBackend(Backend):
    """CuPy on one NVIDIA GPU."""

    def __init__(self, dtype: str, device: Device = 0):
        try:
            import cupy
        except ModuleNotFoundError:
            raise UserError(
                "backend=cupy needs CuPy: type `pip install 'fa-run[gpu]'`, or type backend=numpy"
            ) from None
        except Exception as error:  # it is there, and CUDA's libraries are not
            raise UserError(f"backend=cupy: {error}; or type backend=numpy") from None
        try:
            cupy.cuda.Device(device).use()
            cupy.arange(2).sum().item()  # that libraries and driver fit shows in a first kernel
        except Exception as error:  # CuPy's errors are its own, and of many kinds
            raise UserError(
                f"backend=cupy cannot use GPU {device} ({error}): type backend=numpy"
            ) from None
        super().__init__(cupy, dtype)
        self.device = device

    def to_host(self, array: Array) -> np.ndarray:
        """As in Backend."""
        return self.xp.asnumpy(array)

    def device_name(self) -> str:
        """As in Backend."""
        return self.xp.cuda.runtime.getDeviceProperties(self.device)["name"].decode()
