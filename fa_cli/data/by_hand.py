"""Files that a person must put into place: no licence or no host lets `fa-run data` fetch them."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from fa_cli.errors import UserError, complain

CHUNK = 1 << 20


def file_of(folder: Path, name: str, origin: str) -> Path:
    """The path of a file in a dataset's folder; raises UserError, saying where to get it."""
    if not (folder / name).is_file():
        raise UserError(
            f"{folder.name} is not in {folder} ({name} is missing): {origin}; put it there, or "
            f"type data_dir=DIR if it lies in DIR/{folder.name}"
        )
    return folder / name


def check_md5(path: Path, sums: Mapping[str, str]) -> None:
    """Raise UserError where a file is not the published one; none is used before that."""
    found = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            found.update(piece)
    if found.hexdigest() != sums[path.name]:
        raise UserError(
            f"{path} is not the published file: its MD5 is {found.hexdigest()}, expected "
            f"{sums[path.name]}: download it again"
        )


def converted(folder: Path, names: Sequence[str], convert: Callable[[Path], None]) -> list:
    """Arrays NAME.npy of a folder, memory-mapped; where one is missing, `convert` makes them.

    `convert(folder)` writes all of them into a folder that takes its place when it is whole, so
    that what a killed process leaves is never read. Raises UserError where nothing can be written.
    """
    ready = folder / "converted"
    if not ready.is_dir():
        complain(f"converting {folder.name} once, into {ready}")
        try:
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                convert(Path(temporary))
                with suppress(OSError):  # another run was faster
                    Path(temporary).rename(ready)
                    Path(temporary).mkdir()
        except PermissionError as error:
            raise UserError(
                f"{folder} cannot be written to ({error.strerror}): type data_dir=DIR of a folder "
                "that can"
            ) from None
    return [np.load(ready / f"{name}.npy", mmap_mode="r") for name in names]
