"""Spoken digits: a person's recordings of ten English words, free to have (not in the paper)."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from fa_cli.data import Files, Setting
from fa_cli.data.audio import FRAMES, cepstra, librosa, naming
from fa_cli.data.by_hand import absent, converted
from fa_cli.data.vectors import vectors
from fa_cli.errors import UserError

RATE = 8_000  # samples a second
PARTS = 10  # of a recording, the frames of each of which are averaged
TESTED = 5  # recordings of each digit by each speaker, the first, that are not trained on
ORIGIN = (
    "get the folder recordings, 3,000 WAV files, from "
    "https://github.com/Jakobovski/free-spoken-digit-dataset"
)


class Recording(NamedTuple):
    """A file DIGIT_SPEAKER_NUMBER.wav."""

    path: Path
    digit: int
    number: int


@vectors("spoken_digits", by_hand=ORIGIN)
def spoken_digits(setting: Setting) -> Files:
    """The 39 numbers of a 10 ms frame, averaged over each tenth of a recording, and its digit.

    Z. Jackson et al., Free Spoken Digit Dataset, 2018; its own split into training and test.
    """
    folder = Path(setting.data_dir) / "spoken_digits"
    if not (folder / "converted").is_dir() and not list(recordings(folder)):
        raise UserError(absent(folder, ORIGIN))
    return converted(folder, convert)


def recordings(folder: Path) -> Iterator[Recording]:
    """Those in a folder or below it, in the order of their paths."""
    for path in sorted(folder.rglob("*.wav")):
        if said := re.fullmatch(r"(\d)_[^_]+_(\d+)", path.stem):
            yield Recording(path, int(said[1]), int(said[2]))


def convert(folder: Path, into: Path) -> None:
    """Write vectors (count, 390) and labels of all recordings."""
    library, found = librosa("spoken_digits"), list(recordings(folder))
    for part, tested in (("train", False), ("test", True)):
        chosen = [one for one in found if (one.number < TESTED) == tested]
        if not chosen:
            raise UserError(f"{folder} has no recordings for {part}: {ORIGIN}")
        made = [vector_of(one.path, library) for one in chosen]
        np.save(into / f"{part}.npy", np.stack(made).astype(np.float32))
        np.save(into / f"{part}_labels.npy", np.array([one.digit for one in chosen], np.uint8))


def vector_of(path: Path, library: ModuleType) -> np.ndarray:
    """The 390 numbers of a recording; raises ValueError that names one which is damaged."""
    content = path.read_bytes()
    announced = 8 + int.from_bytes(content[4:8], "little")  # by the header of a WAV file
    with naming(path):
        if len(content) < announced:
            raise ValueError(f"{len(content)} of {announced} bytes are there")
        sound, _ = library.load(io.BytesIO(content), sr=RATE)
        if len(sound) < PARTS * RATE // FRAMES:
            raise ValueError(f"it is shorter than {PARTS / FRAMES:g} s")
        frames = cepstra(sound, RATE, library)
    return np.concatenate([part.mean(axis=0) for part in np.array_split(frames, PARTS)])
