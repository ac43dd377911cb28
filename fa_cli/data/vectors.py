"""Vectors of numbers and the class of each: what all such datasets have in common.

A dataset's file says where its vectors come from, `@vectors("timit")` over a function of the
setting that returns them as `Files`; how they are shown is the same for all.
"""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np

from fa_cli.data import Files, Labelled, Setting, check_files, codes_of, dataset
from fa_cli.data.images import Validation
from fa_cli.options import Pair, Words
from fa_cli.signals import Array

Codes = Annotated[Pair, Words("values of the wrong and of the right class")]


def vectors(name: str, **files: Any) -> Callable:
    """Decorator that registers a function (setting) -> Files as a dataset of vectors.

    `files`: where its files come from, as `dataset` takes it.
    """

    def register(files_of: Callable[[Setting], Files]) -> Callable:
        def open_vectors(setting: Setting, targets: Codes, validation: Validation) -> Labelled:
            return shown(setting, files_of(setting), targets, validation)

        dataset(name, files_of, **files)(open_vectors)
        return files_of

    return register


def shown(setting: Setting, files: Files, targets: list[float], validation: int) -> Labelled:
    """Vectors as a network sees them: each feature has mean 0 and sd 1 over the training set.

    `targets`: the values of the wrong and of the right class.
    """
    numbers_of = "numbers of shape (count, features)"
    check_files(files, "vectors", numbers_of, lambda dtype: dtype.kind in "iuf")
    kept, to_device = files.split(validation), setting.backend.to_device
    dtype = setting.backend.dtype
    mean, sd = kept.train.mean(axis=0), kept.train.std(axis=0)
    shift, scale = map(to_device, (mean, np.where(sd > 0, sd, 1)))
    codes = codes_of(setting, files, targets)

    def numbers(x: Array) -> Array:
        return ((x - shift) / scale).astype(dtype, copy=False)

    return Labelled(setting, files, numbers, lambda x, labels: codes[labels], validation)
