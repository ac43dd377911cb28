"""Images and the class of each: what all such datasets have in common.

A dataset's file says where its images come from, `@images("mnist")` over a function of the setting
that returns them as `Files`; how they are shown is the same for all.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from fa_cli.backend import Backend
from fa_cli.data import PIECE, Change, Files, Labelled, Setting, check_files, codes_of, dataset
from fa_cli.data.distortions import Distortion
from fa_cli.options import Expected, Pair, Whole, Words
from fa_cli.signals import Array

Scale = Literal["none", "unit", "symmetric", "standard"]
Code = Pair | Literal["input"]
Extent = Annotated[float, Expected("a number of at least 0", lambda value: value >= 0)]
Standardize = Annotated[
    Scale, Words("none: pixels in 0..255; unit: 0..1; symmetric: -0.9..0.9; standard: mean 0, sd 1")
]
Targets = Annotated[
    Code, Words("values of the wrong and of the right class; input: the image itself")
]
Validation = Annotated[Whole, Words("training examples held out in place of the test set")]
Elastic = Annotated[Extent, Words("alpha of elastic distortions of training images, in pixels")]
Translation = Annotated[Extent, Words("pixels that training images are moved by, at most")]
Rotation = Annotated[Extent, Words("degrees that training images are turned by, at most")]
Scaling = Annotated[Extent, Words("fraction that training images grow or shrink by, at most")]


def images(name: str, **files: Any) -> Callable:
    """Decorator that registers a function (setting) -> Files as a dataset of images.

    `files`: where its files come from, as `dataset` takes it.
    """

    def register(files_of: Callable[[Setting], Files]) -> Callable:
        def open_images(
            setting: Setting,
            standardize: Standardize,
            targets: Targets,
            validation: Validation,
            elastic: Elastic = 0.0,
            translation: Translation = 0.0,
            rotation: Rotation = 0.0,
            scaling: Scaling = 0.0,
        ) -> Labelled:
            distortion = Distortion(elastic, translation, rotation, scaling)
            return shown(setting, files_of(setting), standardize, targets, validation, distortion)

        dataset(name, files_of, **files)(open_images)
        return files_of

    return register


class Pixels(NamedTuple):
    """uint8 pixels as inputs in the run's dtype: x = scale * pixel - shift."""

    backend: Backend
    scale: float
    shift: float

    def __call__(self, pixels: Array) -> Array:
        """Inputs of pixels of any shape."""
        dtype = self.backend.dtype
        x = self.backend.xp.multiply(pixels, dtype.type(self.scale), dtype=dtype)
        if self.shift:
            x -= dtype.type(self.shift)
        return x

    def grey(self, x: Array) -> Array:
        """Inputs as pixels in [0, 1]."""
        return (x + self.shift) / (255 * self.scale)


def shown(
    setting: Setting,
    files: Files,
    standardize: Scale,
    targets: Code,
    validation: int,
    distortion: Distortion,
) -> Labelled:
    """Images as a network sees them, and what it is to make of them.

    `standardize`: `none` keeps pixels in 0..255, `unit` divides by 255, `symmetric` brings them to
    -0.9..0.9, `standard` brings the training set's mean to 0 and its sd to 1 (over all pixels
    together). `targets`: the values of the wrong and of the right class, or `input`: the image
    itself, as for an autoencoder (Supp. Note 9).
    """
    pixels_of = "bytes (uint8) of shape (count, pixels); other numbers are for @vectors"
    check_files(files, "images", pixels_of, lambda dtype: dtype == np.uint8)
    kept = files.split(validation)
    shift, scale = standardization(kept.train, standardize)
    pixels = Pixels(setting.backend, scale, shift)
    # mypy does not take a NamedTuple for a function, though these have __call__
    numbers: Callable[[Array], Array] = pixels  # type: ignore[assignment]
    change: Change | None = distortion if any(distortion) else None  # type: ignore[assignment]
    if targets == "input":
        data = Labelled(setting, files, numbers, lambda x, labels: x, validation, change, False)
        data.grey = pixels.grey
        return data
    codes = codes_of(setting, files, targets)
    return Labelled(setting, files, numbers, lambda x, labels: codes[labels], validation, change)


def standardization(pixels: np.ndarray, kind: Scale) -> tuple[float, float]:
    """(shift, scale) such that x = scale * pixel - shift; mean and sd over all training pixels."""
    if kind != "standard":
        return {"none": (0.0, 1.0), "unit": (0.0, 1 / 255), "symmetric": (0.9, 1.8 / 255)}[kind]
    pieces = range(0, len(pixels), PIECE)  # bincount makes numbers eight times as large
    counts = [np.bincount(pixels[k : k + PIECE].ravel(), minlength=256) for k in pieces]
    shares = np.sum(counts, axis=0) / pixels.size
    mean = shares @ np.arange(256)
    sd = np.sqrt(shares @ (np.arange(256) - mean) ** 2)
    return mean / sd, 1 / sd
