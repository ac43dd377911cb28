"""MNIST, the real one: 60,000 training and 10,000 test images of 28 x 28 pixels (LeCun et al. 1998)."""

from typing import Literal

from fa_cli.data import ImageFiles, Images, Setting, dataset
from fa_cli.data.fetch import MNIST, idx_array, read_verified


@dataset("mnist")
def mnist(
    setting: Setting,
    standardize: Literal["none", "unit", "standard"],
    targets: list[float],
    validation: int,
) -> Images:
    """Handwritten digits. Paper, Methods, "MNIST data set" and Supp. Note 5."""
    arrays = [
        idx_array(read_verified(MNIST, name, setting.data_dir), name) for name in MNIST.checksums
    ]
    return Images(setting, ImageFiles(*arrays), standardize, targets, validation)
