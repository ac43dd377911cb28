"""House numbers, SVHN: a person's .mat files with 604,388 + 26,032 images of 32 x 32 pixels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy

from fa_cli.data import PIECE, Files, Setting
from fa_cli.data.by_hand import check_md5, converted, must_have
from fa_cli.data.images import images

MD5 = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "extra_32x32.mat": "a93ce644f1a588dc4d68dda5feec44a7",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}
SUMS = ", ".join(f"{name} with MD5 {md5}" for name, md5 in MD5.items())
ORIGIN = f"get it from http://ufldl.stanford.edu/housenumbers (format 2): {SUMS}"


@images("svhn", by_hand=ORIGIN)
def svhn(setting: Setting) -> Files:
    """The digit in the middle of a picture, grey by the mean of its channels. Supp. Note 6.

    Y. Netzer et al., Reading digits in natural images with unsupervised feature learning, 2011.
    Training images are those of train and of extra; they stay on disk.
    """
    folder = Path(setting.data_dir) / "svhn"
    if not (folder / "converted").is_dir():
        must_have(folder, MD5, ORIGIN)
    return converted(folder, convert)


def convert(folder: Path, into: Path) -> None:
    """Write grey images (count, 1024) and labels of the .mat files, one file at a time."""
    check_md5(folder, MD5)
    parts = {"train": ["train_32x32.mat", "extra_32x32.mat"], "test": ["test_32x32.mat"]}
    for part, names in parts.items():
        labels = [
            scipy.io.loadmat(folder / name, variable_names=["y"])["y"].ravel() % 10
            for name in names
        ]
        np.save(into / f"{part}_labels.npy", np.concatenate(labels).astype(np.uint8))
        shape = (sum(map(len, labels)), 1024)
        with open(into / f"{part}.npy", "wb") as file:  # a memory map would keep what it wrote
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for name in names:
                for rows in grey(folder / name):
                    file.write(rows.tobytes())


def grey(path: Path) -> Iterator[np.ndarray]:
    """A file's images as bytes (count, 1024), some at a time: the mean of the channels."""
    colour = scipy.io.loadmat(path, variable_names=["X"])["X"]  # (32, 32, 3, count)
    for start in range(0, colour.shape[3], PIECE):
        some = colour[..., start : start + PIECE].mean(axis=2).round()
        yield some.reshape(1024, -1).T.astype(np.uint8)
