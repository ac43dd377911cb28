"""Small handwritten digits that come with the package: real images with no download."""

from importlib.resources import as_file, files
from typing import Literal

import numpy as np

from fa_cli.data import Files, Labelled, Setting, dataset, images
from fa_cli.options import Pair, Whole

TRAINING = 1500  # of the 1,797 images


@dataset("digits")
def digits(
    setting: Setting,
    standardize: Literal["none", "unit", "standard"],
    targets: Pair,
    validation: Whole,
) -> Labelled:
    """1,797 digits of 8 x 8 pixels, the last 297 for the test; as shipped with scikit-learn.

    E. Alpaydin & C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998. Pixel values 0..16 are stored as 0..255.
    """
    packed = as_file(files("fa_cli.data") / "digits.npz")
    with packed as path, np.load(path, allow_pickle=False) as stored:
        pixels, labels = stored["images"], stored["labels"]
    train, test = slice(TRAINING), slice(TRAINING, None)
    split = Files(pixels[train], labels[train], pixels[test], labels[test])
    return images(setting, split, standardize, targets, validation)
