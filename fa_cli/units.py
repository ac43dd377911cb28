"""Activation functions: phi, in the place of what it is given, beside its derivative."""

from collections.abc import Callable
from typing import NamedTuple

from fa_cli.registry import Registry
from fa_cli.signals import Array

ACTIVATIONS = Registry("activation")


class Unit(NamedTuple):
    """phi and its derivative, the latter as a function of the unit's output h = phi(a)."""

    phi: Callable  # (xp, a) -> h, in the place of a
    slope: Callable  # (xp, h) -> phi'(a)
    exact: bool = True  # whether it is that, and not roughly so


def logistic(xp, a: Array) -> Array:
    """1 / (1 + e^-a), step by step in place: temporary arrays would cost as much as the numbers."""
    xp.negative(a, out=a)
    xp.exp(a, out=a)
    a += 1
    return xp.reciprocal(a, out=a)


def logistic_slope(xp, h: Array) -> Array:
    """(1 - h) h."""
    slope = 1 - h
    return xp.multiply(slope, h, out=slope)


def boxcar_slope(xp, h: Array) -> Array:
    """1/4, logistic's largest slope, where its slope is above half of that, else 1/40.

    Paper, Methods, "Nonlinear networks": rough approximations work nearly as well.
    """
    slope = logistic_slope(xp, h)
    return xp.where(slope > 1 / 8, h.dtype.type(1 / 4), h.dtype.type(1 / 40))


def tanh_slope(xp, h: Array) -> Array:
    """1 - h^2."""
    slope = h * h
    return xp.subtract(1, slope, out=slope)


def relu_slope(xp, h: Array) -> Array:
    """1 above 0."""
    return (h > 0).astype(h.dtype)


def piecewise_slope(xp, h: Array) -> Array:
    """1 above 0, 1/20 below."""
    return xp.where(h > 0, h.dtype.type(1), h.dtype.type(1 / 20))


ACTIVATIONS["linear"] = Unit(lambda xp, a: a, lambda xp, h: 1.0)
ACTIVATIONS["logistic"] = Unit(logistic, logistic_slope)
ACTIVATIONS["logistic_boxcar"] = Unit(logistic, boxcar_slope, exact=False)
ACTIVATIONS["tanh"] = Unit(lambda xp, a: xp.tanh(a, out=a), tanh_slope)
ACTIVATIONS["relu"] = Unit(lambda xp, a: xp.maximum(a, 0, out=a), relu_slope)
ACTIVATIONS["piecewise_linear"] = Unit(  # Supp. Note 5, eq. (1)
    lambda xp, a: xp.maximum(a, a / 20, out=a), piecewise_slope
)
