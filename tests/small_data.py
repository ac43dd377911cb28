"""Datasets that a person must get, a few examples of each in the true formats."""

import hashlib
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from fa_cli.data import mnist_back_image, spoken_digits, svhn, timit

COUNTS = {"train_32x32.mat": 30, "extra_32x32.mat": 25, "test_32x32.mat": 12}  # images
SPOKEN = {"TRAIN": ("SA1", "SI1", "SX7"), "TEST": ("SI2", "SX9")}  # sentences
PHONES = ("h#", "b", "iy", "d", "g", "p", "ix", "t", "k", "h#")  # of a tenth of a second each


def write_svhn(data_dir: Path) -> dict[str, str]:
    """Three .mat files in `svhn`; returns the MD5 of each."""
    folder, rng, sums = data_dir / "svhn", np.random.default_rng(0), {}
    folder.mkdir(parents=True)
    for name, count in COUNTS.items():
        pixels = rng.integers(0, 256, (32, 32, 3, count), np.uint8)
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]  # 10 is the digit 0
        savemat(folder / name, {"X": pixels, "y": labels}, do_compression=True)
        content = (folder / name).read_bytes()
        sums[name] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return sums


def write_back_image(data_dir: Path) -> dict[str, int]:
    """Two .amat files in `mnist_back_image`: rows of 784 numbers in [0, 1] and a label.

    Returns the count of each.
    """
    folder, rng = data_dir / "mnist_back_image", np.random.default_rng(0)
    folder.mkdir(parents=True)
    counts = {mnist_back_image.TRAIN: 60, mnist_back_image.TEST: 15}
    for name, count in counts.items():
        pixels, labels = rng.integers(0, 256, (count, 784)) / 255, np.arange(count) % 10
        np.savetxt(folder / name, np.column_stack([pixels, labels]), fmt="%.9g", delimiter="   ")
    return counts


def write_timit(data_dir: Path) -> None:
    """Recordings of noise in NIST SPHERE, and which phone is where, in `timit`."""
    import soundfile

    rng, step = np.random.default_rng(0), timit.RATE // 10
    for part, sentences in SPOKEN.items():
        folder = data_dir / "timit" / part / "DR1" / "FABC0"
        folder.mkdir(parents=True)
        for name in sentences:
            sound = rng.integers(-9000, 9000, step * len(PHONES)).astype(np.int16)
            soundfile.write(
                folder / f"{name}.WAV", sound, timit.RATE, format="NIST", subtype="PCM_16"
            )
            rows = [f"{k * step} {(k + 1) * step} {phone}" for k, phone in enumerate(PHONES)]
            (folder / f"{name}.PHN").write_text("\n".join(rows) + "\n")


def write_spoken_digits(data_dir: Path) -> None:
    """Recordings of noise as WAV in `spoken_digits`: twenty of each of three digits."""
    import soundfile

    rng, folder = np.random.default_rng(0), data_dir / "spoken_digits" / "recordings"
    folder.mkdir(parents=True)
    for digit in range(3):
        for number in range(20):
            sound = rng.integers(-9000, 9000, 2000 + 100 * number).astype(np.int16)
            soundfile.write(folder / f"{digit}_jackson_{number}.wav", sound, spoken_digits.RATE)


@cache
def small_files() -> Path:
    """A folder with all of them, for one process of tests."""
    pytest.importorskip("soundfile")
    pytest.importorskip("librosa")
    folder = Path(tempfile.mkdtemp())
    write_all(folder)
    return folder


def write_all(data_dir: Path) -> None:
    """All of them; what is known of the small files takes the place of what is of the true ones."""
    svhn.MD5.update(write_svhn(data_dir))
    mnist_back_image.COUNTS.update(write_back_image(data_dir))
    write_timit(data_dir)
    write_spoken_digits(data_dir)
