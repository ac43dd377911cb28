"""Speech, TIMIT: frames of six stop consonants from a person's licensed folder (Supp. Note 7)."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from fa_cli.data import Files, Setting
from fa_cli.data.audio import FRAMES, cepstra, librosa, naming
from fa_cli.data.by_hand import absent, converted
from fa_cli.data.vectors import vectors
from fa_cli.errors import UserError
from fa_cli.results.formats import read_npz

STOPS = ("b", "d", "g", "p", "t", "k")
RATE = 16_000  # samples a second
HEADER = 1024  # bytes, of NIST SPHERE
LATE = RATE // 2  # samples by which labels may outlast a recording of another format
ORIGIN = (
    "get the folders TRAIN and TEST from the Linguistic Data Consortium (LDC93S1, licensed), or "
    "make vectors.npz with ready vectors, train (count, 39), train_labels, test and test_labels"
)


@vectors("timit", by_hand=ORIGIN)
def timit(setting: Setting) -> Files:
    """39 numbers of each 10 ms of a stop consonant, and which of six it is.

    J. S. Garofolo et
    al., TIMIT acoustic-phonetic continuous speech corpus, LDC93S1, 1993. The dialect sentences
    (SA), which all speakers read, are left out.
    """
    return files_of(Path(setting.data_dir) / "timit")


def files_of(folder: Path) -> Files:
    """Ready vectors, or those of the recordings, which are made once.

    Raises UserError where there are neither.
    """
    ready = folder / "vectors.npz"
    if ready.is_file():
        return of_vectors(ready)
    if not (folder / "converted").is_dir() and not list(utterances(folder, "train")):
        raise UserError(absent(folder, ORIGIN))
    return converted(folder, convert)


def of_vectors(path: Path) -> Files:
    """The arrays of a .npz file; raises UserError for others than those, and for a damaged one."""
    with read_npz(path) as stored:
        if lacking := [name for name in Files._fields if name not in stored]:
            raise UserError(f"{path} has no {lacking[0]}: expected {', '.join(Files._fields)}")
        try:
            return Files(*(stored[name] for name in Files._fields))
        except ValueError as error:  # of Python's objects
            raise UserError(f"{path} holds other arrays than numbers ({error})") from None


def utterances(folder: Path, part: str) -> Iterator[Path]:
    """Recordings of `train` or `test` that have labels, in the order of their paths."""
    tops = {path.resolve() for path in folder.glob("*") if path.name.lower() == part}
    for top in sorted(tops):  # where links to a licensed folder lead
        for path in sorted(top.rglob("*")):
            spoken = path.suffix.lower() == ".wav" and not path.name.lower().startswith("sa")
            if spoken and labels_of(path):
                yield path


def labels_of(recording: Path) -> Path | None:
    """The file beside a recording that says which phone is where."""
    beside = (recording.with_suffix(suffix) for suffix in (".PHN", ".phn"))
    return next((path for path in beside if path.is_file()), None)


def convert(folder: Path, into: Path) -> None:
    """Write vectors (count, 39) and labels of all stop consonants."""
    library = librosa("timit")
    for part in ("train", "test"):
        found = [frames(path, library) for path in utterances(folder, part)]
        if not sum(len(labels) for _, labels in found):
            raise UserError(f"{folder} has no stop consonants in {part.upper()}: {ORIGIN}")
        vectors, labels = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        np.save(into / f"{part}.npy", vectors.astype(np.float32))
        np.save(into / f"{part}_labels.npy", labels)


def frames(recording: Path, library: ModuleType) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (count, 39) and labels of the 10 ms frames whose middle is in a stop consonant.

    Raises ValueError that names a recording which is damaged.
    """
    with naming(recording):
        return frames_in(recording, library)


def frames_in(recording: Path, library: ModuleType) -> tuple[np.ndarray, np.ndarray]:
    """The same, without its name in errors."""
    content = recording.read_bytes()
    sound, _ = library.load(io.BytesIO(content), sr=RATE)
    said = re.search(rb"sample_count -i (\d+)", content[:HEADER])
    if said and len(sound) < int(said[1]):
        raise ValueError(f"{len(sound)} of {int(said[1])} samples are there")
    vectors = cepstra(sound, RATE, library)
    which = np.full(len(vectors), -1)
    middles = RATE // FRAMES * np.arange(len(vectors))
    labels = labels_of(recording)
    assert labels is not None  # as `utterances` has it
    for line in labels.read_text().splitlines():
        start, stop, phone = line.split()
        if int(stop) > len(sound) + LATE:
            raise ValueError(f"it ends before its labels, at {len(sound)} of {stop} samples")
        if phone in STOPS:
            which[(int(start) <= middles) & (middles < int(stop))] = STOPS.index(phone)
    return vectors[which >= 0], which[which >= 0]
