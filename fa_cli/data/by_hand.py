"""Files that a person must put into place: no licence or no host lets `fa-run data` fetch them."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from fa_cli.data import DATASETS, Files
from fa_cli.errors import UserError, complain
from fa_cli.results.formats import BAD_CONTENT


def is_lacking(name: str, data_dir: str) -> bool:
    """Whether a dataset is of such files, and they are not there."""
    return bool(DATASETS[name].by_hand) and not (Path(data_dir) / name).is_dir()


def must_have(folder: Path, names: Iterable[str], origin: str) -> None:
    """Raise UserError where a file is missing, saying where to get it and where to put it."""
    for name in names:
        if not (folder / name).is_file():
            raise UserError(absent(folder, origin, f" ({name} is missing)"))


def absent(folder: Path, origin: str, missing: str = "") -> str:
    """What is told of a dataset that is not in its folder."""
    return (
        f"{folder.name} is not in {folder}{missing}: {origin}; put it there, or type data_dir=DIR "
        f"if it lies in DIR/{folder.name}"
    )


def check_md5(folder: Path, sums: Mapping[str, str]) -> None:
    """Raise UserError where a file is not the published one; none is used before that."""
    for name, published in sums.items():
        with open(folder / name, "rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if found.hexdigest() != published:
            raise UserError(
                f"{folder / name} is not the published file: its MD5 is {found.hexdigest()}, "
                f"expected {published}: download it again"
            )


def converted(folder: Path, convert: Callable[[Path, Path], None]) -> Files:
    """What `convert` has made once of a folder's files, memory-mapped.

    `convert(folder, into)` writes arrays NAME.npy, those of `Files`, into a folder that takes its
    place when it is whole, so that what a killed process leaves is never read. Raises UserError
    where nothing can be written, and for damaged files.
    """
    ready = folder / "converted"
    if not ready.is_dir():
        complain(f"converting {folder.name} once, into {ready}")
        try:
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                convert(folder, Path(temporary))
                Path(temporary).chmod(0o755)  # a folder of data is shared
                with suppress(OSError):  # another run was faster
                    Path(temporary).rename(ready)
                    Path(temporary).mkdir()
        except PermissionError as error:
            raise UserError(
                f"{folder} cannot be written to ({error.strerror}): type data_dir=DIR of a folder "
                "that can"
            ) from None
        except BAD_CONTENT as error:  # a full disk or memory is no damage
            raise UserError(
                f"{folder} holds files that cannot be read ({error}): download them again"
            ) from None
    return Files(*(np.load(ready / f"{name}.npy", mmap_mode="r") for name in Files._fields))
