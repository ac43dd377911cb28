"""Files that are either whole or not there (temporary file, fsync, rename), and folders that only one process writes to."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` atomically, in UTF-8."""
    write_bytes(path, content.encode())


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Whether this process is now the only one that writes to `folder`; the lock falls with the process, however it ends.

    Temporary files that a killed process left are removed.
    """
    path = folder / ".lock"
    while True:
        with open(path, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                continue  # its owner has just ended and removed it
            try:
                for stale in folder.glob(".*.tmp"):
                    stale.unlink()
                yield True
            finally:
                path.unlink(missing_ok=True)
            return


def is_locked(folder: Path) -> bool:
    """Whether a process writes to `folder` now."""
    try:
        with open(folder / ".lock") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
