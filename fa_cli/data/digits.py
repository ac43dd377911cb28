"""Small handwritten digits that come with the package: real images with no download."""

from importlib.resources import as_file, files

import numpy as np

from fa_cli.data import Files, Setting
from fa_cli.data.images import images

TRAINING = 1500  # of the 1,797 images


@images("digits")
def digits(setting: Setting) -> Files:
    """1,797 digits of 8 x 8 pixels, the last 297 for the test; as shipped with scikit-learn.

    E. Alpaydin & C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998. Pixel values 0..16 are stored as 0..255.
    """
    packed = as_file(files("fa_cli.data") / "digits.npz")
    with packed as path, np.load(path, allow_pickle=False) as stored:
        pixels, labels = stored["images"], stored["labels"]
    train, test = slice(TRAINING), slice(TRAINING, None)
    return Files(pixels[train], labels[train], pixels[test], labels[test])
