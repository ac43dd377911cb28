"""The formats of results: tables as CSV, arrays as .npz, and what damage looks like."""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fa_cli.errors import UserError

INDEX = ["seed", "step", "epoch", "examples", "phase"]  # columns of metrics.csv before the metrics
LARGEST = 4 << 30  # bytes of what is packed in a .npz file, when unpacked
MANY = 0xFFFF  # arrays, above which that is all that the end of a .npz file says
BAD_CONTENT = (  # what reading a file raises whose content is damaged
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,  # an entry of a .npz file that claims to be encrypted
    EOFError,
    ArithmeticError,
    SyntaxError,  # a header that is no Python, and the next one as well
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
)
DAMAGE = (OSError, MemoryError, *BAD_CONTENT)  # or claims a shape that no machine holds


def csv(table: pd.DataFrame) -> str:
    """A table as CSV: plain decimals that read back to the same value, nothing for nan."""
    return table.to_csv(index=False, float_format=decimal, lineterminator="\n")


def decimal(value: float) -> str:
    """A number without exponent."""
    return np.format_float_positional(value, trim="-")


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Final values over the seeds that came to the end: metric,mean,sd,median,min,max,n.

    What has outgrown all numbers has no s.d., which is no news.
    """
    final = table[table["step"] == table["step"].max()].drop(columns=INDEX)
    columns = {"mean": "mean", "sd": "std", "median": "median", "min": "min", "max": "max"}
    rows = []
    for metric, values in final.items():
        with np.errstate(invalid="ignore"):
            found = {name: getattr(values, function)() for name, function in columns.items()}
        rows.append({"metric": metric, **found, "n": values.count()})
    return pd.DataFrame(rows, columns=["metric", *columns, "n"])


def npz(arrays: Mapping[str, np.ndarray], compress: bool = True) -> bytes:
    """Arrays as the bytes of a .npz file; what is too large to be read packed is not packed."""
    file, size = io.BytesIO(), sum(array.nbytes for array in arrays.values())
    save: Callable = np.savez_compressed if compress and size < LARGEST else np.savez
    save(file, **arrays)
    return file.getvalue()


def announced(path: Path) -> int:
    """How many arrays a .npz file says, at its very end, that it holds; MANY for more."""
    with open(path, "rb") as file:
        file.seek(-12, io.SEEK_END)
        return int.from_bytes(file.read(2), "little")


def read_npz(path: Path) -> np.lib.npyio.NpzFile:
    """Open a .npz file; raises UserError if it is not whole."""
    try:
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile) or stored.zip is None:
            raise ValueError("no .npz file")
        if min(len(stored.zip.infolist()), MANY) != announced(path):
            raise ValueError("its directory is not whole")
        packed = [entry for entry in stored.zip.infolist() if entry.compress_type]
        if sum(entry.file_size for entry in packed) > LARGEST:
            raise ValueError("it unpacks to more than 4 GiB")
        if wrong := stored.zip.testzip():  # an array that is read in part is not checked
            raise ValueError(f"the checksum of {wrong} is another")
        return stored
    except DAMAGE as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run again") from None
