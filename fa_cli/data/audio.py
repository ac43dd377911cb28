"""What a network is shown of sound: 39 numbers of each 10 ms, as in Supp. Note 7."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from fa_cli.errors import UserError
from fa_cli.results.formats import BAD_CONTENT

FRAMES = 100  # a second
WINDOW = 25  # ms that a frame sees, of 32 ms that are transformed
COEFFICIENTS = 13  # of a frame; with first and second derivatives 39


def librosa(dataset: str) -> ModuleType:
    """The audio library; raises UserError where it is not installed."""
    try:
        import librosa  # slow to import, and needed once
    except ModuleNotFoundError:
        raise UserError(
            f"dataset={dataset} needs librosa for recordings: type `pip install 'fa-run[audio]'`"
        ) from None
    return librosa


@contextmanager
def naming(recording: Path) -> Iterator[None]:
    """Raise ValueError that names a recording which is found to be damaged."""
    try:
        yield
    except BAD_CONTENT as error:
        raise ValueError(f"{recording}: {error}") from None


def cepstra(sound: np.ndarray, rate: int, library: ModuleType) -> np.ndarray:
    """Mel-frequency cepstral coefficients and their first two temporal derivatives, (frames, 39).

    `sound` (samples,) at `rate` samples a second.
    """
    cepstrum = library.feature.mfcc(
        y=sound,
        sr=rate,
        n_mfcc=COEFFICIENTS,
        hop_length=rate // FRAMES,
        win_length=WINDOW * rate // 1000,
        n_fft=32 * rate // 1000,
    )
    derivatives = [library.feature.delta(cepstrum, order=order, mode="nearest") for order in (1, 2)]
    return np.concatenate([cepstrum, *derivatives]).T
