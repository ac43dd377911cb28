"""MNIST digits over patches of photographs: those of the LISA laboratory, and some of our own."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fa_cli.data import Files, Setting
from fa_cli.data.by_hand import converted, must_have
from fa_cli.data.fetch import fetched
from fa_cli.data.images import images
from fa_cli.data.mnist import MNIST
from fa_cli.randomness import generator

ORIGIN = (
    "unpack http://www.iro.umontreal.ca/~lisa/icml2007data/mnist_background_images.zip (SHA-1 "
    "fb6fce9ed6372e0068ff7cb3e7b9e78dbda7ceae)"
)
TRAIN = "mnist_background_images_test.amat"  # the larger of the two, as in the paper
TEST = "mnist_background_images_train.amat"
COUNTS = {TRAIN: 50_000, TEST: 12_000}  # images of each
TESTED = 10_000  # of the smaller file
TEXTURED = 0.05  # sd of a patch, of 0..1, below which it is too smooth to be used


@images("mnist_back_image", by_hand=ORIGIN)
def mnist_back_image(setting: Setting) -> Files:
    """A person's .amat files; as in Supp. Note 5 the larger set, 50,000, is trained on.

    H. Larochelle et al., An empirical evaluation of deep architectures on problems with many
    factors of variation, ICML 2007.
    """
    folder = Path(setting.data_dir) / "mnist_back_image"
    if not (folder / "converted").is_dir():
        must_have(folder, (TRAIN, TEST), ORIGIN)
    return converted(folder, convert)


def convert(folder: Path, into: Path) -> None:
    """Write images as bytes (count, 784) and labels of the .amat files.

    Those are rows of text in [0, 1], an image column by column.
    """
    for part, name, most in (("train", TRAIN, None), ("test", TEST, TESTED)):
        table = pd.read_csv(folder / name, sep=r"\s+", header=None, dtype=np.float32).to_numpy()
        if table.shape != (COUNTS[name], 785) or not np.isfinite(table).all():
            raise ValueError(f"{name}: expected {COUNTS[name]} whole rows of 785 numbers")
        pixels, labels = table[:most, :-1], table[:most, -1]
        upright = (255 * pixels).round().reshape(-1, 28, 28).swapaxes(1, 2).astype(np.uint8)
        np.save(into / f"{part}.npy", upright.reshape(len(upright), -1))
        np.save(into / f"{part}_labels.npy", labels.astype(np.uint8))


@images("mnist_back_image_synthetic", fetched=MNIST)
def mnist_back_image_synthetic(setting: Setting) -> Files:
    """MNIST over patches of one photograph that Matplotlib ships: like it, and not it.

    Sizes are those of Supp. Note 5, 50,000 + 10,000; each image has a patch of its own, the same
    in every run, and a digit covers what is darker behind it.
    """
    train, train_labels, test, test_labels = fetched(MNIST, setting)
    train, train_labels = train[:50_000], train_labels[:50_000]
    over = [np.maximum(x, patches(len(x), k)) for k, x in enumerate((train, test))]
    return Files(over[0], train_labels, over[1], test_labels)


def patches(count: int, block: int) -> np.ndarray:
    """Random 28 x 28 patches of the photograph that have some texture, (count, 784) of bytes."""
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None and spec.origin is not None  # this project depends on it
    package = Path(spec.origin).parent
    with Image.open(package / "mpl-data" / "sample_data" / "grace_hopper.jpg") as photograph:
        grey = np.asarray(photograph.convert("L"))
    windows = np.lib.stride_tricks.sliding_window_view(grey, (28, 28))
    rng = generator(0, "patches", block)
    found: list[np.ndarray] = []
    while sum(map(len, found)) < count:
        rows, columns = (rng.integers(0, size, count) for size in windows.shape[:2])
        some = windows[rows, columns].reshape(count, -1)
        found.append(some[some.std(axis=1) > TEXTURED * 255])
    return np.concatenate(found)[:count]
