"""Products on the NumPy backend, and that it leaves the machine as it was."""

import threading
import time

import numpy as np
import pytest
import threadpoolctl
from helpers import tolerance

from fa_cli.backend import LARGE, Backend, NumpyBackend

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [10, 400])  # 400 is large: threads and direct BLAS calls
def test_fast_products_equal_plain_ones(size, threads, dtype):
    """Of large layers, with threads and in place, as of the plain array code."""
    assert (5 * size * size < LARGE) == (size == 10)
    rng, fast, plain = np.random.default_rng(0), NumpyBackend(dtype, threads), Backend(np, dtype)
    close = {"rtol": tolerance(dtype), "atol": tolerance(dtype)}
    shapes = (3, 5, size), (3, 5, size), (3, size, size)
    h, d, w = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    with fast.computing():
        forth = fast.matmul(h, w.swapaxes(1, 2))
        np.testing.assert_allclose(forth, plain.matmul(h, w.swapaxes(1, 2)), **close)
        np.testing.assert_allclose(fast.matmul(h[:1], w), plain.matmul(h[:1], w), **close)
        for inputs in (h, h[:1]):  # each seed its own, or one for all
            mine, other = w.copy(), w.copy()
            fast.accumulate(mine, d, inputs, 0.1, 0.9)
            plain.accumulate(other, d, inputs, 0.1, 0.9)
            np.testing.assert_allclose(mine, other, **close)
            assert mine.dtype == np.dtype(dtype)


def blas_threads() -> list[int]:
    """Of every BLAS that is loaded."""
    info = threadpoolctl.threadpool_info()
    return [library["num_threads"] for library in info if library["user_api"] == "blas"]


def test_threads_are_there_while_it_computes_and_not_longer():
    """BLAS is held to one thread and the pool exists within the block; then all is as before."""
    backend, before, running = (
        NumpyBackend("float64", threads=3),
        blas_threads(),
        threading.active_count(),
    )
    with backend.computing():
        assert set(blas_threads()) == {1}
        names = set(backend.map(lambda _: threading.current_thread().name, range(30)))
        assert all("ThreadPool" in name for name in names)
    assert blas_threads() == before and threading.active_count() == running
    assert backend.map(lambda _: threading.current_thread(), range(3))[0] is threading.main_thread()


def test_sixty_backends_leave_no_thread():
    """As in a sweep in one process."""
    running = threading.active_count()
    for _ in range(60):
        backend = NumpyBackend("float64", threads=2)
        with backend.computing():
            backend.map(abs, range(10))
    assert threading.active_count() == running


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("count", [1, 7, 40])
def test_each_seed_takes_all_steps_in_order(threads, count):
    """Five seeds, on fewer cores or more, where one of them is slow: none overtakes itself."""
    backend, seeds, taken = NumpyBackend("float64", threads), range(5), {}
    busy = {s: threading.Lock() for s in seeds}

    def learn(part, some):
        assert busy[part.start].acquire(blocking=False)
        for step in some:
            time.sleep(0.002 * (part.start == 0))
            taken.setdefault(part.start, []).append(step)
        busy[part.start].release()

    with backend.computing():
        backend.advance(learn, [slice(s, s + 1) for s in seeds], count)
    assert taken == {s: [*range(count)] for s in seeds}


def test_no_core_is_idle_while_another_has_the_last_seed():
    """Five seeds on two cores: five halves of a seed's steps on each."""
    backend, pieces = NumpyBackend("float64", threads=2), []
    with backend.computing():
        parts = [slice(s, s + 1) for s in range(5)]
        backend.advance(lambda part, some: pieces.append(len(some)), parts, 10)
    assert pieces == [5] * 10


def test_errors_come_out_of_threads():
    """What goes wrong for one seed is raised, and the block ends in order."""
    backend = NumpyBackend("float64", threads=2)
    with pytest.raises(ZeroDivisionError), backend.computing():
        backend.map(lambda n: 1 / n, [1, 0])
    assert backend.pool is None
    with pytest.raises(ZeroDivisionError), backend.computing():
        backend.advance(lambda part, some: part.stop / 0, [slice(3)] * 3, 10)
    assert backend.pool is None


def test_arrays_of_another_dtype_are_no_garbage():
    """A rule or dataset from outside that gives float64 in a run of float32."""
    backend, rng = NumpyBackend("float32", 1), np.random.default_rng(0)
    w = np.zeros((1, 300, 400), np.float32)
    d, h = rng.standard_normal((1, 20, 300)), rng.standard_normal((1, 20, 400))
    backend.accumulate(w, d, h, 1.0)
    np.testing.assert_allclose(w[0], d[0].T @ h[0], rtol=1e-3, atol=1e-3)
