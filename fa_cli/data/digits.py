"""Small handwritten digits that come with the package: real images with no download."""

from importlib.resources import as_file, files
from typing import Literal

import numpy as np

from fa_cli.data import ImageFiles, Images, Setting, dataset

TRAINING = 1500  # of the 1,797 images


@dataset("digits")
def digits(
    setting: Setting,
    standardize: Literal["none", "unit", "standard"],
    targets: list[float],
    validation: int,
) -> Images:
    """1,797 digits of 8 x 8 pixels, the last 297 of them for the test; as shipped with scikit-learn.

    E. Alpaydin & C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998. Pixel values 0..16
    are stored as 0..255.
    """
    with (
        as_file(files("fa_cli.data") / "digits.npz") as path,
        np.load(path, allow_pickle=False) as stored,
    ):
        images, labels = stored["images"], stored["labels"]
    split = ImageFiles(images[:TRAINING], labels[:TRAINING], images[TRAINING:], labels[TRAINING:])
    return Images(setting, split, standardize, targets, validation)
