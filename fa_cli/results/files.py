"""Files that are whole or not there, and folders that only one process writes to."""

import errno
import fcntl
import glob
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fa_cli.errors import complain
from fa_cli.processes import is_gone, this_process

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
UNFINISHED = ".fa-run.tmp"  # how the names of files end that are being written


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, making its folder: temporary file, fsync, rename.

    What killed processes had half written of that file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in unfinished(path.parent, f"{path.name}."):
        remove_if_left(stale)
    handle, temporary = tempfile.mkstemp(UNFINISHED, f".{path.name}.", path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it falls with the process
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` in the same way, in UTF-8."""
    write_bytes(path, content.encode())


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Whether this process is now the only one that writes to `folder`.

    The lock falls with the process, however it ends; temporary files of a killed one are removed.
    """
    path = folder / ".lock"
    while True:
        with open(path, "w") as file:
            if not lock_soon(file):
                yield False
                return
            if not is_at(file, path):
                continue  # its owner has just ended and removed it
            try:
                for place in (folder, folder / ".hydra"):
                    for stale in unfinished(place):
                        remove_if_left(stale)
                yield True
            finally:
                path.unlink(missing_ok=True)
                path.with_name(f"{path.name}-holder").unlink(missing_ok=True)
            return


def unfinished(folder: Path, name: str = "") -> list[Path]:
    """Files of a name, or all, that are being written, or were by a process that was killed."""
    return [*folder.glob(f".{glob.escape(name)}*{UNFINISHED}")]


def remove_if_left(path: Path) -> None:
    """Remove such a file if nobody writes it any more: its writer's lock has fallen."""
    with suppress(OSError), open(path) as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        path.unlink()


def lock_soon(file: IO) -> bool:
    """Lock an open file for this process alone; who only looks, with `is_locked`, is soon gone."""
    for _ in range(20):
        if lock(file, fcntl.LOCK_EX):
            return True
        time.sleep(0.01)
    return False


def is_locked(folder: Path) -> bool:
    """Whether a process writes to `folder` now."""
    try:
        with open(folder / ".lock") as file:
            return not lock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def lock(file: IO, kind: int) -> bool:
    """Lock an open file, without waiting; False where another process has it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return lock_without_system(Path(file.name), kind)
    return True


def lock_without_system(path: Path, kind: int) -> bool:
    """On a file system without locks: a file that says which process of which machine has it.

    One of a process of this machine that is no more does not count; others a person must remove.
    """
    holder = path.with_name(f"{path.name}-holder")
    while True:
        if kind == fcntl.LOCK_SH:
            return not holder.exists() or ended(holder)
        draft = path.with_name(f"{path.name}-{os.getpid()}{UNFINISHED}")
        draft.write_text(this_process())
        try:
            os.link(draft, holder)  # whole, or not at all
            complain(f"{path.parent} has no locks of files: {holder.name} stands for one")
            return True
        except FileExistsError:
            if not ended(holder):
                return False
            holder.unlink(missing_ok=True)
        finally:
            draft.unlink()


def ended(holder: Path) -> bool:
    """Whether the process that a holder's file names ran on this machine and is no more."""
    try:
        return is_gone(holder.read_text().replace(" ", ":"))  # as earlier versions wrote it
    except FileNotFoundError:
        return True


def is_at(file: IO, path: Path) -> bool:
    """Whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
