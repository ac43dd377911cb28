"""checkpoint.npz: the full state of an unfinished run, from which the same command goes on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fa_cli.errors import UserError
from fa_cli.results.files import write_bytes
from fa_cli.results.formats import npz, read_npz
from fa_cli.results.identity import Identity, changed

FORMAT = 1
Arrays = Mapping[str, np.ndarray]


def write_checkpoint(
    path: Path, step: int, identity: Identity, data: Mapping[str, str], arrays: Arrays
) -> None:
    """Write the state before update `step`, with the run that it is of and its data's checksums."""
    own = {
        "format": np.array(FORMAT),
        "identity": np.array(json.dumps(identity.values)),
        "data": np.array(json.dumps(data)),
        "step": np.array(step),
    }
    write_bytes(path, npz({**arrays, **own}, compress=False))


def read_checkpoint(
    path: Path, identity: Identity, data: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint.

    `data`: the checksums of what is there now; checkpoints of earlier versions do not have them.
    Raises UserError where it is damaged, of another run, of other data, or of another version of
    fa-run.
    """
    with read_npz(path) as stored:
        if stored["format"] != FORMAT:
            raise UserError(
                f"{path} is of another version of fa-run: type resume=false to train from the start"
            )
        if found := identity.difference(json.loads(str(stored["identity"]))):
            raise UserError(
                f"{path} is of another run ({found}): "
                "type outputs=DIR to keep it, or resume=false to train from the start"
            )
        if "data" in stored and (what := changed(json.loads(str(stored["data"])), data)):
            raise UserError(
                f"{path} was made with other {what} than are there now: "
                "put them back, or type resume=false to train from the start"
            )
        return {key: stored[key] for key in stored.files}


def fill(state: Mapping[str, Any], stored: Arrays, backend: Any) -> None:
    """Put a checkpoint's state into the arrays of a run; ValueError where one is misshapen.

    Checkpoints of earlier versions hold no B: it was fixed then, and has been drawn again.
    """
    for name, array in state.items():
        if name.startswith("B") and f"state/{name}" not in stored:
            continue
        kept = stored[f"state/{name}"]
        if kept.shape != array.shape:
            raise ValueError(f"{name} has shape {kept.shape}, expected {array.shape}")
        array[...] = backend.to_device(kept, array.dtype)
