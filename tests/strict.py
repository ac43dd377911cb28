"""An array namespace as strict as CuPy's, on the CPU: what would fail on a GPU fails here.

Its arrays never turn into NumPy arrays by themselves, take no NumPy array as a partner, and offer
only functions that CuPy has.
"""

import numpy as np

from fa_cli.backend import Backend

NAMES = """
    abs arange arccos argmax asarray clip concatenate degrees empty exp eye isfinite matmul maximum
    mean minimum multiply nan_to_num negative reciprocal repeat sign sqrt stack subtract sum take
    tanh where zeros zeros_like
"""
ATTRIBUTES = "shape dtype ndim size sum mean max min reshape swapaxes astype copy all ravel"
IN_CUPY, METHODS = set(NAMES.split()), set(ATTRIBUTES.split())


def inside(value):
    """The NumPy array of a StrictArray; scalars, slices and None as they are.

    Anything else is what CuPy would refuse.
    """
    if isinstance(value, StrictArray):
        return value.array
    if isinstance(value, tuple | list):
        return type(value)(map(inside, value))
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(
            "Unsupported type <class 'numpy.ndarray'>: a NumPy array meets a device array"
        )
    return value


def wrapped(value):
    return StrictArray(value) if isinstance(value, np.ndarray | np.generic) else value


def calling(function):
    """The function of NumPy's arrays, for StrictArrays."""

    def call(*args, **kwargs):
        named = {key: inside(value) for key, value in kwargs.items()}
        return wrapped(function(*inside(args), **named))

    return call


class StrictArray:
    """A device array in name only."""

    __array_ufunc__ = None  # NumPy's functions and operators do not take it

    def __init__(self, array):
        self.array = np.asarray(array)

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __getattr__(self, name):
        if name not in METHODS:
            raise AttributeError(f"a device array has no {name} that this project may use")
        value = getattr(self.array, name)
        return calling(value) if callable(value) and name != "dtype" else wrapped(value)

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        return wrapped(self.array[inside(key)])

    def __setitem__(self, key, value):
        self.array[inside(key)] = inside(value)


def operator(name):
    def apply(self, *others):
        result = getattr(self.array, name)(*map(inside, others))
        if name.startswith("__i"):
            self.array = result
            return self
        return wrapped(result)

    return apply


for short in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    for form in ("__{}__", "__r{}__", "__i{}__"):
        setattr(StrictArray, form.format(short), operator(form.format(short)))
for name in ("__neg__", "__invert__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):
    setattr(StrictArray, name, operator(name))


class Namespace:
    """numpy, less everything that CuPy lacks or this list forgot."""

    def __init__(self, module=np, allowed=frozenset(IN_CUPY)):
        self.module, self.allowed = module, allowed

    def __getattr__(self, name):
        if name == "linalg":
            return Namespace(np.linalg, {"pinv", "norm"})
        if name not in self.allowed:
            raise AttributeError(f"{name} is not in the list of what CuPy has (tests/strict.py)")
        function = getattr(self.module, name)
        if name == "asarray":
            return lambda array, dtype=None: StrictArray(
                np.array(inside(array) if isinstance(array, StrictArray) else array, dtype=dtype)
            )
        return calling(function)


class StrictBackend(Backend):
    """The plain backend on the strict namespace."""

    def __init__(self, dtype):
        super().__init__(Namespace(), dtype)

    def to_host(self, array):
        return array.array
