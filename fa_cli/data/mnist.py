"""MNIST, the real one: 60,000 + 10,000 images of 28 x 28 pixels (LeCun et al. 1998)."""

from typing import Literal

from fa_cli.data import Files, Labelled, Setting, dataset, images
from fa_cli.data.fetch import MNIST, contents, idx_array
from fa_cli.options import Pair, Whole


@dataset("mnist")
def mnist(
    setting: Setting,
    standardize: Literal["none", "unit", "standard"],
    targets: Pair,
    validation: Whole,
) -> Labelled:
    """Handwritten digits. Paper, Methods, "MNIST data set" and Supp. Note 5."""
    found = contents(MNIST, setting.data_dir, setting.fetch)
    arrays = map(idx_array, found, MNIST.checksums)
    return images(setting, Files(*arrays), standardize, targets, validation)
