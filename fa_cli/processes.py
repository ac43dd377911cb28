"""Processes of this machine and of others, by host and number."""

import os
import socket


def this_process() -> str:
    """Host and number of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_gone(process: str) -> bool:
    """Whether a process, as `this_process` names it, ran on this machine and is no more."""
    host, _, number = process.rpartition(":")
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another person's
        pass
    return False
