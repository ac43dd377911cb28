"""What joblib's workers (`hydra/launcher=cores`) do not do by themselves: end well."""

import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fa_cli import errors, tally
from fa_cli.errors import Stopped
from fa_cli.processes import is_gone, this_process
from fa_cli.terminal import listening

RESTARTS = 3  # of a sweep whose workers are killed again and again
GRACE = 2.0  # seconds within which a second signal is the first: `timeout` sends two


def outlive(app: Callable) -> None:
    """Carry out a Hydra app; where joblib has lost a worker, and with it all others, once more.

    Finished runs are not trained again, the others go on from their checkpoints. Raises what joblib
    raises where RESTARTS in a row have brought no run to its end.
    """
    ended, idle = 0, 0
    while True:
        try:
            with checkpoints_first():
                return app()
        except Exception as error:
            before, ended = ended, len(tally.ended(tally.read(Path(os.environ[tally.TALLY]))))
            idle = 0 if ended > before else idle + 1
            if type(error).__module__.split(".")[0] != "joblib" or idle > RESTARTS:
                raise
            errors.complain("a worker was killed, and its runs with it: they go on")


@contextmanager
def checkpoints_first() -> Iterator[None]:
    """A signal that stops this process stops its workers, and waits for their checkpoints.

    joblib would kill them at once, or leave them behind. Who does not want to wait sends another.
    """
    since: list[float] = []  # when the first came

    def stop(number: int, frame: object) -> None:
        if since:
            if time.monotonic() - since[0] > GRACE:
                raise KeyboardInterrupt
            return
        since.append(time.monotonic())
        tally.add(tally.STOPPING)
        for process in training():
            with suppress(ProcessLookupError):
                os.kill(int(process.rpartition(":")[2]), number)
        while training():
            time.sleep(0.05)
        raise Stopped("stopped; the same command goes on from there", number)

    with listening(stop):
        yield


def refuses(error: BaseException) -> bool:
    """Whether joblib does not take what its launcher was told."""
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, ValueError | TypeError) and "joblib" in Path(frames[-1].filename).parts


def training() -> list[str]:
    """The processes of this command, other than this one, that are in the middle of a run."""
    endings = tally.read(Path(os.environ[tally.TALLY]))
    busy = {ending.process for ending in tally.lost(endings)} - {this_process()}
    return [process for process in busy if not is_gone(process)]
