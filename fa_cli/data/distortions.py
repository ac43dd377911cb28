"""Distorted copies of training images, drawn anew whenever they are shown (Supp. Note 5)."""

from math import isqrt
from typing import NamedTuple

import numpy as np
import scipy

from fa_cli.errors import UserError

SMOOTHING = 4.0  # sd of the Gaussian that smooths elastic fields, in pixels of 28 x 28 images


class Distortion(NamedTuple):
    """How far images may be moved and bent; nothing where a number is 0.

    `elastic`: alpha of P. Simard, D. Steinkraus & J. Platt, Best practices for convolutional neural
    networks, ICDAR 2003, who have 34: each pixel moves by alpha times a random field of [-1, 1],
    smoothed by a Gaussian. `translation`: up to so many pixels; `rotation`: degrees; `scaling`: by
    up to this fraction, in each direction (D. Ciresan et al., Deep, big, simple neural nets for
    handwritten digit recognition, Neural Comput. 22, 2010, have 15 degrees and 0.15).
    """

    elastic: float
    translation: float
    rotation: float
    scaling: float

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Square grey images (count, pixels), each distorted in its own way; what comes in at the
        edges is as the edge."""
        side = isqrt(images.shape[1])
        if side**2 != images.shape[1]:
            raise UserError(
                f"these images have {images.shape[1]} values: only square grey ones can be "
                "distorted; type dataset.elastic=0 and so on"
            )
        where = self.places(len(images), side, rng).swapaxes(0, 1)  # (2, count, side, side)
        np.clip(where, 0, side - 1, out=where)  # so that an image has no part of the one below it
        where[0] += side * np.arange(len(images))[:, None, None]
        changed = np.empty(where.shape[1:], images.dtype)
        column = images.reshape(-1, side)  # one image above another
        scipy.ndimage.map_coordinates(column, where, changed, order=1, mode="nearest")
        return changed.reshape(images.shape)

    def places(self, count: int, side: int, rng: np.random.Generator) -> np.ndarray:
        """Where each pixel of each image comes from, (count, 2, side, side)."""
        middle = (side - 1) / 2
        grid = np.mgrid[:side, :side].reshape(2, -1) - middle
        turn = np.radians(rng.uniform(-self.rotation, self.rotation, count))
        grow = 1 + rng.uniform(-self.scaling, self.scaling, (count, 2, 1))
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        moved = middle + rng.uniform(-self.translation, self.translation, (count, 2, 1))
        where = (moved + (turned.transpose(2, 0, 1) * grow) @ grid).reshape(count, 2, side, side)
        if self.elastic:
            where += smooth(self.elastic * (2 * rng.random(where.shape, "float32") - 1))
        return where


def smooth(fields: np.ndarray) -> np.ndarray:
    """Random fields (.., side, side), smoothed by a Gaussian in both directions."""
    side = fields.shape[-1]
    distance = np.subtract.outer(np.arange(side), np.arange(side))
    sd = SMOOTHING * side / 28
    weights = np.exp(-(distance**2) / (2 * sd**2)) / (sd * np.sqrt(2 * np.pi))
    weights = weights.astype(fields.dtype)
    return weights @ fields @ weights
